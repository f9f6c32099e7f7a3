"""What the usage page shows: figures, a chart, its table, and a line for each group."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from django.utils.translation import gettext

from billing.domain.money import amount_nanos
from billing.domain.rating import METER_NAMES, Rates
from billing.models.prices import PriceVersion
from frontend import formatting
from frontend.lazy import lazy as _
from frontend.usage.explorer_rows import TOKENS, Cells, Source, Sums
from frontend.usage.figures import KINDS, Figures, figures
from frontend.usage.makers import MADE_BY
from frontend.usage.ranges import DAY, HOUR, MINUTE, Range
from metering.domain.usage import Meter

Grouping = Literal["kind", "model", "key", "project", "member", "endpoint"]
Showing = Literal["tokens", "requests", "cost"]
GROUPINGS: dict[Grouping, str] = {
    "kind": _("By kind"),
    "model": _("By model"),
    "key": _("By key"),
    "project": _("By project"),
    "member": _("By member"),
    "endpoint": _("By endpoint"),
}
SHOWN: dict[Showing, str] = {
    "tokens": _("Tokens"),
    "requests": _("Requests"),
    "cost": _("Cost"),
}
COLUMNS: dict[Grouping, str] = {
    "model": "model",
    "key": "api_key_id",
    "project": "project_id",
    "member": MADE_BY,
    "endpoint": "endpoint",
}
SERIES_MAX = 6
OTHERS = _("all others")
_PRICED_KINDS = {
    **KINDS,
    Meter.IMAGES: _("Images"),
    Meter.HBM_MB_S: _("Leases in GPU memory"),
    Meter.HOST_MB_S: _("Leases in host memory"),
    Meter.DISK_MB_S: _("Leases on disk"),
}
_ALWAYS_SHOWN = (
    Meter.NEW_INPUT_TOKENS,
    Meter.CACHED_INPUT_TOKENS,
    Meter.OUTPUT_TOKENS,
)


def _hour(start: datetime) -> str:
    return f"{formatting.day_of_year(start)}, {start:%H:%M}"


def _minute(start: datetime) -> str:
    return f"{start:%H:%M}"


_LABELS = {
    DAY: formatting.day_of_year,
    HOUR: _hour,
    MINUTE: _minute,
}


class Pricer:
    """Rates of the price versions that anything in the page names; one question."""

    def __init__(self, cells: Iterable[Cells]) -> None:
        used = {version for one in cells for sums in one.values() for version in sums}
        found = PriceVersion.objects.in_bulk(used)
        self._rates: dict[int, Rates] = {pk: one.rates for pk, one in found.items()}
        self.have_steps = any(one.pricings_document for one in found.values())

    def amount(self, sums: Sums) -> int | None:
        """Nanos; None: something has a price that is not there, and unpriced use must
        not read as free.
        """
        amounts = [
            self._of_meter(version, meter, quantity)
            for version, meters in sums.items()
            for meter, quantity in meters.items()
            if meter in METER_NAMES and quantity
        ]
        if None in amounts:
            return None
        return sum(one for one in amounts if one is not None)

    def _of_meter(self, version: int, meter: str, quantity: int) -> int | None:
        rates = self._rates.get(version)
        rate = rates.of_meter(meter) if rates else None
        return None if rate is None else amount_nanos(quantity, rate)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A line of the breakdown, and a series of the chart."""

    title: str
    value: str
    """As an address names it; empty: it cannot be narrowed to."""
    quantities: Counter[str]
    amount_nanos: int | None
    values: list[int]
    """Of what is shown, one for each bucket."""

    @property
    def total(self) -> int:
        return sum(self.values)

    @property
    def requests(self) -> int:
        return self.quantities[Meter.REQUESTS]

    @property
    def input_tokens(self) -> int:
        return self.tokens - self.output_tokens

    @property
    def output_tokens(self) -> int:
        return self.quantities[Meter.OUTPUT_TOKENS]

    @property
    def tokens(self) -> int:
        return sum(self.quantities[meter] for meter in TOKENS)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The table shows the same numbers."""

    span: Range
    show: Showing
    groups: list[Group]
    requests: list[int]
    before: list[int] | None
    """What was shown in the span before, all groups together; None: not asked for."""

    @property
    def labels(self) -> list[str]:
        label = _LABELS[self.span.bucket]
        return [label(bucket) for bucket in self.span.buckets]

    @property
    def titles(self) -> list[str]:
        return [group.title for group in self.groups]

    @property
    def totals(self) -> list[int]:
        return [group.total for group in self.groups]

    @property
    def table(self) -> list[dict[str, Any]]:
        """Rows that hold anything, the latest first."""
        rows = [
            {
                "at": bucket,
                "end": bucket + self.span.bucket,
                "label": label,
                "values": (values := [group.values[at] for group in self.groups]),
                "sum": sum(values),
                "tokens": sum(values),
                "requests": self.requests[at],
                "before": self.before[at] if self.before else 0,
            }
            for at, (bucket, label) in enumerate(
                zip(self.span.buckets, self.labels, strict=True)
            )
        ]
        return [
            row
            for row in reversed(rows)
            if row["requests"] or row["sum"] or row["before"]
        ]

    @property
    def plot(self) -> dict[str, Any]:
        """What chart.js draws: counts, or whole nanos."""
        return {
            "at": [int(bucket.timestamp()) for bucket in self.span.buckets],
            "per": self.span.per,
            "labels": self.labels,
            "unit": "nanos" if self.show == "cost" else self.show,
            "series": [{"title": g.title, "values": g.values} for g in self.groups],
            "before": self.before,
        }


@dataclass(frozen=True, kw_only=True)
class Explored:
    chart: Chart
    figures: Figures
    amount_nanos: int | None
    have_steps: bool
    before: Figures | None
    before_amount_nanos: int | None
    counted_from: datetime | None
    """Of minutes: calls before it are not counted, since there are too many."""


def explore(
    source: Source,
    *,
    grouping: Grouping,
    show: Showing,
    wanted: list[Any],
    names: dict[Any, str],
    earlier: Source | None,
) -> Explored:
    """`wanted`: the groups to show one by one; `names`: of keys, projects and members,
    by their values; `earlier`: the span to compare with.
    """
    whole = source.cells().get(None, {})
    past = earlier.cells().get(None, {}) if earlier else {}
    column = COLUMNS.get(grouping)
    found: dict[Any, Cells] = {}
    if column:
        found = source.cells(column, wanted) if wanted else {}
        found = _with_others(found, wanted, whole)
    pricer = Pricer([whole, past])
    view = _View(span=source.span, show=show, pricer=pricer)
    groups = view.groups(found, names) if column else view.kinds(whole)
    before = view.values(_moved(past, earlier, source)) if earlier else None
    return Explored(
        chart=Chart(
            span=source.span,
            show=show,
            groups=groups,
            requests=_View(span=source.span, show="requests", pricer=pricer).values(
                whole
            ),
            before=before,
        ),
        figures=_figures(whole),
        amount_nanos=pricer.amount(_over_time(whole)),
        have_steps=pricer.have_steps,
        before=_figures(past) if earlier else None,
        before_amount_nanos=pricer.amount(_over_time(past)) if earlier else None,
        counted_from=source.counted_from,
    )


@dataclass(frozen=True, kw_only=True)
class _View:
    span: Range
    show: Showing
    pricer: Pricer

    def values(self, cells: Cells) -> list[int]:
        return [self._value(cells.get(bucket, {})) for bucket in self.span.buckets]

    def _value(self, sums: Sums) -> int:
        if self.show == "cost":
            return self.pricer.amount(sums) or 0
        meters = TOKENS if self.show == "tokens" else (Meter.REQUESTS.value,)
        return sum(of[meter] for of in sums.values() for meter in meters)

    def groups(self, found: dict[Any, Cells], names: dict[Any, str]) -> list[Group]:
        """The largest first; what is in none of them last."""
        apart = [
            self._group(
                names.get(value, gettext("KV leases") if value == "" else str(value)),
                cells,
                str(value),
            )
            for value, cells in found.items()
            if value != OTHERS
        ]
        rest = [self._group(str(OTHERS), found[OTHERS])] if OTHERS in found else []
        return [*sorted(apart, key=lambda group: -group.total), *rest]

    def _group(self, title: str, cells: Cells, value: str = "") -> Group:
        together = _over_time(cells)
        return Group(
            title=title,
            value=value,
            quantities=_over_versions(together),
            amount_nanos=self.pricer.amount(together),
            values=self.values(cells),
        )

    def kinds(self, whole: Cells) -> list[Group]:
        """Requests have no kinds."""
        if self.show == "requests":
            return [self._group(gettext("Requests"), whole)]
        used = _over_versions(_over_time(whole))
        titles = KINDS if self.show == "tokens" else _PRICED_KINDS
        return [
            self._group(title, _only(whole, meter))
            for meter, title in titles.items()
            if used[meter] or meter in _ALWAYS_SHOWN
        ]


def _with_others(
    found: dict[Any, Cells], wanted: list[Any], whole: Cells
) -> dict[Any, Cells]:
    """In the order of `wanted`; what is in none of them comes last, together."""
    rest: Cells = {
        at: {version: Counter(meters) for version, meters in sums.items()}
        for at, sums in whole.items()
    }
    for cells in found.values():
        for at, sums in cells.items():
            for version, meters in sums.items():
                left = rest.setdefault(at, {}).setdefault(version, Counter())
                left.subtract(meters)
    ordered = {value: found[value] for value in wanted if value in found}
    if any(+meters for sums in rest.values() for meters in sums.values()):
        ordered[OTHERS] = rest
    return ordered


def _moved(past: Cells, earlier: Source, source: Source) -> Cells:
    """The buckets of the span before, in the places of this one's."""
    places = zip(earlier.span.buckets, source.span.buckets, strict=False)
    return {now: past[then] for then, now in places if then in past}


def _only(cells: Cells, meter: Meter) -> Cells:
    return {
        at: {v: Counter({meter.value: meters[meter]}) for v, meters in sums.items()}
        for at, sums in cells.items()
    }


def _over_time(cells: Cells) -> Sums:
    found: Sums = {}
    for version, meters in chain.from_iterable(s.items() for s in cells.values()):
        found.setdefault(version, Counter()).update(meters)
    return found


def _over_versions(sums: Sums) -> Counter[str]:
    found: Counter[str] = Counter()
    for meters in sums.values():
        found.update(meters)
    return found


def _figures(cells: Cells) -> Figures:
    used = _over_versions(_over_time(cells))
    return figures({"meter": meter, "quantity": n} for meter, n in used.items())
