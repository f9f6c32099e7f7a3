"""What engines and models earn and cost in a month, for the operator.

Revenue is usage at the rates of its price versions, as everywhere in the portal; what
plans, credit and coupons take off it later is not this page's. Costs run by the clock.
Currencies are never added: all that is worked out here is of one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Sum
from django.db.models.functions import TruncDay

from billing.domain.rating import METER_NAMES, Rates
from billing.models.prices import PriceVersion
from frontend.prices.amounts import amount_of_quantities, find_rates
from inference.cost_models import EngineCost
from inference.domain.engine_cost import (
    NO_COST,
    Cost,
    CostRate,
    add_costs,
    cost_between,
    split,
)
from inference.models import Engine
from metering.coarse_models import METERS
from metering.domain.usage import Meter
from metering.engine_usage_models import EngineLoadHour, EngineUsageHour

GROUPINGS: Final = ("model", "engine", "day")
_DAY = timedelta(days=1)
_MILLION: Final = 1_000_000
_INPUT = (
    Meter.NEW_INPUT_TOKENS,
    Meter.CACHED_INPUT_TOKENS,
    Meter.LEASED_INPUT_TOKENS,
)
_Place = tuple[datetime, int]
"""A UTC day and an engine id."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One model, engine or day, or all together."""

    value: Any
    """Of the grouping; None: all together."""
    title: str
    requests: int
    input_tokens: int
    output_tokens: int
    revenue_nanos: int | None
    """None: something names a price that is not there."""
    cost: Cost
    busy_seconds: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def margin_nanos(self) -> int | None:
        if self.revenue_nanos is None:
            return None
        return self.revenue_nanos - self.cost.amount_nanos

    @property
    def margin_percent(self) -> int | None:
        """Of the revenue, rounded down; None: there is none."""
        if not self.revenue_nanos or self.margin_nanos is None:
            return None
        return 100 * self.margin_nanos // self.revenue_nanos

    @property
    def revenue_nanos_per_million(self) -> int | None:
        return self._per_million(self.revenue_nanos)

    @property
    def cost_nanos_per_million(self) -> int | None:
        return self._per_million(self.cost.amount_nanos)

    @property
    def busy_percent(self) -> int | None:
        """Of the time that is paid for; None: none is."""
        if not self.cost.rented_seconds:
            return None
        return min(100, 100 * self.busy_seconds // self.cost.rented_seconds)

    def _per_million(self, amount_nanos: int | None) -> int | None:
        if amount_nanos is None or not self.tokens:
            return None
        return (2 * amount_nanos * _MILLION + self.tokens) // (2 * self.tokens)


@dataclass(frozen=True, kw_only=True)
class Margin:
    lines: list[Line]
    total: Line
    days: list[Line]
    currencies: list[str]
    """In which anything was earned or paid in the month."""
    without_cost: list[Engine]
    """They were used, and nobody said what they cost."""


@dataclass(frozen=True, kw_only=True)
class _Used:
    day_at: datetime
    engine_id: int
    model: str
    price_version_id: int
    meters: Counter[str]

    @property
    def tokens(self) -> int:
        return sum(self.meters[meter] for meter in (*_INPUT, Meter.OUTPUT_TOKENS))


@dataclass(frozen=True, kw_only=True)
class _Paid:
    """What of one engine's day falls to one model."""

    day_at: datetime
    engine_id: int
    model: str
    cost: Cost
    busy_seconds: int


def read_margin(
    *, start: datetime, end: datetime, now: datetime, grouping: str, currency: str
) -> Margin:
    """[start, end) are whole UTC days; costs run until `now`. Seven queries, over rows
    of an hour, engine, model and price.
    """
    used = _used(start, end)
    currency_of = _currencies(used)
    prices = find_rates(currency_of)
    engines = {row.pk: row for row in Engine.objects.select_related("served_model")}
    rates = _rates()
    until = min(end, now)
    mine = [one for one in used if currency_of.get(one.price_version_id) == currency]
    days = [start + _DAY * n for n in range((end - start) // _DAY)]
    passed = [day for day in days if day < now]
    paid = _paid(used, engines, rates, days=passed, until=until, currency=currency)
    costed = {cost.currency for of in rates.values() for cost in of if cost.gpus}
    return Margin(
        lines=_lines(grouping, mine, paid, engines, prices),
        total=_line(None, mine, paid, engines, prices),
        days=[_line(day, *_of_day(day, mine, paid), engines, prices) for day in passed],
        currencies=sorted({*currency_of.values(), *costed}),
        without_cost=[
            engines[engine_id]
            for engine_id in sorted({one.engine_id for one in used} - rates.keys())
            if engine_id in engines
        ],
    )


def _used(start: datetime, end: datetime) -> list[_Used]:
    rows = EngineUsageHour.objects.filter(hour_at__gte=start, hour_at__lt=end)
    return [
        _Used(
            day_at=row["day_at"].astimezone(UTC),
            engine_id=row["engine_id"],
            model=row["model"],
            price_version_id=row["price_version_id"],
            meters=Counter({meter: int(row[f"sum_{meter}"]) for meter in METERS}),
        )
        for row in rows.summed_by_day()
    ]


def _currencies(used: Iterable[_Used]) -> dict[int, str]:
    """By price version."""
    ids = {one.price_version_id for one in used}
    versions = PriceVersion.objects.filter(pk__in=ids)
    return dict(versions.values_list("pk", "price_book__currency"))


def _rates() -> dict[int, list[CostRate]]:
    """By engine id, in the order of their starts; of two alike the later one holds."""
    found: dict[int, list[CostRate]] = defaultdict(list)
    for row in EngineCost.objects.order_by("engine_id", "starts_at", "pk"):
        found[row.engine_id].append(
            CostRate(
                starts_at=row.starts_at,
                gpus=row.gpus,
                nanos_per_gpu_hour=row.nanos_per_gpu_hour,
                currency=row.currency,
            )
        )
    return dict(found)


def _paid(
    used: Iterable[_Used],
    engines: Mapping[int, Engine],
    rates: Mapping[int, list[CostRate]],
    *,
    days: list[datetime],
    until: datetime,
    currency: str,
) -> list[_Paid]:
    """An engine's day falls to its models by their tokens, whoever paid for these; a
    day without any, to the model that it serves.
    """
    busy = _busy(days)
    shares: dict[_Place, Counter[str]] = defaultdict(Counter)
    for one in used:
        shares[one.day_at, one.engine_id][one.model] += one.tokens
    paid = []
    for engine_id, engine in engines.items():
        of = rates.get(engine_id, [])
        for day in days:
            cost = cost_between(
                of, start=day, end=min(day + _DAY, until), currency=currency
            )
            if cost == NO_COST:
                continue
            share = +shares[day, engine_id] or Counter({engine.served_model.name: 1})
            seconds = busy.get((day, engine_id), 0)
            paid += _split(day, engine_id, share, cost, seconds)
    return paid


def _split(
    day: datetime, engine_id: int, share: Counter[str], cost: Cost, busy_seconds: int
) -> list[_Paid]:
    weights = list(share.values())
    parts = zip(
        share,
        split(cost.rented_seconds, weights),
        split(cost.gpu_seconds, weights),
        split(cost.amount_nanos, weights),
        split(busy_seconds, weights),
        strict=True,
    )
    return [
        _Paid(
            day_at=day,
            engine_id=engine_id,
            model=model,
            cost=Cost(rented_seconds=rented, gpu_seconds=gpu, amount_nanos=nanos),
            busy_seconds=busy,
        )
        for model, rented, gpu, nanos, busy in parts
    ]


def _busy(days: list[datetime]) -> dict[_Place, int]:
    if not days:
        return {}
    rows = EngineLoadHour.objects.filter(
        hour_at__gte=days[0], hour_at__lt=days[-1] + _DAY
    )
    sums = rows.annotate(day_at=TruncDay("hour_at", tzinfo=UTC)).order_by()
    return {
        (day_at.astimezone(UTC), engine_id): int(seconds)
        for day_at, engine_id, seconds in sums.values_list(
            "day_at", "engine_id"
        ).annotate(seconds=Sum("busy_seconds"))
    }


def _lines(
    grouping: str,
    used: list[_Used],
    paid: list[_Paid],
    engines: Mapping[int, Engine],
    prices: Mapping[int, Rates],
) -> list[Line]:
    """The largest revenue first; of days, the newest."""
    column = {"model": "model", "engine": "engine_id", "day": "day_at"}[grouping]
    of_used: dict[Any, list[_Used]] = defaultdict(list)
    of_paid: dict[Any, list[_Paid]] = defaultdict(list)
    for one in used:
        of_used[getattr(one, column)].append(one)
    for other in paid:
        of_paid[getattr(other, column)].append(other)
    lines = [
        _line(value, of_used[value], of_paid[value], engines, prices)
        for value in {*of_used, *of_paid}
    ]
    if grouping == "day":
        return sorted(lines, key=lambda line: line.value, reverse=True)
    return sorted(lines, key=lambda line: (-(line.revenue_nanos or 0), line.title))


def _title(value: Any, engines: Mapping[int, Engine]) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, int):
        return engines[value].name if value in engines else f"engine {value}"
    return str(value or "")


def _of_day(
    day: datetime, used: list[_Used], paid: list[_Paid]
) -> tuple[list[_Used], list[_Paid]]:
    return [one for one in used if one.day_at == day], [
        one for one in paid if one.day_at == day
    ]


def _line(
    value: Any,
    used: list[_Used],
    paid: list[_Paid],
    engines: Mapping[int, Engine],
    prices: Mapping[int, Rates],
) -> Line:
    meters: Counter[str] = Counter()
    for one in used:
        meters.update(one.meters)
    return Line(
        value=value,
        title=_title(value, engines),
        requests=meters["requests"],
        input_tokens=sum(meters[meter] for meter in _INPUT),
        output_tokens=meters["output_tokens"],
        revenue_nanos=_revenue(used, prices),
        cost=add_costs(one.cost for one in paid),
        busy_seconds=sum(one.busy_seconds for one in paid),
    )


def _revenue(used: list[_Used], prices: Mapping[int, Rates]) -> int | None:
    """Quantities are added before they are multiplied, as on an invoice."""
    quantities: Counter[tuple[int, str]] = Counter()
    for one in used:
        for meter in METER_NAMES:
            if one.meters[meter]:
                quantities[one.price_version_id, meter] += one.meters[meter]
    return amount_of_quantities(quantities, prices)
