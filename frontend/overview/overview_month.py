"""How the month goes, for the first page: sums of hours, not of keys or calls."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext

from billing.domain.money import amount_nanos
from billing.domain.rating import METER_NAMES, Rates
from frontend.formatting import day as day_text
from frontend.formatting import day_of_year, short_amount
from frontend.prices.amounts import find_rates
from frontend.usage.figures import Figures, figures
from frontend.usage.ranges import find_range
from metering.coarse_models import METERS, UsageDay
from metering.domain.usage import Meter
from metering.models import UsageEvent
from metering.wire import Outcome

DAYS = 30
CALLS_LOOKED_AT = 1_000
MODELS_SHOWN = 4
_DAY = timedelta(days=1)
_HEIGHT, _SLOT = 100, 10
"""Of the drawing, whose width is a slot for each day."""
_FAILED = {Outcome.ENGINE_FAILED, Outcome.UNBILLED}


@dataclass(frozen=True, kw_only=True)
class DayBar:
    at: datetime
    amount_nanos: int
    requests: int
    x: int
    y: int
    height: int

    @property
    def text(self) -> str:
        return f"{day_text(self.at)}: {short_amount(self.amount_nanos)}"


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    model: str
    requests: int
    tokens: int
    amount_nanos: int
    percent: int
    """Of what all of them cost, rounded down."""


@dataclass(frozen=True, kw_only=True)
class Month:
    start: datetime
    figures: Figures
    models: list[ModelRow]
    """Of this month, the dearest first; at most MODELS_SHOWN."""
    models_left_out: int
    saved_nanos: int
    """What cached and leased input would have cost as new input, less what keeping it
    cost; 0 where that was more."""
    days: list[DayBar]
    """The last DAYS, today the last."""

    @property
    def width(self) -> int:
        return _SLOT * len(self.days)

    @property
    def days_nanos(self) -> int:
        return sum(one.amount_nanos for one in self.days)

    @property
    def plot(self) -> dict[str, Any]:
        """What chart.js draws in the place of the bars."""
        values = [one.amount_nanos for one in self.days]
        return {
            "at": [int(one.at.timestamp()) for one in self.days],
            "labels": [day_of_year(one.at) for one in self.days],
            "unit": "nanos",
            "series": [{"title": gettext("Cost"), "values": values}],
        }

    @property
    def dearest(self) -> DayBar:
        return max(self.days, key=lambda one: one.amount_nanos)


@dataclass(frozen=True, kw_only=True)
class Health:
    """Of the latest calls."""

    calls: int
    failed: int
    stopped: int
    """By the caller."""

    @property
    def failed_percent(self) -> str:
        return f"{100 * self.failed / self.calls:.1f}" if self.calls else "0"


def read_month(tenant_id: int, *, now: datetime) -> Month:
    """One question for the sums and one for the rates."""
    span = find_range("month", now=now)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - (DAYS - 1) * _DAY
    days = UsageDay.objects.of_tenant(tenant_id)
    rows = list(
        days.between(min(first, span.start), today + _DAY).summed(
            "day_at", "model", "price_version_id"
        )
    )
    rates = find_rates(row["price_version_id"] for row in rows)
    costs = [_cost(row, rates.get(row["price_version_id"])) for row in rows]
    priced = list(zip(rows, costs, strict=True))
    of_month = [(row, cost) for row, cost in priced if row["day_at"] >= span.start]
    models = _models(of_month)
    saved = sum(
        _saved(row, rates[row["price_version_id"]])
        for row, _ in of_month
        if row["price_version_id"] in rates
    )
    return Month(
        start=span.start,
        figures=_figures(row for row, _ in of_month),
        models=models[:MODELS_SHOWN],
        models_left_out=max(0, len(models) - MODELS_SHOWN),
        saved_nanos=max(0, saved),
        days=_bars(priced, first),
    )


def read_health(tenant_id: int) -> Health:
    events: QuerySet[UsageEvent] = UsageEvent.objects.of_tenant(tenant_id)
    latest = events.order_by("-happened_at").values_list("outcome", flat=True)
    outcomes = Counter(latest[:CALLS_LOOKED_AT])
    return Health(
        calls=outcomes.total(),
        failed=sum(outcomes[one.value] for one in _FAILED),
        stopped=outcomes[Outcome.CLIENT_GONE.value],
    )


def _cost(row: dict[str, Any], rates: Rates | None) -> int:
    """Nanos; what has no price reads as nothing here, and the invoice says so."""
    if rates is None:
        return 0
    return sum(
        amount_nanos(row[f"sum_{meter}"], rates.of_meter(meter) or 0)
        for meter in METER_NAMES
    )


def _saved(row: dict[str, Any], rates: Rates) -> int:
    new = rates.new_input_nanos_per_million
    cheaper = new - rates.cached_input_nanos_per_million
    kept = sum(
        amount_nanos(row[f"sum_{meter}"], rates.of_meter(meter) or 0)
        for meter in (Meter.HBM_MB_S, Meter.HOST_MB_S, Meter.DISK_MB_S)
    )
    return (
        amount_nanos(row["sum_cached_input_tokens"], max(0, cheaper))
        + amount_nanos(row["sum_leased_input_tokens"], new)
        - kept
    )


def _figures(rows: Any) -> Figures:
    return figures(
        {"meter": meter, "quantity": row[f"sum_{meter}"]}
        for row in rows
        for meter in METERS
    )


def _models(priced: list[tuple[dict[str, Any], int]]) -> list[ModelRow]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    costs: Counter[str] = Counter()
    for row, cost in priced:
        rows[row["model"]].append(row)
        costs[row["model"]] += cost
    found = []
    for model, amount in costs.most_common():
        used = _figures(rows[model])
        found.append(
            ModelRow(
                model=model,
                requests=used.requests,
                tokens=used.tokens,
                amount_nanos=amount,
                percent=100 * amount // max(1, costs.total()),
            )
        )
    return found


def _bars(priced: list[tuple[dict[str, Any], int]], first: datetime) -> list[DayBar]:
    costs: Counter[datetime] = Counter()
    requests: Counter[datetime] = Counter()
    for row, cost in priced:
        costs[row["day_at"]] += cost
        requests[row["day_at"]] += row["sum_requests"]
    days = [first + number * _DAY for number in range(DAYS)]
    top = max(1, *(costs[at] for at in days))
    bars = []
    for number, at in enumerate(days):
        height = _HEIGHT * costs[at] // top
        height = max(1, height) if costs[at] else 0
        bars.append(
            DayBar(
                at=at,
                amount_nanos=costs[at],
                requests=requests[at],
                x=_SLOT * number,
                y=_HEIGHT - height,
                height=height,
            )
        )
    return bars
