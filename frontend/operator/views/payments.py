"""Payments as operators see them: bank transfers, and what is wrong with Stripe."""

from collections.abc import Mapping

from django.contrib import messages
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from billing.domain.money import amount_of_cents
from billing.errors import BillingError
from billing.models.invoices import Invoice
from billing.models.payments import Payment, Refund
from billing.models.provider import StripeEvent, StripeOrder
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.replay_stripe_events import replay_stripe_events
from frontend.access import operator_page
from frontend.currency import write_amounts_in
from frontend.operator.payment_forms import TransferForm
from frontend.tables import Rules, read_table

PROBLEMS_SHOWN = 50
"""Of each kind: a list of what is to be done, which empties as it is."""
_SORTS: Mapping[str, str | Combinable] = {
    "begun": "created_at",
    "tenant": Lower("tenant__name"),
    "status": "status",
    "amount": "amount_cents",
}
_PAYMENTS = Rules(
    sorts=_SORTS,
    default="-begun",
    search=("tenant__name", "invoice__number", "note", "failure_code"),
)
_REFUNDS = Rules(
    sorts=_SORTS,
    default="-begun",
    search=(
        "tenant__name",
        "payment__invoice__number",
        "credit_note__number",
        "reason",
    ),
    prefix="refunds_",
)
_INVALID = 422


@require_safe
@operator_page
def payments(request: HttpRequest) -> HttpResponse:
    rows = Payment.objects.select_related("tenant", "invoice", "method", "chargeback")
    refunds = Refund.objects.select_related("tenant", "payment__invoice", "credit_note")
    orders = StripeOrder.objects.exclude(problem="").select_related(
        "tenant", "payment", "refund"
    )
    events = StripeEvent.objects.exclude(problem="")
    context = {
        "payments": read_table(request.GET, rows, _PAYMENTS),
        "refunds": read_table(request.GET, refunds, _REFUNDS),
        "orders": orders.order_by("-try_after", "-pk")[:PROBLEMS_SHOWN],
        "events": events.order_by("-received_at", "-pk")[:PROBLEMS_SHOWN],
    }
    return render(request, "frontend/operator/payments.html", context)


@require_POST
@operator_page
def replay(request: HttpRequest, event_id: int) -> HttpResponse:
    event = get_object_or_404(StripeEvent, pk=event_id)
    replay_stripe_events(now=timezone.now(), stripe_ids=[event.stripe_id])
    messages.success(
        request,
        gettext("%(stripe_id)s is applied again within seconds.")
        % {"stripe_id": event.stripe_id},
    )
    return redirect("frontend:operator_payments")


@require_http_methods(["GET", "POST"])
@operator_page
def record_transfer(request: HttpRequest, invoice_id: int) -> HttpResponse:
    invoice = get_object_or_404(Invoice.objects.select_related("tenant"), pk=invoice_id)
    write_amounts_in(invoice.currency)
    form = TransferForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _record(invoice, form)
        except BillingError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("The transfer is recorded."))
            return redirect("frontend:operator_invoice", invoice.pk)
    context = {
        "invoice": invoice,
        "currency": invoice.currency,
        "form": form,
        "title": gettext("Record a bank transfer for %(invoice)s")
        % {"invoice": invoice},
        "button": gettext("Record it"),
        "button_kind": "primary",
        "facts": [(gettext("Due"), amount_of_cents(max(0, due_cents(invoice))))],
        "explanation": gettext(
            "When the money is on your account. Less than is due leaves the"
            " rest due; more is refused."
        ),
    }
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/confirm.html", context, status=status)


def _record(invoice: Invoice, form: TransferForm) -> None:
    record_bank_transfer(
        tenant=invoice.tenant,
        amount_cents=form.cleaned_data["amount"],
        invoice=invoice,
        note=form.cleaned_data["note"],
        idempotency_key=f"transfer-{form.cleaned_data['key']}",
        now=timezone.now(),
    )
