"""What was sent to a webhook endpoint, how it went, and sending it again."""

import json
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from billing.errors import BillingError
from billing.services.webhooks.ping_webhook import ping_webhook
from billing.services.webhooks.replay_webhooks import replay_webhooks
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.tables import Rules, read_table
from frontend.webhooks.views.webhooks import find_endpoint
from frontend.webhooks.webhook_forms import ReplayForm
from tenants.domain.roles import Permission

_MESSAGES = Rules(
    sorts={"when": "pk", "event": "type", "tries": "attempts"},
    default="-when",
    search=("type", "message_id"),
)
_STATES = {
    "": (gettext_lazy("All"), Q()),
    "arrived": (gettext_lazy("Arrived"), Q(delivered_at__isnull=False)),
    "waiting": (gettext_lazy("Waiting"), Q(next_try_at__isnull=False)),
    "failed": (gettext_lazy("Given up"), Q(failed_at__isnull=False)),
}
"""By name in the address: title, and which."""
TRIES_SHOWN = 50


@require_safe
@tenant_page
def webhook(request: HttpRequest, access: Access, endpoint_id: UUID) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    state = request.GET.get("state", "")
    state = state if state in _STATES else ""
    rows = endpoint.messages.filter(_STATES[state][1])
    context = {
        "endpoint": endpoint,
        "log": read_table(request.GET, rows, _MESSAGES),
        "states": {name: title for name, (title, _) in _STATES.items()},
        "state": state,
        "form": ReplayForm(),
    }
    return render(request, "frontend/webhooks/webhook.html", context)


@require_safe
@tenant_page
def message(
    request: HttpRequest, access: Access, endpoint_id: UUID, message_id: str
) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    found = get_object_or_404(endpoint.messages, message_id=message_id)
    context = {
        "endpoint": endpoint,
        "message": found,
        "payload": json.dumps(json.loads(found.payload), indent=2, ensure_ascii=False),
        "tries": found.tries.order_by("-pk")[:TRIES_SHOWN],
    }
    return render(request, "frontend/webhooks/webhook_message.html", context)


@require_http_methods(["POST"])
@tenant_page_for(Permission.BUILD)
def ping(request: HttpRequest, access: Access, endpoint_id: UUID) -> HttpResponse:
    try:
        ping_webhook(find_endpoint(access, endpoint_id), now=timezone.now())
    except BillingError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("A test message is on its way."))
    return redirect("frontend:webhook", endpoint_id)


@require_http_methods(["POST"])
@tenant_page_for(Permission.BUILD)
def replay(request: HttpRequest, access: Access, endpoint_id: UUID) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    form, now = ReplayForm(request.POST), timezone.now()
    if form.is_valid():
        since = now - timedelta(hours=form.cleaned_data["hours"])
        count = replay_webhooks(endpoint, since=since, now=now)
        messages.success(
            request, gettext("%(count)s will be sent again.") % {"count": count}
        )
    return redirect("frontend:webhook", endpoint_id)


@require_http_methods(["POST"])
@tenant_page_for(Permission.BUILD)
def replay_message(
    request: HttpRequest, access: Access, endpoint_id: UUID, message_id: str
) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    get_object_or_404(endpoint.messages, message_id=message_id)
    replay_webhooks(endpoint, message_id=message_id, now=timezone.now())
    messages.success(request, gettext("It will be sent again."))
    return redirect("frontend:webhook_message", endpoint_id, message_id)
