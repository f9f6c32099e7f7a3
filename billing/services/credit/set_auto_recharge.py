"""Have credit bought by itself, or no longer."""

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.payments import CARD_CENTS_MIN
from billing.domain.recharge import RechargeTerms
from billing.errors import InvalidAmountError
from billing.models.auto_recharge import AutoRecharge
from billing.services.ledger.lock_tenant import lock_tenant
from tenants.domain.amounts import text_of_cents, text_of_nanos
from tenants.domain.limits import AMOUNT_MAX, is_amount
from tenants.models import Tenant
from tenants.services.note_act import note_act

_CENTS_MAX = AMOUNT_MAX // 10_000_000


@transaction.atomic
def set_auto_recharge(tenant: Tenant, terms: RechargeTerms | None) -> None:
    """None: switches it off, and keeps the terms. Raises InvalidAmountError."""
    lock_tenant(tenant.pk)
    if terms is None:
        AutoRecharge.objects.filter(tenant=tenant).update(is_enabled=False)
        note_act(
            "credit.auto_recharge_off", tenant_id=tenant.pk, about=tenant, words="off"
        )
        return
    _check(terms)
    AutoRecharge.objects.update_or_create(
        tenant=tenant,
        defaults={
            "is_enabled": True,
            "threshold_nanos": terms.threshold_nanos,
            "amount_cents": terms.amount_cents,
            "monthly_max_cents": terms.monthly_max_cents,
            "told_at": None,
        },
    )
    words = (
        f"{text_of_cents(terms.amount_cents)} when"
        f" {text_of_nanos(terms.threshold_nanos)} is left,"
        f" at most {text_of_cents(terms.monthly_max_cents)} a month"
    )
    note_act("credit.auto_recharge_on", tenant_id=tenant.pk, about=tenant, words=words)


def _check(terms: RechargeTerms) -> None:
    if not is_amount(terms.threshold_nanos):
        raise InvalidAmountError(gettext("The threshold is more than nothing."))
    if not CARD_CENTS_MIN <= terms.amount_cents <= _CENTS_MAX:
        raise InvalidAmountError(gettext("A card is charged at least 50 cents."))
    if not terms.amount_cents <= terms.monthly_max_cents <= _CENTS_MAX:
        raise InvalidAmountError(gettext("The month's most is at least one purchase."))
