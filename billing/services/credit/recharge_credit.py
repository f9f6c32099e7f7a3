"""Buy credit for tenants that asked for it to be bought by itself."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q, Sum

from billing.domain.periods import month_of
from billing.domain.recharge import (
    RechargeSoFar,
    RechargeTerms,
    is_recharge_due,
    no_card_mail,
)
from billing.errors import BillingError
from billing.models.auto_recharge import AutoRecharge
from billing.models.payments import Payment, PaymentStatus
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.collect_invoice import default_card
from billing.services.payments.start_payment import OPEN, start_payment
from billing.services.spend.read_spend import read_spend
from billing.stripe_sync.client import is_on
from tenants.domain.mail_kinds import MailKind
from tenants.services.find_payer_addresses import find_payer_addresses
from tenants.services.send_letter import send_letter

KEY = "auto-recharge-"
"""Begin of the idempotency keys of these payments."""
AFTER_FAILURE = timedelta(days=1)

_logger = logging.getLogger(__name__)


def recharge_credit(*, now: datetime) -> int:
    """How many payments were begun; `work_off_order` has them charged.

    What is left is what the limits go by; a tenant whose counters are not known now is
    left for the next time. Where no card can be charged the owners get one mail. Safe
    twice and at the same time: a purchase is begun under the tenant's lock, and none
    while another is open.
    """
    rows = AutoRecharge.objects.filter(is_enabled=True).order_by("pk")
    return sum(_is_begun(row, now) for row in rows.select_related("tenant"))


def _is_begun(row: AutoRecharge, now: datetime) -> bool:
    try:
        spend = read_spend(row.tenant_id, [], now=now)
        return spend is not None and _recharge(row.pk, spend.credit_left, now)
    except (BillingError, DatabaseError, OSError):
        _logger.exception("no credit is bought for tenant %s", row.tenant_id)
        return False


@transaction.atomic
def _recharge(pk: int, left_nanos: int, now: datetime) -> bool:
    row = AutoRecharge.objects.select_related("tenant").get(pk=pk)
    lock_tenant(row.tenant_id)
    row.refresh_from_db()
    terms = RechargeTerms(
        threshold_nanos=row.threshold_nanos,
        amount_cents=row.amount_cents,
        monthly_max_cents=row.monthly_max_cents,
    )
    so_far = _so_far(row.tenant_id, now)
    if not row.is_enabled or not is_recharge_due(terms, so_far, left_nanos=left_nanos):
        return False
    card = default_card(row.tenant_id) if is_on() else None
    if card is None:
        _tell_once(row, left_nanos, now)
        return False
    row.sequence += 1
    row.told_at = None
    row.save(update_fields=["sequence", "told_at"])
    start_payment(
        tenant=row.tenant,
        amount_cents=row.amount_cents,
        invoice=None,
        method=card,
        idempotency_key=f"{KEY}{row.sequence}",
        now=now,
    )
    return True


def _so_far(tenant_id: int, now: datetime) -> RechargeSoFar:
    bought = Payment.objects.filter(
        tenant_id=tenant_id, invoice=None, idempotency_key__startswith=KEY
    )
    month = bought.filter(
        Q(status=PaymentStatus.SUCCEEDED) | Q(status__in=OPEN),
        created_at__gte=month_of(now).start,
    )
    failed = bought.filter(
        status__in=(PaymentStatus.FAILED, PaymentStatus.CANCELED),
        created_at__gt=now - AFTER_FAILURE,
    )
    return RechargeSoFar(
        this_month_cents=int(month.aggregate(total=Sum("amount_cents"))["total"] or 0),
        is_one_open=bought.filter(status__in=OPEN).exists(),
        has_failed_lately=failed.exists(),
    )


def _tell_once(row: AutoRecharge, left_nanos: int, now: datetime) -> None:
    """The row first: whoever else is here waits for the lock, then finds it."""
    if row.told_at is not None:
        return
    row.told_at = now
    row.save(update_fields=["told_at"])
    mail = no_card_mail(
        tenant_name=row.tenant.name,
        currency=row.tenant.currency,
        left_nanos=left_nanos,
        url=f"{settings.PORTAL_URL}/credit/",
    )
    if addresses := find_payer_addresses(row.tenant):
        send_letter(
            kind=MailKind.RECHARGE,
            to=addresses,
            letter=mail,
            tenant_id=row.tenant_id,
        )
