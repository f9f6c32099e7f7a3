"""From a row of a usage event or a lease interval to its receipt."""

import hashlib
from collections.abc import Mapping
from typing import Any

from billing.domain.rating import METER_NAMES
from billing.models.prices import PriceVersion
from metering.domain.lease_intervals import METERS
from metering.domain.leased import split_input
from metering.domain.receipts import CallReceipt, IntervalReceipt, charges_of
from metering.domain.rollup import UNBILLED
from metering.domain.usage import quantities
from tenants.models import Tenant


def _time(column: str) -> str:
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def _hex(column: str) -> str:
    return f"replace({column}::text, '-', '')"


# Times and ids come as text: making a datetime and a UUID of each, and text again,
# would take longer than all the rest.
CALL_COLUMNS = ", ".join(
    (
        _hex("e.event_id"),
        _time("e.happened_at"),
        "e.project_id, e.api_key_id, e.model, e.engine_id, e.price_version_id",
        "e.endpoint, e.streamed, e.outcome, e.usage_source, e.is_warming",
        "e.samples, e.tries",
        *map(_time, ("e.received_at", "e.sent_at", "e.first_token_at")),
        "e.input_tokens, e.cached_input_tokens, e.cache_write_tokens",
        "e.output_tokens, e.reasoning_tokens, e.images, e.leased_input_tokens",
        "e.cost_nanos",
        _hex("e.lease_id"),
        _time("e.lease_expires_at"),
        "e.lease_cost_nanos",
        *map(_hex, ("e.previous_lease_id", "e.cached_prompt_id")),
    )
)
"""Of `usage_event e`: the row of `build_call`."""
CALL_COLUMN_COUNT = 30
INTERVAL_COLUMNS = ", ".join(
    (
        _hex("i.event_id"),
        _time("i.ended_at"),
        "i.project_id, i.api_key_id, i.model, i.engine_id, i.price_version_id",
        _hex("i.lease_id"),
        "i.epoch, i.tier, i.bytes",
        _time("i.started_at"),
        "i.first_sequence, i.last_sequence, i.mb_s, i.credit_reason",
    )
)
"""Of `lease_interval i`: the row of `build_interval`."""


class RateBook(dict[int, Mapping[str, int]]):
    """Price version -> meter -> nanos per million; each is read once."""

    def __init__(self) -> None:
        super().__init__()
        self._currencies: dict[int, str] = {}

    def __missing__(self, price_version_id: int) -> Mapping[str, int]:
        versions = PriceVersion.objects.select_related("price_book")
        version = versions.filter(pk=price_version_id).first()
        self[price_version_id] = _plain_rates(version) if version else {}
        self._currencies[price_version_id] = (
            version.price_book.currency if version else ""
        )
        return self[price_version_id]

    def currency_of(self, price_version_id: int) -> str:
        """Of one whose rates were looked up; empty: it is not there."""
        return self._currencies[price_version_id]


def _plain_rates(version: PriceVersion) -> dict[str, int]:
    """Of the meters at one rate; what others cost depends on the month's sum."""
    rates, others = version.rates, version.pricings
    found = {name: rates.of_meter(name) for name in METER_NAMES if name not in others}
    return {name: rate for name, rate in found.items() if rate is not None}


def cache_salt_id(tenant_id: int) -> bytes:
    """8 bytes; none for a tenant that is not there."""
    salts = Tenant.objects.filter(pk=tenant_id).values_list("cache_salt", flat=True)
    salt = salts.first()
    if salt is None:
        return b""
    return hashlib.sha256(b"tokenfab cache salt\n" + salt.encode()).digest()[:8]


def build_call(row: tuple[Any, ...], rate_book: RateBook, **link: Any) -> CallReceipt:
    """`link` gives what the event does not know: `sequence`, `previous`, `tenant_id`
    and `cache_salt_id`.
    """
    (event_id, happened_at, project_id, api_key_id, model, engine_id, version) = row[:7]
    (endpoint, streamed, outcome, source, is_warming, samples, tries) = row[7:14]
    (received_at, sent_at, first_token_at) = row[14:17]
    (tokens_in, cached, written, tokens_out, reasoning, images, leased) = row[17:24]
    (cost, lease_id, lease_expires_at, lease_cost, previous_lease, prompt) = row[24:]
    split = split_input(
        input_tokens=tokens_in, cached_input_tokens=cached, leased_input_tokens=leased
    )
    shown = (
        {}
        if outcome == UNBILLED
        else quantities(
            requests=0,
            input_tokens=tokens_in,
            cached_input_tokens=split.cached,
            output_tokens=0 if is_warming else tokens_out,
            images=images,
            leased_input_tokens=split.leased,
        )
    )
    return CallReceipt(
        event_id=event_id,
        happened_at=happened_at,
        project_id=project_id,
        api_key_id=api_key_id,
        model=model,
        engine_id=engine_id,
        price_version_id=version,
        charges=charges_of(shown, rate_book[version]),
        currency=rate_book.currency_of(version),
        endpoint=endpoint,
        streamed=streamed,
        outcome=outcome,
        usage_source=source,
        is_warming=is_warming,
        samples=samples,
        tries=tries,
        received_at=received_at,
        sent_at=sent_at,
        first_token_at=first_token_at,
        input_tokens=tokens_in,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=tokens_out,
        reasoning_tokens=reasoning,
        images=images,
        leased_input_tokens=leased,
        absorbed_input_tokens=split.absorbed,
        cost_nanos=cost,
        lease_id=lease_id,
        lease_expires_at=lease_expires_at,
        lease_cost_nanos=lease_cost,
        previous_lease_id=previous_lease,
        cached_prompt_id=prompt,
        **link,
    )


def build_interval(
    row: tuple[Any, ...], rate_book: RateBook, **link: Any
) -> IntervalReceipt:
    """`link` as for `build_call`."""
    (event_id, happened_at, project_id, api_key_id, model, engine_id, version) = row[:7]
    (lease_id, epoch, tier, size, started_at, first, last, mb_s, reason) = row[7:]
    shown = {} if reason else {METERS[tier]: mb_s}
    return IntervalReceipt(
        event_id=event_id,
        happened_at=happened_at,
        project_id=project_id,
        api_key_id=api_key_id,
        model=model,
        engine_id=engine_id,
        price_version_id=version,
        charges=charges_of(shown, rate_book[version]),
        currency=rate_book.currency_of(version),
        lease_id=lease_id,
        epoch=epoch,
        tier=tier,
        bytes=size,
        started_at=started_at,
        first_sequence=first,
        last_sequence=last,
        mb_s=mb_s,
        credit_reason=reason,
        **link,
    )
