"""See to unpaid invoices: try the card again, send mails, restrict the tenant."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Min, Q

from billing.domain.dunning import (
    Step,
    dunning_mail,
    failure_mail,
    level_at,
    retry_due,
)
from billing.domain.invoice import InvoiceStatus
from billing.domain.money import decimal_of_document
from billing.domain.payments import CARD_CENTS_MIN
from billing.errors import BillingError
from billing.models.dunning import DunningStep
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentKind, PaymentStatus
from billing.services.dunning.lift_restriction import called_for, lift_restriction
from billing.services.invoices.settle_invoice import due_cents
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.webhooks.emit_event import emit_event
from tenants.domain.letters import Letter
from tenants.domain.mail_kinds import MailKind
from tenants.domain.roles import Role
from tenants.models import Restriction, Tenant
from tenants.services.send_letter import send_letter
from tenants.services.set_restriction import set_restriction

_logger = logging.getLogger(__name__)
_CARD_FAILED = Q(payments__kind=PaymentKind.CARD, payments__status=PaymentStatus.FAILED)


def dun_invoices(*, now: datetime) -> int:
    """How many steps were taken. What cannot be done now is logged and tried again."""
    invoices = (
        Invoice.objects.filter(status=InvoiceStatus.ISSUED)
        .filter(Q(due_at__lte=now) | _CARD_FAILED)
        .distinct()
        .select_related("tenant")
        .order_by("pk")
    )
    taken = sum(_dun(invoice, now) for invoice in invoices.iterator(chunk_size=200))
    for tenant in Tenant.objects.exclude(restriction=Restriction.NONE):
        _restrict(tenant.pk, now)  # a note or a void may have left nothing overdue
    return taken


def _dun(invoice: Invoice, now: datetime) -> int:
    due = due_cents(invoice)
    if due < CARD_CENTS_MIN:
        return 0
    try:
        return _see_to_card(invoice, due, now) + _see_to_level(invoice, due, now)
    except (OSError, DatabaseError, BillingError):
        _logger.exception("dunning of invoice %s", invoice)
        return 0


def _see_to_card(invoice: Invoice, due: int, now: datetime) -> int:
    failed = invoice.payments.filter(kind=PaymentKind.CARD, status=PaymentStatus.FAILED)
    first_failed_at = failed.aggregate(first=Min("settled_at"))["first"]
    if first_failed_at is None:
        return 0
    latest = failed.order_by("-settled_at", "-pk")[0]
    mail = _failure_mail(invoice, latest, due)
    taken = int(_take(invoice, Step.PAYMENT_FAILED, mail, now))
    steps = DunningStep.objects.filter(invoice=invoice).values_list("step", flat=True)
    step = retry_due(first_failed_at, [Step(one) for one in steps], now)
    if step is None:
        return taken
    if collect_invoice(invoice.pk, now=now, attempt=step.value) is not None:
        taken += int(_take(invoice, step, None, now))
    return taken


def _see_to_level(invoice: Invoice, due: int, now: datetime) -> int:
    if invoice.due_at is None or (level := level_at(invoice.due_at, now)) is None:
        return 0
    mail = dunning_mail(
        level,
        tenant_name=invoice.tenant.name,
        number=str(invoice.number),
        due=decimal_of_document(due),
        currency=invoice.currency,
        due_at=invoice.due_at,
        url=_url(invoice),
    )
    is_taken = _take(invoice, level, mail, now)
    _restrict(invoice.tenant_id, now)
    return int(is_taken)


@transaction.atomic
def _take(invoice: Invoice, step: Step, mail: Letter | None, now: datetime) -> bool:
    """The row goes in first: whoever else is here waits for it, and then finds it. It
    is kept once the mail is on its way.
    """
    _, is_new = DunningStep.objects.get_or_create(
        invoice=invoice,
        step=step.value,
        defaults={"tenant_id": invoice.tenant_id, "taken_at": now},
    )
    if is_new and mail is not None:
        owners = invoice.tenant.members.filter(role=Role.OWNER)
        addresses = list(owners.values_list("user__email", flat=True))
        if addresses:
            send_letter(
                kind=MailKind.DUNNING,
                to=addresses,
                letter=mail,
                tenant_id=invoice.tenant_id,
            )
    return is_new


@transaction.atomic
def _restrict(tenant_id: int, now: datetime) -> None:
    """As its overdue invoices call for, whether that is more than before or less."""
    lock_tenant(tenant_id)
    if lift_restriction(tenant_id, now=now):
        return
    needed = called_for(tenant_id, now)
    tenant = Tenant.objects.get(pk=tenant_id)
    if needed in (Restriction.NONE, tenant.restriction):
        return
    set_restriction(tenant_id=tenant_id, restriction=needed)
    emit_event(
        tenant_id=tenant_id,
        type="tenant.restricted",
        data={"restriction": needed.value},
        now=now,
    )


def _failure_mail(invoice: Invoice, payment: Payment, due: int) -> Letter:
    return failure_mail(
        tenant_name=invoice.tenant.name,
        number=str(invoice.number),
        due=decimal_of_document(due),
        currency=invoice.currency,
        words=payment.failure_text,
        url=_url(invoice),
    )


def _url(invoice: Invoice) -> str:
    return f"{settings.PORTAL_URL}/invoices/{invoice.pk}/"
