"""Leases as a tenant has them, in every state."""

from datetime import datetime, timedelta
from typing import Any

from billing.models.prices import PriceVersion
from billing.services.rate_usage import rate_usage
from inference.domain.lease_receipt import Fact, LeaseReceipt
from inference.domain.lease_terms import GRACE_MS, Tier
from inference.models import Engine
from metering.services.measure_leases import measure_leases
from metering.services.roll_up_usage import roll_up_usage
from metering.wire import UsageEvent
from tenants.models import ApiKey
from tests.frontend.believable import call, record
from tests.inference.lease_books import new_id, receipt, tell

GB = 10**9
SECONDS = 60


def leased_call(
    api_key: ApiKey,
    version: PriceVersion,
    engine: Engine,
    at: datetime,
    *,
    seconds: int = SECONDS,
) -> UsageEvent:
    """Of its input 500 tokens were leased; it buys a lease for a minute."""
    return call(
        api_key,
        version,
        at,
        engine_id=engine.pk,
        leased_input_tokens=500,
        lease_id=new_id(),
        lease_expires_at_us=int((at.timestamp() + seconds) * 1e6),
    )


def told(
    sequence: int,
    event: UsageEvent,
    at: datetime,
    fact: Fact = Fact.GRANTED,
    **changes,
) -> LeaseReceipt:
    """Of a lease of 1 GB."""
    at_ms = int(at.timestamp() * 1000)
    found: LeaseReceipt = receipt(
        sequence,
        fact,
        lease_id=event.lease_id,
        tenant_id=str(event.tenant_id),
        at_ms=at_ms,
        **{
            "bytes": GB,
            "until_ms": event.lease_expires_at_us // 1000 + GRACE_MS,
            **changes,
        },
    )
    return found


def bill_leases(now: datetime) -> None:
    """From the receipts to the draft invoice, as the running services do it."""
    measure_leases(now=now)
    while roll_up_usage():
        pass
    rate_usage(now=now)


def leases_in_every_state(
    api_key: ApiKey, version: PriceVersion, engine: Engine, now: datetime
) -> None:
    ends = [None, Fact.REUSED, Fact.EXPIRED, Fact.RELEASED, Fact.REVOKED, Fact.LOST]
    number = 0
    for minutes, end in enumerate(ends):
        at = now - timedelta(seconds=20 + 90 * minutes)
        event = leased_call(api_key, version, engine, at)
        record([event], now)
        below: dict[str, Any] = {}
        facts: list[tuple[Fact, datetime, dict[str, Any]]] = [(Fact.GRANTED, at, {})]
        if end in {None, Fact.EXPIRED}:
            below = {"tier": Tier.HOST, "bytes": GB // 2}
            facts.append((Fact.DEMOTED, at + timedelta(seconds=9), below))
        if end:
            facts.append((end, at + timedelta(seconds=40), below))
        for fact, when, changes in facts:
            number += 1
            tell(engine, told(number, event, when, fact, **changes))
    record([leased_call(api_key, version, engine, now)], now)
    bill_leases(now)
