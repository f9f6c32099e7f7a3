"""Staff saw money on our account: book it for an invoice, or as credit."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.money import NANOS_PER_CENT
from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    NothingDueError,
)
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentKind, PaymentStatus
from billing.services.invoices.settle_invoice import due_cents
from billing.services.ledger.currency_of import currency_of
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.book_payment import book_payment
from tenants.domain.amounts import text_of_cents
from tenants.domain.limits import AMOUNT_MAX
from tenants.models import Tenant
from tenants.services.note_act import note_act

NOTE_CHARACTERS_MAX = 200


@transaction.atomic
def record_bank_transfer(
    *,
    tenant: Tenant,
    amount_cents: int,
    invoice: Invoice | None,
    note: str,
    idempotency_key: str,
    now: datetime,
) -> Payment:
    """The payment, booked once for its key. `invoice` None: it buys credit. `note` is
    the transfer's reference.

    Less than is due is taken, and leaves the rest due. Raises InvalidAmountError, also
    for more than is due: whoever types it says what the rest is for. Raises
    NothingDueError, and IdempotencyKeyReusedError.
    """
    if not 0 < amount_cents <= AMOUNT_MAX // NANOS_PER_CENT:
        raise InvalidAmountError(gettext("A transfer is more than nothing."))
    if len(note) > NOTE_CHARACTERS_MAX:
        raise InvalidAmountError(
            gettext("A note has %(NOTE_CHARACTERS_MAX)s characters at most.")
            % {"NOTE_CHARACTERS_MAX": NOTE_CHARACTERS_MAX}
        )
    lock_tenant(tenant.pk)
    key = {"tenant": tenant, "idempotency_key": idempotency_key}
    if found := Payment.objects.filter(**key).first():
        if (found.amount_cents, found.invoice, found.note) == (
            amount_cents,
            invoice,
            note,
        ):
            return found
        raise IdempotencyKeyReusedError(
            gettext("%(idempotency_key)s names another payment.")
            % {"idempotency_key": repr(idempotency_key)}
        )
    due = _checked_due(invoice, amount_cents)
    payment = Payment.objects.create(
        **key,
        currency=currency_of(tenant.pk),
        invoice=invoice,
        kind=PaymentKind.BANK_TRANSFER,
        amount_cents=amount_cents,
        status=PaymentStatus.SUCCEEDED,
        note=note,
        created_at=now,
        settled_at=now,
    )
    words = f"{text_of_cents(amount_cents)} by bank transfer"
    note_act("payment.recorded", tenant_id=tenant.pk, about=payment, words=words)
    book_payment(payment, due_before_cents=due, now=now)
    return payment


def _checked_due(invoice: Invoice | None, amount_cents: int) -> int:
    if invoice is None:
        return 0
    due = due_cents(Invoice.objects.get(pk=invoice.pk))
    if due <= 0:
        raise NothingDueError(gettext("Nothing is due of this invoice."))
    if amount_cents > due:
        raise InvalidAmountError(
            gettext(
                "That is more than is due (%(due)s cents). Record what is due for the"
                " invoice, and the rest as credit."
            )
            % {"due": due}
        )
    return due
