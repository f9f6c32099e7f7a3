"""Where Stripe tells us that something changed."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.services.payments.receive_stripe_event import receive_stripe_event
from billing.stripe_sync.events import ForgedEventError


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 as soon as it is kept, also when it came before; 400 for what Stripe did not
    sign within five minutes.
    """
    signature = request.headers.get("Stripe-Signature", "")
    try:
        receive_stripe_event(request.body, signature, now=timezone.now())
    except ForgedEventError:
        return HttpResponse(status=400)
    return HttpResponse(status=200)
