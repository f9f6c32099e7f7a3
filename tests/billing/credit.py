"""Tenants with credit, calls and invoices. Amounts are nanos."""

from datetime import datetime

import pytest

from billing.models.credit import CreditGrant
from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit.limiter_credit import limiter_credits
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.rating.unbilled_before import unbilled_before
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tenants.models import ApiKey, Tenant
from tests.billing.money import spent_event
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, draft_of

CENT = 10_000_000
FAR = datetime.fromisoformat("2090-01-01T00:00:00+00:00")
_PER_TOKEN = 400


def give(tenant: Tenant, amount: int, *, key: str = "", **fields) -> CreditGrant:
    return grant_credit(
        **{
            "tenant": tenant,
            "amount_nanos": amount,
            "reason": "test",
            "idempotency_key": key or f"{tenant.credit_grants.count()}",
            "now": NOVEMBER,
            **fields,
        }
    )


def call(
    api_key: ApiKey,
    price: PriceVersion,
    amount: int,
    *,
    at: datetime = NOON,
    rounding: int = 0,
) -> None:
    """A call of so many nanos of output; the limiter charged `rounding` more."""
    prepare_usage_partitions(at)
    event = spent_event(
        api_key,
        amount + rounding,
        at=at,
        model=price.served_model.name,
        price_version_id=price.pk,
        input_tokens=0,
        cached_input_tokens=0,
        cache_write_tokens=0,
        output_tokens=amount // _PER_TOKEN,
    )
    assert amount % _PER_TOKEN == 0
    store_usage_events([event])


def issue(
    tenant: Tenant,
    *,
    month: datetime = NOVEMBER,
    now: datetime = DECEMBER,
    until: datetime | None = None,
) -> Invoice:
    roll_up_usage()
    rate_usage(now=now)
    return issue_invoice(draft_of(tenant, month).pk, now=now, until=until)


def drawn(invoice: Invoice) -> list[tuple[int, int]]:
    """(grant, amount) in the order of writing."""
    rows = invoice.credit_draws.order_by("pk")
    return list(rows.values_list("grant_id", "amount_nanos"))


def remaining(grant: CreditGrant) -> int:
    return CreditGrant.objects.with_remaining().get(pk=grant.pk).remaining


def check_one_number(tenant: Tenant, total: int) -> None:
    """What the limiter computes of what it is told is what the books say is left.

    `total`: what it counted as spent, ever.
    """
    told = limiter_credits([tenant.pk]).get(tenant.pk, 0)
    assert told - total == credit_of(tenant) - unbilled_before(tenant.pk, FAR)
    grants = CreditGrant.objects.filter(tenant=tenant).with_remaining()
    assert credit_of(tenant) == sum(one.remaining for one in grants)


def ship_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals cannot be shipped beyond the present, where these stories play."""
    monkeypatch.setattr(
        "billing.services.credit.expire_grants.shipped_up_to", lambda: FAR
    )
