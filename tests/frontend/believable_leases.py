"""Leases as a tenant has them, in every state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from billing.models.prices import PriceVersion
from billing.services.rating.rate_usage import rate_usage
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
TOKEN_BYTES = 46_080
SECONDS = 60


def leased_call(
    api_key: ApiKey,
    version: PriceVersion,
    engine: Engine,
    at: datetime,
    *,
    lease_id: str = "",
    **changes,
) -> UsageEvent:
    """Of its input 500 tokens were leased; it buys a lease for a minute."""
    return call(
        api_key,
        version,
        at,
        engine_id=engine.pk,
        lease_id=lease_id or new_id(),
        **{
            "lease_expires_at_us": int((at.timestamp() + SECONDS) * 1e6),
            "leased_input_tokens": 500,
            **changes,
        },
    )


def next_turn(
    api_key: ApiKey, version: PriceVersion, lease: UsageEvent, *, tokens: int = 288
) -> UsageEvent:
    """In time: so many tokens of its input were leased."""
    at = datetime.fromtimestamp(lease.happened_at_us / 1e6, UTC)
    return call(
        api_key,
        version,
        at + timedelta(seconds=40),
        input_tokens=tokens + 912,
        leased_input_tokens=tokens,
        previous_lease_id=lease.lease_id,
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
    """Of conversations that grow, of a model whose token takes 46,080 bytes."""
    ends = [None, Fact.REUSED, Fact.EXPIRED, Fact.RELEASED, Fact.REVOKED, Fact.LOST]
    number = 0
    for minutes, end in enumerate(ends):
        at = now - timedelta(seconds=20 + 90 * minutes)
        event = leased_call(api_key, version, engine, at)
        record([event], now)
        tokens = 3_104 - 448 * minutes
        size = {"tokens": tokens, "bytes": tokens * TOKEN_BYTES}
        last: dict[str, Any] = dict(size)
        facts: list[tuple[Fact, datetime, dict[str, Any]]] = [(Fact.GRANTED, at, size)]
        if end in {None, Fact.EXPIRED}:
            last["tier"] = Tier.HOST
            facts.append((Fact.DEMOTED, at + timedelta(seconds=9), last))
        if end:
            facts.append((end, at + timedelta(seconds=40), last))
        if end is Fact.REUSED:
            record([next_turn(api_key, version, event, tokens=tokens)], now)
        for fact, when, changes in facts:
            number += 1
            tell(engine, told(number, event, when, fact, **changes))
    record([leased_call(api_key, version, engine, now)], now)
    bill_leases(now)
