"""The figures that the proxy is built towards, as ratios to its peers in one run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.load import Row, Scenario
from benchmarks.overhead import ALONE, SATURATED, STREAMED, select
from benchmarks.plane import ENGINE, OURS, OURS_WITH_MONEY
from benchmarks.scaling import Scaling

Value = Callable[[Row], float | None]
Bound = Literal["≤", "≥"]
RESIDENT_MIB_MAX = 80
SATURATED_LEAST = 0.9
SCALING_LEAST = 1.8
SHIPPED_PER_SECOND_LEAST = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    name: str
    scenario: Scenario
    value: Value
    format: str
    bound: Bound
    targets: Mapping[str, float]
    """Of peers: what ours divided by theirs should be at most or at least."""
    stretch: str = ""
    """Worth reaching, and no target."""
    is_added: bool = False
    """What counts is the difference to the engine alone."""


FIGURES = (
    Figure(
        name="CPU µs per whole answer, saturated",
        scenario=SATURATED,
        value=lambda row: row.cpu_us_per_request,
        format=",.0f",
        bound="≤",
        targets={"nginx": 2, "vllm-router": 0.5, "litellm": 0.01},
    ),
    Figure(
        name="thousand instructions per whole answer",
        scenario=SATURATED,
        value=lambda row: row.kilo_instructions_per_request,
        format=",.0f",
        bound="≤",
        targets={},
    ),
    Figure(
        name="requests/s on one CPU",
        scenario=SATURATED,
        value=lambda row: row.requests_per_second,
        format=",.0f",
        bound="≥",
        targets={"nginx": 0.5, "vllm-router": 2},
    ),
    Figure(
        name="thousand instructions per chunk, 100 streams",
        scenario=STREAMED,
        value=lambda row: row.kilo_instructions_per_chunk,
        format=",.1f",
        bound="≤",
        targets={"vllm-router": 1},
        stretch="1 of nginx",
    ),
    Figure(
        name="CPU µs per chunk, 100 streams",
        scenario=STREAMED,
        value=lambda row: row.cpu_us_per_chunk,
        format=",.1f",
        bound="≤",
        targets={"vllm-router": 1},
    ),
    Figure(
        name="p99 µs of a chunk, 100 streams",
        scenario=STREAMED,
        value=lambda row: row.load.chunk_us_p99,
        format=",.0f",
        bound="≤",
        targets={"vllm-router": 1},
    ),
    Figure(
        name="p50 µs added, one client",
        scenario=ALONE,
        value=lambda row: row.load.latency_us_p50,
        format=",.0f",
        bound="≤",
        targets={"vllm-router": 1},
        stretch="1.5 of nginx",
        is_added=True,
    ),
    Figure(
        name="p99 µs added, one client",
        scenario=ALONE,
        value=lambda row: row.load.latency_us_p99,
        format=",.0f",
        bound="≤",
        targets={"vllm-router": 1},
        is_added=True,
    ),
    Figure(
        name="resident MiB, saturated",
        scenario=SATURATED,
        value=lambda row: row.resident_mib,
        format=",.0f",
        bound="≤",
        targets={OURS: RESIDENT_MIB_MAX},
    ),
)


def values(rows: Sequence[Row], figure: Figure, target: str) -> list[float]:
    """By repetition; empty: not measured, or the machine cannot."""
    found = [figure.value(row) for row in select(rows, figure.scenario, target)]
    if any(one is None for one in found):
        return []
    numbers = [one for one in found if one is not None]
    if not figure.is_added:
        return numbers
    least = [figure.value(row) for row in select(rows, figure.scenario, ENGINE)]
    return [its - (alone or 0) for its, alone in zip(numbers, least, strict=True)]


def ratio(rows: Sequence[Row], figure: Figure, peer: str) -> float | None:
    """Ours divided by theirs, within each repetition; the median of that."""
    ours, theirs = (values(rows, figure, name) for name in (OURS, peer))
    pairs = [its / other for its, other in zip(ours, theirs, strict=False) if other > 0]
    return median(pairs) if pairs else None


def is_met(rows: Sequence[Row], figure: Figure) -> bool | None:
    """None: no target, or nothing to hold it against."""
    verdicts = []
    for name, wanted in figure.targets.items():
        if name == OURS:
            ours = values(rows, figure, OURS)
            reached = median(ours) if ours else None
        else:
            reached = ratio(rows, figure, name)
        if reached is not None:
            verdicts.append(
                reached <= wanted if figure.bound == "≤" else reached >= wanted
            )
    return all(verdicts) if verdicts else None


def table(rows: Sequence[Row], peers: Sequence[str]) -> Iterator[str]:
    """Lines of Markdown; peers that are missing have no column."""
    names = [f"÷ {peer}" for peer in peers]
    yield f"| figure | target | {OURS} | {' | '.join(['with money', *names])} | met |"
    yield "|---|---|" + "---:|" * (len(peers) + 2) + "---|"
    for figure in FIGURES:
        cells = [
            figure.name,
            _target_text(figure),
            _absolute(rows, figure, OURS),
            _absolute(rows, figure, OURS_WITH_MONEY),
            *(_ratio_text(rows, figure, peer) for peer in peers),
            verdict(is_met(rows, figure)),
        ]
        yield f"| {' | '.join(cells)} |"


def _target_text(figure: Figure) -> str:
    text = ", ".join(
        f"{figure.bound} {wanted:g}" + ("" if name == OURS else f" of {name}")
        for name, wanted in figure.targets.items()
    )
    return f"{text}; stretch: {figure.stretch}" if figure.stretch else text


def _absolute(rows: Sequence[Row], figure: Figure, target: str) -> str:
    found = values(rows, figure, target)
    return format(median(found), figure.format) if found else "n/a"


def _ratio_text(rows: Sequence[Row], figure: Figure, peer: str) -> str:
    found = ratio(rows, figure, peer)
    if found is None:
        return "n/a"
    return f"{found:.2f}" if found >= 0.1 else f"{found:.4f}"


def verdict(met: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "-"}[met]


def unsaturated(rows: Sequence[Row], targets: Sequence[str]) -> dict[str, float]:
    """Targets whose CPU time per answer is only a hint, since something else was waited
    for, and how much of a CPU they used.
    """
    used = {
        name: median(row.utilisation for row in select(rows, SATURATED, name))
        for name in targets
        if name != ENGINE
    }
    return {name: share for name, share in used.items() if share < SATURATED_LEAST}


def scaling_lines(scaling: Scaling | None, why_not: str) -> Iterator[str]:
    """Rows of a table of figure, target, measured, met."""
    if scaling is None:
        yield f"| two processes against one | ≥ {SCALING_LEAST} | n/a: {why_not} | - |"
        return
    met = verdict(scaling.ratio >= SCALING_LEAST)
    one, two = median(scaling.one), median(scaling.two)
    yield (
        f"| two processes against one; {scaling.how} | ≥ {SCALING_LEAST} | "
        f"{scaling.ratio:.2f} ({two:,.0f} against {one:,.0f} requests/s) | {met} |"
    )
