"""The fold of usage events into hourly rollups: what the table must always equal."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from metering.domain.lease_intervals import METERS
from metering.domain.leased import split_input
from metering.domain.usage import Meter, Usage, hour_us, quantities

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNBILLED = "unbilled"
"""The outcome of events that no meter shows."""


class MeteredUsage(Usage, Protocol):
    @property
    def outcome(self) -> str: ...


@dataclass(frozen=True, kw_only=True, order=True)
class Dimension:
    """What one rollup row is about, less the meter."""

    tenant_id: int
    project_id: int
    api_key_id: int
    model: str
    price_version_id: int
    hour_us: int
    """Begin of the UTC hour in microseconds since the epoch."""


@dataclass(kw_only=True)
class Sums:
    """Over the events of one hour and dimension."""

    events: int = 0
    requests: int = 0
    """Without the warming calls, which are ours, as what they put out is."""
    input_tokens: int = 0
    cached_input_tokens: int = 0
    """Beyond the leased ones, event by event: the split is not linear."""
    leased_input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    charged_nanos: int = 0
    """Without what leases cost: these are charged by the time that they were held."""

    def add(self, event: Usage) -> None:
        split = split_input(
            input_tokens=event.input_tokens,
            cached_input_tokens=event.cached_input_tokens,
            leased_input_tokens=event.leased_input_tokens,
        )
        self.events += 1
        self.input_tokens += event.input_tokens
        self.cached_input_tokens += split.cached
        self.leased_input_tokens += split.leased
        if not event.is_warming:
            self.requests += 1
            self.output_tokens += event.output_tokens
        self.images += event.images
        self.charged_nanos += event.cost_nanos - event.lease_cost_nanos

    def per_meter(self) -> dict[Meter, int]:
        return quantities(
            requests=self.requests,
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            output_tokens=self.output_tokens,
            images=self.images,
            leased_input_tokens=self.leased_input_tokens,
            charged_nanos=self.charged_nanos,
        )


def dimension_of(event: Usage) -> Dimension:
    return Dimension(
        tenant_id=event.tenant_id,
        project_id=event.project_id,
        api_key_id=event.api_key_id,
        model=event.model,
        price_version_id=event.price_version_id,
        hour_us=hour_us(event.happened_at_us),
    )


class MeasuredLease(Protocol):
    """The fields of a lease interval that the fold reads."""

    @property
    def tenant_id(self) -> int: ...
    @property
    def project_id(self) -> int: ...
    @property
    def api_key_id(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def price_version_id(self) -> int: ...
    @property
    def tier(self) -> str: ...
    @property
    def ended_at(self) -> datetime: ...
    @property
    def mb_s(self) -> int: ...
    @property
    def credit_reason(self) -> str: ...


def fold_leases(
    intervals: Iterable[MeasuredLease],
) -> dict[Dimension, dict[Meter, tuple[int, int]]]:
    """Per dimension and meter: MB_s, and of how many intervals."""
    sums: dict[Dimension, dict[Meter, tuple[int, int]]] = defaultdict(dict)
    for one in intervals:
        if one.credit_reason:
            continue
        dimension = Dimension(
            tenant_id=one.tenant_id,
            project_id=one.project_id,
            api_key_id=one.api_key_id,
            model=one.model,
            price_version_id=one.price_version_id,
            hour_us=hour_us((one.ended_at - _EPOCH) // timedelta(microseconds=1)),
        )
        mb_s, count = sums[dimension].get(METERS[one.tier], (0, 0))
        sums[dimension][METERS[one.tier]] = mb_s + one.mb_s, count + 1
    return dict(sums)


def fold(events: Iterable[MeteredUsage]) -> dict[Dimension, Sums]:
    """`events` must hold each event once; their order does not matter. Unbilled ones
    show on no meter, `requests` included.
    """
    sums: dict[Dimension, Sums] = defaultdict(Sums)
    for event in events:
        if event.outcome != UNBILLED:
            sums[dimension_of(event)].add(event)
    return dict(sums)
