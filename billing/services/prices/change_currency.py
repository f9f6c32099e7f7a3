"""Put a tenant that has no money yet into another currency."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from billing.errors import CurrencySettledError
from billing.models.auto_recharge import AutoRecharge
from billing.models.event_cursors import CreditThreshold
from billing.models.ledger import LedgerAccount
from billing.models.payments import Payment
from billing.models.plans import CouponRedemption, Subscription
from billing.models.price_books import PriceBook
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.plans.start_default_plan import start_default_plan
from metering.models import UsageEvent
from tenants.domain.currency import checked_currency
from tenants.models import Budget, SpendLimit, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def change_currency(*, tenant_id: int, currency: str, now: datetime) -> Tenant:
    """The tenant, told to the data plane at commit. Safe twice.

    Nothing is converted: whoever was billed once, or has anything that is in the
    present currency, keeps it. A plan of which nothing came yet is let go for the
    default one of the other currency. Raises CurrencySettledError, which says what
    there is, and of tenants UnknownCurrencyError.
    """
    wanted = checked_currency(currency)
    lock_tenant(tenant_id)
    tenant = Tenant.objects.get(pk=tenant_id)
    if tenant.currency == wanted:
        return tenant
    if there := [name for name, rows in _settled_by(tenant) if rows.exists()]:
        raise CurrencySettledError(
            gettext("%(name)s pays in %(currency)s for good: it has %(there)s.")
            % {
                "name": tenant.name,
                "currency": tenant.currency,
                "there": ", ".join(there),
            }
        )
    subscriptions = Subscription.objects.filter(tenant=tenant)
    had_plan = subscriptions.exists()
    subscriptions.delete()
    words = f"{tenant.currency} -> {wanted}"
    note_act("tenant.currency_changed", tenant_id=tenant.pk, about=tenant, words=words)
    tenant.currency = wanted
    tenant.save(update_fields=["currency"])
    if had_plan:
        start_default_plan(tenant, now)
    transaction.on_commit(publish_key_policies, robust=True)
    return tenant


def _settled_by(tenant: Tenant) -> Iterator[tuple[str, QuerySet[Any]]]:
    """What there may be, in words; documents and grants are all booked."""
    for name, model in (
        ("calls", UsageEvent),
        ("bookings", LedgerAccount),
        ("payments", Payment),
        ("prices of its own", PriceBook),
        ("coupons", CouponRedemption),
        ("automatic top-ups", AutoRecharge),
        ("a threshold of low credit", CreditThreshold),
        ("spend limits", SpendLimit),
        ("budgets", Budget),
    ):
        yield name, model.objects.filter(tenant_id=tenant.pk)
