"""Tell a tenant, and its systems, when its prepaid credit runs low."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.domain.event_types import EventType
from billing.domain.low_credit import credit_mail, passed_thresholds
from billing.models.credit import CreditGrant
from billing.models.event_cursors import CreditAlert, CreditThreshold
from billing.services.spend.read_spend import read_spend
from billing.services.webhooks.emit_event import emit_event
from tenants.domain.mail_kinds import MailKind
from tenants.models import Tenant
from tenants.services.find_payer_addresses import find_payer_addresses
from tenants.services.send_letter import send_letter

_logger = logging.getLogger(__name__)


def alert_credit(*, now: datetime) -> int:
    """How many tenants were told: those that may spend their credit and no more, and
    whose credit passed a threshold that it had not passed since the last grant.

    What is left is what the limits go by; a tenant whose counters are not known now is
    left for the next time, as is a mail that cannot be sent.
    """
    tenants = Tenant.objects.filter(is_prepaid=True, credit_grants__isnull=False)
    return sum(_alert(tenant, now) for tenant in tenants.distinct().order_by("pk"))


def _alert(tenant: Tenant, now: datetime) -> bool:
    spend = read_spend(tenant.pk, [], now=now)
    if spend is None:
        return False
    own = CreditThreshold.objects.filter(tenant=tenant).first()
    grant = CreditGrant.objects.filter(tenant=tenant).latest("granted_at", "pk")
    reached = passed_thresholds(
        left_nanos=spend.credit_left,
        granted_nanos=grant.amount_nanos,
        own_nanos=None if own is None else own.amount_nanos,
    )
    try:
        return _tell_once(grant, reached, spend.credit_left, now)
    except OSError:
        _logger.exception("no mail about the credit of tenant %s", tenant)
        return False


@transaction.atomic
def _tell_once(
    grant: CreditGrant, reached: list[int], left: int, now: datetime
) -> bool:
    """The rows go in first: whoever else is here waits for them, then finds them."""
    new = [threshold for threshold in reached if _is_new(grant, threshold, now)]
    if not new:
        return False
    emit_event(
        tenant_id=grant.tenant_id,
        type=EventType.CREDIT_LOW,
        data={
            "left_nanos": left,
            "threshold_nanos": new[-1],
            "currency": grant.tenant.currency,
        },
        now=now,
    )
    mail = credit_mail(
        tenant_name=grant.tenant.name,
        currency=grant.tenant.currency,
        left_nanos=left,
        url=f"{settings.PORTAL_URL}/limits/",
    )
    if addresses := find_payer_addresses(grant.tenant):
        send_letter(
            kind=MailKind.CREDIT,
            to=addresses,
            letter=mail,
            tenant_id=grant.tenant_id,
        )
    return True


def _is_new(grant: CreditGrant, threshold: int, now: datetime) -> bool:
    _, is_new = CreditAlert.objects.get_or_create(
        tenant_id=grant.tenant_id,
        grant=grant,
        threshold_nanos=threshold,
        defaults={"alerted_at": now},
    )
    return is_new
