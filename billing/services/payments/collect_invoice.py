"""Charge an issued invoice to the tenant's default card, if it has one."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.invoice import InvoiceStatus
from billing.domain.payments import CARD_CENTS_MIN
from billing.errors import BillingError
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentMethod
from billing.services.invoices.settle_invoice import due_cents
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.start_payment import start_payment
from billing.stripe_sync.client import is_on

COLLECTED_AT_ONCE = 500


@transaction.atomic
def collect_invoice(
    invoice_id: int, *, now: datetime, attempt: str = "first"
) -> Payment | None:
    """The payment that was started, once for each `attempt`; None: nothing is due, it
    is too little for a card, or there is no card. Raises what `start_payment` raises.
    """
    invoice = Invoice.objects.select_related("tenant").get(pk=invoice_id)
    lock_tenant(invoice.tenant_id)
    key = f"invoice-{invoice_id}-{attempt}"
    done = Payment.objects.filter(tenant=invoice.tenant, idempotency_key=key).first()
    if done is not None:
        return done
    method = default_card(invoice.tenant_id)
    due = due_cents(invoice)
    if method is None or due < CARD_CENTS_MIN or not is_on():
        return None
    return start_payment(
        tenant=invoice.tenant,
        amount_cents=due,
        invoice=invoice,
        method=method,
        idempotency_key=key,
        now=now,
    )


def default_card(tenant_id: int) -> PaymentMethod | None:
    return PaymentMethod.objects.filter(
        tenant_id=tenant_id, is_default=True, removed_at=None
    ).first()


def collect_issued_invoices(*, now: datetime) -> int:
    """How many payments were started: for issued invoices that no card was charged for
    yet, of tenants who have one.
    """
    if not is_on():
        return 0
    rows = (
        Invoice.objects.filter(
            status=InvoiceStatus.ISSUED,
            tenant__payment_methods__is_default=True,
            tenant__payment_methods__removed_at=None,
            total_cents__gte=F("credit_applied_cents") + CARD_CENTS_MIN,
        )
        .exclude(payments__method__isnull=False)
        .order_by("issued_at")
        .values_list("pk", flat=True)
    )
    return sum(_is_collected(pk, now) for pk in rows[:COLLECTED_AT_ONCE])


def _is_collected(invoice_id: int, now: datetime) -> bool:
    try:
        return collect_invoice(invoice_id, now=now) is not None
    except BillingError:  # paid or being paid by now
        return False
