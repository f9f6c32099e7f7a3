"""Begin to get money by card: for an invoice, or for credit."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.money import NANOS_PER_CENT
from billing.domain.payments import CARD_CENTS_MIN
from billing.errors import (
    CardPaymentsOffError,
    IdempotencyKeyReusedError,
    InvalidAmountError,
    NothingDueError,
    PaymentInProgressError,
)
from billing.models.invoices import Invoice
from billing.models.payments import (
    Payment,
    PaymentKind,
    PaymentMethod,
    PaymentStatus,
)
from billing.models.provider import StripeOrder
from billing.services.invoices.settle_invoice import due_cents
from billing.services.ledger.currency_of import currency_of
from billing.services.ledger.lock_tenant import lock_tenant
from billing.stripe_sync.client import is_on
from tenants.domain.amounts import text_of_cents
from tenants.domain.limits import AMOUNT_MAX
from tenants.models import Tenant
from tenants.services.note_act import note_act

OPEN = (PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION)


@transaction.atomic
def start_payment(
    *,
    tenant: Tenant,
    amount_cents: int,
    invoice: Invoice | None,
    method: PaymentMethod | None,
    idempotency_key: str,
    now: datetime,
) -> Payment:
    """The pending payment; Stripe is asked by `work_off_order` afterwards.

    `invoice` None: it buys credit. `method` None: the tenant types a card on a page of
    Stripe's (`open_payment_page`). Safe twice with one key. Raises
    IdempotencyKeyReusedError, CardPaymentsOffError, InvalidAmountError (also for more
    than is due), NothingDueError, and PaymentInProgressError while another payment of
    the invoice is open.
    """
    if not is_on():
        raise CardPaymentsOffError(gettext("Cards cannot be charged here."))
    lock_tenant(tenant.pk)
    key = {"tenant": tenant, "idempotency_key": idempotency_key}
    if found := Payment.objects.filter(**key).first():
        if (found.amount_cents, found.invoice) == (amount_cents, invoice):
            return found
        raise IdempotencyKeyReusedError(
            gettext("%(idempotency_key)s names another payment.")
            % {"idempotency_key": repr(idempotency_key)}
        )
    _check(amount_cents, invoice)
    payment = Payment.objects.create(
        **key,
        currency=currency_of(tenant.pk),
        invoice=invoice,
        kind=PaymentKind.CARD,
        method=method,
        amount_cents=amount_cents,
        created_at=now,
    )
    what = f"of {invoice.number}" if invoice else "for credit"
    words = f"{text_of_cents(amount_cents)} by card {what}"
    note_act("payment.started", tenant_id=tenant.pk, about=payment, words=words)
    StripeOrder.objects.create(tenant=tenant, payment=payment, try_after=now)
    return payment


def _check(amount_cents: int, invoice: Invoice | None) -> None:
    if invoice is not None:
        _check_due(amount_cents, invoice)
    if not CARD_CENTS_MIN <= amount_cents <= AMOUNT_MAX // NANOS_PER_CENT:
        raise InvalidAmountError(gettext("A card is charged at least 50 cents."))


def _check_due(amount_cents: int, invoice: Invoice) -> None:
    due = due_cents(Invoice.objects.get(pk=invoice.pk))
    if due <= 0:
        raise NothingDueError(gettext("Nothing is due of this invoice."))
    if amount_cents > due:
        raise InvalidAmountError(gettext("That is more than is due of this invoice."))
    if Payment.objects.filter(invoice=invoice, status__in=OPEN).exists():
        raise PaymentInProgressError(
            gettext("A payment of this invoice is under way; wait for its end.")
        )
