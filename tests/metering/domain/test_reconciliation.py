"""The rules of the audit: exact where events are, bounded where they leave room."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.domain.reconciliation import (
    Bucket,
    Counts,
    Line,
    Source,
    Status,
    UsageGroup,
    amount_of,
    line_of,
    status_of,
)
from metering.wire import Outcome, UsageSource

CONTEXT_TOKENS = 4096


def make_group(
    *,
    outcome="completed",
    usage_source="engine",
    is_streamed=False,
    samples=1,
    input_tokens=100,
    cached=40,
    output_tokens=7,
):
    """One event."""
    return UsageGroup(
        outcome=outcome,
        usage_source=usage_source,
        is_streamed=is_streamed,
        is_sampled=samples > 1,
        samples=samples,
        input_tokens=input_tokens,
        cached_input_tokens=cached,
        sampled_input_tokens=samples * input_tokens,
        sampled_cached_input_tokens=samples * cached,
        output_tokens=output_tokens,
    )


def make_line(source=Source.OUTPUT, *, engine, counted=(), **of):
    of.setdefault("context_tokens", CONTEXT_TOKENS)
    return line_of(source, engine=engine, counted=counted, **of)


def test_it_works():
    counted = [make_group(), make_group(outcome="client_gone", output_tokens=3)]
    line = make_line(engine=10, counted=counted)

    assert line.buckets == {
        Bucket.BILLED: 7,
        Bucket.CLIENT_GONE: 3,
        Bucket.UNBILLED: 0,
        Bucket.ESTIMATED: 0,
    }
    assert (line.said, line.difference, line.open_tokens) == (10, 0, 0)
    assert status_of([line], []) is Status.BALANCED


@pytest.mark.parametrize(("engine", "difference"), [(6, -1), (7, 0), (9, 2)])
def test_one_token_is_a_difference(engine, difference):
    line = make_line(engine=engine, counted=[make_group()])
    assert line.difference == difference
    assert (status_of([line], []) is Status.DRIFTED) == (difference != 0)


def test_an_engine_counts_the_prompt_of_each_sample():
    # What vLLM said and counted for n=4 of a new prompt, and for the same once more.
    group = make_group(samples=4, input_tokens=141, cached=128, output_tokens=20)
    for new, cached in ((180, 384), (52, 512)):
        change = Counts(new_input=new, cached_input=cached, output=20)
        lines = [
            make_line(source, engine=change.of(source), counted=[group])
            for source in Source
        ]
        assert all(line.difference == 0 for line in lines)
    assert make_line(Source.INPUT, engine=563, counted=[group]).difference == -1
    assert make_line(Source.CACHED_INPUT, engine=127, counted=[group]).difference == -1


def test_a_batch_of_prompts_names_the_cached_part_of_one():
    group = replace(make_group(), is_batch=True)
    assert make_line(Source.CACHED_INPUT, engine=100, counted=[group]).open_tokens == 60
    assert make_line(Source.CACHED_INPUT, engine=39, counted=[group]).difference == -1
    assert make_line(Source.INPUT, engine=99, counted=[group]).difference == -1


def test_a_stream_left_early_leaves_the_cached_part_open_and_nothing_of_the_sum():
    group = make_group(outcome="client_gone", is_streamed=True, cached=0)
    assert make_line(Source.CACHED_INPUT, engine=64, counted=[group]).open_tokens == 64
    assert make_line(Source.CACHED_INPUT, engine=101, counted=[group]).difference == 1
    assert make_line(Source.INPUT, engine=101, counted=[group]).difference == 1
    # What it made until it noticed.
    assert make_line(engine=9, counted=[group]).open_tokens == 2
    assert make_line(engine=6, counted=[group]).difference == -1


def test_an_estimate_is_named_and_explains_no_more_than_a_context():
    group = make_group(outcome="client_gone", usage_source="estimate")
    line = make_line(engine=0, counted=[group])
    assert (line.buckets[Bucket.ESTIMATED], line.open_tokens) == (7, -7)
    assert status_of([line], []) is Status.ESTIMATED
    assert make_line(engine=CONTEXT_TOKENS + 1, counted=[group]).difference == 1


def test_a_failed_try_counts_at_least_what_the_engine_said():
    said = make_group(outcome="unbilled")
    unknown = make_group(
        outcome="unbilled", usage_source="estimate", input_tokens=0, output_tokens=0
    )
    assert make_line(engine=6, counted=[said]).difference == -1
    assert make_line(engine=50, counted=[said]).open_tokens == 43
    assert make_line(engine=0, counted=[unknown]).difference == 0
    assert make_line(engine=7, counted=[said]).buckets[Bucket.UNBILLED] == 7


def test_a_call_in_flight_may_be_counted_in_part():
    def difference(engine, **of):
        return make_line(engine=engine, spanning=[make_group()], **of).difference

    assert [difference(engine) for engine in (-1, 0, 7, 8)] == [-1, 0, 0, 1]
    assert difference(7 + CONTEXT_TOKENS, unknown_requests=1) == 0
    assert difference(8 + CONTEXT_TOKENS, unknown_requests=1) == 1


def test_without_a_reading_nothing_is_said():
    balanced = Line(source=Source.OUTPUT, engine=0, buckets=dict.fromkeys(Bucket, 0))
    assert status_of([], []) is Status.UNREAD
    assert status_of([], [balanced]) is Status.BOUNDED


@dataclass(frozen=True)
class Call:
    """What a call truly used of the engine, and how it ended."""

    samples: int
    input_tokens: int
    cached: tuple[int, ...]
    """Of each sample."""
    output_tokens: int
    outcome: Outcome
    usage_source: UsageSource
    is_streamed: bool
    seen: int
    """Output tokens that the proxy saw before it left; the rest came after."""

    def truth(self) -> Counts:
        cached = sum(self.cached)
        return Counts(
            new_input=self.samples * self.input_tokens - cached,
            cached_input=cached,
            output=self.output_tokens,
        )

    def group(self):
        is_cut = self.outcome is Outcome.CLIENT_GONE and self.is_streamed
        said = {"input_tokens": self.input_tokens, "cached": self.cached[-1]}
        said["output_tokens"] = self.output_tokens
        if is_cut and self.samples == 1:
            said |= {"cached": 0, "output_tokens": self.seen}
        if self.usage_source is UsageSource.ESTIMATE:
            said = {"input_tokens": 1234, "cached": 0, "output_tokens": self.seen}
        return make_group(
            outcome=self.outcome.value,
            usage_source=self.usage_source.value,
            is_streamed=self.is_streamed,
            samples=self.samples,
            **said,
        )


@st.composite
def calls(draw):
    samples = draw(st.sampled_from([1, 1, 1, 2, 4]))
    input_tokens = draw(st.integers(1, 2000))
    output_tokens = draw(st.integers(0, 500))
    cached = st.integers(0, input_tokens)
    return Call(
        samples=samples,
        input_tokens=input_tokens,
        cached=tuple(draw(cached) for _ in range(samples)),
        output_tokens=output_tokens,
        outcome=draw(st.sampled_from([Outcome.COMPLETED, Outcome.CLIENT_GONE])),
        usage_source=draw(
            st.sampled_from([UsageSource.ENGINE] * 4 + [UsageSource.ESTIMATE])
        ),
        is_streamed=draw(st.booleans()),
        seen=draw(st.integers(0, output_tokens)),
    )


def change_of(truths):
    return Counts(
        new_input=sum(t.new_input for t in truths),
        cached_input=sum(t.cached_input for t in truths),
        output=sum(t.output for t in truths),
    )


@given(
    ended=st.lists(calls(), max_size=8),
    in_flight=st.lists(calls(), max_size=3),
    part=st.floats(0, 1),
)
def test_what_engines_truly_count_never_is_a_difference(ended, in_flight, part):
    def begun(call):
        truth = call.truth()
        return Counts(
            new_input=int(truth.new_input * part),
            cached_input=int(truth.cached_input * part),
            output=int(truth.output * part),
        )

    change = change_of([*(c.truth() for c in ended), *map(begun, in_flight)])
    for source in Source:
        line = make_line(
            source,
            engine=change.of(source),
            counted=[call.group() for call in ended],
            spanning=[call.group() for call in in_flight],
        )
        assert line.difference == 0
        assert line.engine == line.said + line.open_tokens


@given(ended=st.lists(calls(), max_size=8), drift=st.integers(-50, 50))
def test_without_open_events_every_token_of_drift_shows(ended, drift):
    exact = [
        call
        for call in ended
        if call.samples == 1
        and call.usage_source is UsageSource.ENGINE
        and not (call.is_streamed and call.outcome is Outcome.CLIENT_GONE)
    ]
    change = change_of([call.truth() for call in exact])
    for source in Source:
        line = make_line(
            source,
            engine=change.of(source) + drift,
            counted=[call.group() for call in exact],
        )
        assert line.difference == drift


@given(parts=st.lists(calls(), min_size=1, max_size=8), source=st.sampled_from(Source))
def test_a_group_stands_for_its_events(parts, source):
    """Of events of one kind; the database sums them before they come here."""
    first = parts[0]
    groups = [
        call.group()
        for call in parts
        if (call.outcome, call.usage_source, call.is_streamed, call.samples > 1)
        == (first.outcome, first.usage_source, first.is_streamed, first.samples > 1)
    ]
    sums = {
        name: sum(getattr(group, name) for group in groups)
        for name in (
            *("events", "samples", "input_tokens", "cached_input_tokens"),
            *("sampled_input_tokens", "sampled_cached_input_tokens", "output_tokens"),
        )
    }
    whole = UsageGroup(
        outcome=groups[0].outcome,
        usage_source=groups[0].usage_source,
        is_streamed=groups[0].is_streamed,
        is_sampled=groups[0].is_sampled,
        **sums,
    )
    each = [amount_of(g, source, context_tokens=CONTEXT_TOKENS) for g in groups]
    together = amount_of(whole, source, context_tokens=CONTEXT_TOKENS)
    assert together == sum(each[1:], start=each[0])
