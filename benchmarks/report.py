"""The tables of a run in Markdown, printed and kept in RESULTS.md."""

import os
import platform
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import figures, instructions, shipper
from benchmarks.figures import SHIPPED_PER_SECOND_LEAST, verdict
from benchmarks.load import Row, Scenario
from benchmarks.overhead import ALONE, SCENARIOS, select
from benchmarks.peers import PEERS
from benchmarks.plane import ENGINE
from benchmarks.scaling import LIMIT, Scaling
from config import compiled

RESULTS = Path(os.environ.get("RESULTS") or Path(__file__).parent / "RESULTS.md")
_BEGIN, _END = "<!-- {}: written by a run -->", "<!-- {}: end -->"

_Figure = Callable[[Row], float | None]
_COLUMNS: dict[str, tuple[_Figure, str]] = {
    "requests/s": (lambda row: row.requests_per_second, ",.0f"),
    "CPU µs/request": (lambda row: row.cpu_us_per_request, ",.0f"),
    "k instr./request": (lambda row: row.kilo_instructions_per_request, ",.0f"),
    "CPU used": (lambda row: row.utilisation, ".2f"),
    "p50 µs": (lambda row: row.load.latency_us_p50, ",.0f"),
    "p99 µs": (lambda row: row.load.latency_us_p99, ",.0f"),
    "MiB": (lambda row: row.resident_mib, ".0f"),
    "clients": (lambda row: row.connections, "d"),
}
_STREAM_COLUMNS: dict[str, tuple[_Figure, str]] = {
    "CPU µs/chunk": (lambda row: row.cpu_us_per_chunk, ".1f"),
    "k instr./chunk": (lambda row: row.kilo_instructions_per_chunk, ".1f"),
    "CPU used": (lambda row: row.utilisation, ".2f"),
    "chunk p50 µs": (lambda row: row.load.chunk_us_p50, ",.0f"),
    "chunk p99 µs": (lambda row: row.load.chunk_us_p99, ",.0f"),
    "MiB": (lambda row: row.resident_mib, ".0f"),
    "streams": (lambda row: row.connections, "d"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that a run found out."""

    rows: Sequence[Row]
    missing: dict[str, str]
    """Peers that did not run, and why."""
    repetitions: int
    scaling: Scaling | None
    why_no_scaling: str
    shipped: list[dict[str, float]]
    calls: int
    """Of our proxy that reached the engine, the warm-up included."""
    events: int
    events_twice: int
    load_before: tuple[float, float, float]
    steal: float
    """Share of the machine's time that its host gave to others."""

    @property
    def targets(self) -> list[str]:
        return list(dict.fromkeys(row.target for row in self.rows))


def machine(measured: Measured) -> Iterator[str]:
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, {_cpu_model()}, "
        f"{os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}{_python_build()}, the proxy {_how()}; "
        f"{measured.repetitions} repetitions, medians. Load average before "
        f"{measured.load_before[0]:.2f}, steal {measured.steal:.1%}."
    )
    if reason := instructions.why_unavailable():
        yield f"Instructions are not available here: {reason}."


def _how() -> str:
    is_compiled = compiled.folder_to_run() == compiled.FOLDER
    return "compiled" if is_compiled else "interpreted"


def _python_build() -> str:
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS"))
    is_optimised = "--enable-optimizations" in arguments
    return "" if is_optimised else " (not built with --enable-optimizations)"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def switched_on(measured: Measured) -> Iterator[str]:
    yield "| beside us | version | switched on |"
    yield "|---|---|---|"
    for peer in PEERS:
        if peer.name in measured.missing:
            yield f"| {peer.name} | - | skipped: {measured.missing[peer.name]} |"
        else:
            yield f"| {peer.name} | {peer.version()} | {peer.switched_on} |"


def ratios(measured: Measured) -> Iterator[str]:
    peers = [peer.name for peer in PEERS if peer.name in measured.targets]
    yield from figures.table(measured.rows, peers)
    yield ""
    if waiting := figures.unsaturated(measured.rows, measured.targets):
        shown = ", ".join(f"{name} {share:.2f}" for name, share in waiting.items())
        yield f"Not saturated, so that CPU µs are a hint only: {shown} of a CPU."
        yield ""
    yield "| figure | target | measured | met |"
    yield "|---|---|---|---|"
    yield from figures.scaling_lines(measured.scaling, measured.why_no_scaling)
    if measured.scaling is not None:
        admitted = measured.scaling.admitted
        exact = all(one == LIMIT for one in admitted)
        shown = ", ".join(f"{one:,}" for one in admitted)
        yield (
            f"| calls that two processes admit to a limit of {LIMIT:,} | {LIMIT:,} | "
            f"{shown} | {verdict(exact)} |"
        )
    lost, twice = measured.calls - measured.events, measured.events_twice
    yield (
        f"| usage events lost, recorded twice; of {measured.calls:,} calls | 0, 0 | "
        f"{lost}, {twice} | {verdict(not lost and not twice)} |"
    )
    speed = median(shipper.EVENTS / run["shipped"] for run in measured.shipped)
    yield (
        f"| usage events/s into PostgreSQL | ≥ {SHIPPED_PER_SECOND_LEAST:,} | "
        f"{speed:,.0f} | {verdict(speed >= SHIPPED_PER_SECOND_LEAST)} |"
    )


def scenario_table(measured: Measured, scenario: Scenario) -> Iterator[str]:
    columns = _STREAM_COLUMNS if scenario.is_streamed else _COLUMNS
    yield f"| | {' | '.join(columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for target in measured.targets:
        some = select(measured.rows, scenario, target)
        cells = (_cell(map(figure, some), form) for figure, form in columns.values())
        yield f"| {target} | {' | '.join(cells)} |"


def _cell(values: Iterator[float | None], form: str) -> str:
    found = list(values)
    numbers = [value for value in found if value is not None]
    if len(numbers) < len(found) or not numbers:
        return "n/a"
    middle = median(numbers)
    return format(int(middle) if form == "d" else middle, form)


def added_latency(measured: Measured) -> Iterator[str]:
    """Differences within one repetition, then the median of them."""
    for name in measured.targets:
        if name == ENGINE:
            continue
        pairs = list(
            zip(
                select(measured.rows, ALONE, name),
                select(measured.rows, ALONE, ENGINE),
                strict=True,
            )
        )
        p50 = median(
            its.load.latency_us_p50 - e.load.latency_us_p50 for its, e in pairs
        )
        p99 = median(
            its.load.latency_us_p99 - e.load.latency_us_p99 for its, e in pairs
        )
        yield f"| {name} | {p50:+,.0f} | {p99:+,.0f} |"


def lines(measured: Measured) -> Iterator[str]:
    yield from machine(measured)
    yield ""
    yield from ratios(measured)
    yield ""
    yield from switched_on(measured)
    for scenario in SCENARIOS:
        yield f"\n### {scenario.title}\n"
        yield from scenario_table(measured, scenario)
    yield "\n### Added to a call of the engine, one client\n"
    yield "| | p50 µs | p99 µs |"
    yield "|---|---:|---:|"
    yield from added_latency(measured)
    yield "\n### From the journal to PostgreSQL\n"
    yield from shipper.table(measured.shipped)


def keep(section: str, text: str) -> None:
    """Puts the text between the section's marks in RESULTS.md, for others to read."""
    begin, end = _BEGIN.format(section), _END.format(section)
    old = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    before, found, rest = old.partition(begin)
    after = rest.partition(end)[2] if found else "\n"
    if not found:
        before += "\n"
    RESULTS.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
