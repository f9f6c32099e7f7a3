"""Webhooks: where a tenant's own systems are told what happens."""

from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from billing.errors import BillingError, InvalidWebhookError
from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.add_webhook_endpoint import add_webhook_endpoint
from billing.services.webhooks.change_webhook_endpoint import change_webhook_endpoint
from billing.services.webhooks.remove_webhook_endpoint import remove_webhook_endpoint
from billing.services.webhooks.rotate_webhook_secret import rotate_webhook_secret
from billing.services.webhooks.webhook_secret import webhook_secret
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.tables import Rules, read_table
from frontend.undo import offer_undo
from frontend.webhooks.webhook_forms import (
    NewWebhookForm,
    WebhookChangeForm,
    WebhookForm,
)
from tenants.domain.roles import Permission

_FORM_TTL_SECONDS = 86_400
_ENDPOINTS = Rules(
    sorts={
        "added": "created_at",
        "url": "url",
        "arrival": Coalesce("succeeded_at", Value(datetime(1970, 1, 1, tzinfo=UTC))),
    },
    default="-added",
    search=("url", "description"),
)


def find_endpoint(access: Access, endpoint_id: UUID) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.in_use().filter(tenant=access.tenant)
    return get_object_or_404(rows, public_id=endpoint_id)


@require_safe
@tenant_page
def webhooks(request: HttpRequest, access: Access) -> HttpResponse:
    rows = WebhookEndpoint.objects.in_use().filter(tenant=access.tenant)
    table = read_table(request.GET, rows, _ENDPOINTS)
    context = {"table": table, "endpoints": table.rows}
    return render(request, "frontend/webhooks/webhooks.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def add_webhook(request: HttpRequest, access: Access) -> HttpResponse:
    """A valid POST answers with the secret, once."""
    if request.method != "POST":
        return _form_page(request, NewWebhookForm())
    form = NewWebhookForm(request.POST)
    if form.is_valid():
        if not _is_first_use(access, form):
            messages.info(request, gettext("This endpoint was added before."))
            return redirect("frontend:webhooks")
        if endpoint := _add(access, form):
            return _show_secret(request, endpoint, webhook_secret(endpoint))
    return _form_page(request, form)


def _add(access: Access, form: NewWebhookForm) -> WebhookEndpoint | None:
    """None: refused, and the reason is beside its field."""
    try:
        return add_webhook_endpoint(
            tenant=access.tenant, now=timezone.now(), **form.values
        )
    except BillingError as error:
        cache.delete(_form_key(access, form))
        _refuse(form, error)
        return None


def _refuse(form: WebhookForm, error: BillingError) -> None:
    field = error.field if isinstance(error, InvalidWebhookError) else None
    form.add_error(field, str(error))


def _form_key(access: Access, form: NewWebhookForm) -> str:
    return f"webhook-form:{access.user.pk}:{form.cleaned_data['form_id']}"


def _is_first_use(access: Access, form: NewWebhookForm) -> bool:
    return cache.add(_form_key(access, form), 1, timeout=_FORM_TTL_SECONDS)


def _show_secret(
    request: HttpRequest, endpoint: WebhookEndpoint, secret: str
) -> HttpResponse:
    context = {"endpoint": endpoint, "secret": secret}
    return render(request, "frontend/webhooks/webhook_secret.html", context)


def _form_page(
    request: HttpRequest, form: WebhookForm, endpoint: WebhookEndpoint | None = None
) -> HttpResponse:
    context = {"form": form, "endpoint": endpoint}
    status = 422 if form.errors else 200
    return render(
        request, "frontend/webhooks/webhook_form.html", context, status=status
    )


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def change_webhook(
    request: HttpRequest, access: Access, endpoint_id: UUID
) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    if request.method != "POST":
        return _form_page(request, WebhookChangeForm.of(endpoint), endpoint)
    form = WebhookChangeForm(request.POST)
    if form.is_valid():
        try:
            change_webhook_endpoint(endpoint, **form.values)
        except BillingError as error:
            _refuse(form, error)
        else:
            messages.success(request, gettext("Saved."))
            return redirect("frontend:webhook", endpoint_id)
    return _form_page(request, form, endpoint)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def rotate_webhook(
    request: HttpRequest, access: Access, endpoint_id: UUID
) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    if request.method != "POST":
        return render(
            request, "frontend/webhooks/webhook_rotate.html", {"endpoint": endpoint}
        )
    secret = rotate_webhook_secret(endpoint, now=timezone.now())
    return _show_secret(request, endpoint, secret)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.BUILD)
def remove_webhook(
    request: HttpRequest, access: Access, endpoint_id: UUID
) -> HttpResponse:
    endpoint = find_endpoint(access, endpoint_id)
    host = urlsplit(endpoint.url).hostname or endpoint.url
    label = _("Type the host of its address")
    form = TypedNameForm(host, *posted(request), label=label)
    if not form.is_valid():
        context = {"form": form, "endpoint": endpoint}
        return render_form(request, "frontend/webhooks/webhook_remove.html", context)
    now = timezone.now()
    remove_webhook_endpoint(endpoint, now=now)
    told = _("Nothing more is sent to %s.") % endpoint.url
    offer_undo(request, access, told, act="webhook", id=endpoint.pk, at=now)
    return redirect("frontend:webhooks")
