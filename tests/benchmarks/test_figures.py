"""Ratios of one run, and whether they meet their targets."""

from dataclasses import replace

import pytest

from benchmarks import figures
from benchmarks.figures import FIGURES
from benchmarks.load import LoadResult, Row, Scenario
from benchmarks.overhead import ALONE, SATURATED
from benchmarks.plane import ENGINE, OURS

CPU, INSTRUCTIONS = FIGURES[0], FIGURES[1]
ADDED = next(one for one in FIGURES if one.is_added)


def _row(
    target: str, scenario: Scenario = SATURATED, *, cpu: float = 0, p50: float = 0
) -> Row:
    load = LoadResult(
        issued=10, completed=10, failed=0, refused=0, unavailable=0, aborted=0,
        unfinished=0, seconds=1, latency_us_p50=p50, latency_us_p99=p50, chunk_us_p50=0,
        chunk_us_p99=0, events=0, usages=10, dones=0, first_refusal="",
    )  # fmt: skip
    return Row(
        scenario=scenario,
        target=target,
        extra_events=0,
        connections=1,
        load=load,
        cpu_us_per_request=cpu,
        instructions_per_request=None,
        utilisation=1,
        resident_mib=30,
    )


def test_it_works():
    """A slow second repetition hits both, and the median of the ratios is unmoved."""
    rows = [
        *(_row(OURS, cpu=60), _row("nginx", cpu=40)),
        *(_row(OURS, cpu=600), _row("nginx", cpu=400)),
        *(_row(OURS, cpu=61), _row("nginx", cpu=40)),
    ]

    assert figures.ratio(rows, CPU, "nginx") == pytest.approx(1.5)
    assert figures.is_met(rows, CPU) is True


def test_one_missed_target_is_a_miss():
    rows = [_row(OURS, cpu=60), _row("nginx", cpu=40), _row("vllm-router", cpu=100)]

    assert figures.is_met(rows, CPU) is False


def test_added_latency_is_compared_without_the_engine_s_own():
    rows = [
        _row(ENGINE, ALONE, p50=10),
        _row(OURS, ALONE, p50=110),
        _row("vllm-router", ALONE, p50=210),
    ]

    assert figures.ratio(rows, ADDED, "vllm-router") == pytest.approx(0.5)


def test_what_the_machine_cannot_count_is_neither_met_nor_missed():
    rows = [_row(OURS), _row("nginx")]

    assert figures.is_met(rows, INSTRUCTIONS) is None
    assert "n/a" in "\n".join(figures.table(rows, ["nginx"]))


def test_a_stream_with_a_missing_event_is_a_problem():
    load = _row(OURS).load

    assert load.problem(is_streamed=False) == ""
    assert "0 events" in load.problem(is_streamed=True)


def test_who_waited_for_something_else_is_named():
    rows = [_row(ENGINE), replace(_row(OURS), utilisation=0.6), _row("nginx")]

    assert figures.unsaturated(rows, [ENGINE, OURS, "nginx"]) == {OURS: 0.6}
