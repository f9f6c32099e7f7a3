"""Mails and webhook messages of all tenants, as operators see them. Staff only."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.models.webhooks import WebhookMessage
from billing.services.invoices.send_document_mail_again import send_document_mail_again
from billing.services.webhooks.replay_webhooks import replay_webhooks
from frontend.access import operator_page
from frontend.operator.deliveries import (
    KINDS,
    MESSAGE_STATES,
    MailFilterForm,
    MessageFilterForm,
    read_page,
)
from tenants.domain.mail_kinds import MailKind
from tenants.mail_models import SentMail
from tenants.services.note_act import note_act

TRIES_SHOWN = 50
_DAY = timedelta(days=1)


@require_safe
@operator_page
def mails(request: HttpRequest) -> HttpResponse:
    form = MailFilterForm(request.GET)
    rows = SentMail.objects.filter(form.condition).select_related("tenant")
    page = read_page(rows, request.GET.get("before", ""))
    for mail in page.rows:
        mail.title = KINDS[MailKind(mail.kind)]
    lately = SentMail.objects.filter(at__gt=timezone.now() - _DAY)
    context = {
        **_shown(form, page),
        "counts": lately.aggregate(
            sent=Count("pk", filter=Q(error="")),
            failed=Count("pk", filter=~Q(error="")),
        ),
    }
    return render(request, "frontend/operator/mails.html", context)


def _shown(form: MailFilterForm | MessageFilterForm, page: Any) -> dict[str, Any]:
    said = form.said
    return {
        "form": form,
        "page": page,
        "query": urlencode(said),
        "is_filtered": bool(said),
    }


@require_POST
@operator_page
@transaction.atomic
def resend_mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    mail = get_object_or_404(SentMail, pk=mail_id)
    if send_document_mail_again(mail.about, now=timezone.now()):
        messages.success(request, gettext("It is sent again within half a minute."))
        if mail.tenant_id is not None:
            note_act(
                "staff.mail_sent_again",
                tenant_id=mail.tenant_id,
                about=mail,
                words=f"{mail.kind} to {mail.recipient}",
            )
    else:
        messages.error(request, gettext("This mail cannot be made again."))
    return redirect("frontend:operator_deliveries")


@require_safe
@operator_page
def webhooks(request: HttpRequest) -> HttpResponse:
    form = MessageFilterForm(request.GET)
    rows = WebhookMessage.objects.filter(form.condition)
    page = read_page(
        rows.select_related("tenant", "endpoint"), request.GET.get("before", "")
    )
    due = WebhookMessage.objects.filter(next_try_at__isnull=False)
    lately = WebhookMessage.objects.filter(created_at__gt=timezone.now() - _DAY)
    context = {
        **_shown(form, page),
        "waiting": due.aggregate(
            count=Count("pk"),
            failing=Count("pk", filter=MESSAGE_STATES["failing"][1]),
            oldest=Min("created_at"),
        ),
        "counts": lately.aggregate(
            arrived=Count("pk", filter=MESSAGE_STATES["arrived"][1]),
            given_up=Count("pk", filter=MESSAGE_STATES["given_up"][1]),
        ),
    }
    return render(request, "frontend/operator/webhooks.html", context)


@require_safe
@operator_page
def webhook(request: HttpRequest, message_id: str) -> HttpResponse:
    """One message and its tries. Its body is the tenant's and not shown."""
    rows = WebhookMessage.objects.select_related("tenant", "endpoint")
    message = get_object_or_404(rows, message_id=message_id)
    context = {
        "message": message,
        "tries": message.tries.order_by("-pk")[:TRIES_SHOWN],
    }
    return render(request, "frontend/operator/webhook.html", context)


@require_POST
@operator_page
@transaction.atomic
def replay(request: HttpRequest, message_id: str) -> HttpResponse:
    rows = WebhookMessage.objects.select_related("endpoint")
    message = get_object_or_404(rows, message_id=message_id)
    replay_webhooks(message.endpoint, message_id=message_id, now=timezone.now())
    note_act(
        "staff.webhook_replayed",
        tenant_id=message.tenant_id,
        about=message,
        words=f"{message.type} {message_id}",
    )
    if message.endpoint.is_enabled:
        messages.success(request, gettext("It will be sent again."))
    else:
        messages.warning(
            request, gettext("It waits: its endpoint is disabled by its owners.")
        )
    return redirect("frontend:operator_webhook", message_id)
