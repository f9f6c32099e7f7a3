"""Any order of joining, leaving, pausing and writing shows everyone the same answer."""

import asyncio
import os
import uuid
from typing import Any

import msgspec
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Gauge

from metering.proxy.errors import OVERLOADED, RefusedError
from metering.proxy.kept_answers import KeptAnswers, Record
from metering.proxy.recorder import Recorder, Recorders
from metering.wire import Outcome, UsageEvent, UsageSource
from tests.metering.proxy.test_valkey import connected, until

ACTS = st.one_of(
    st.just(("join", 0)),
    st.just(("write", 0)),
    st.tuples(st.sampled_from(["leave", "pause", "resume"]), st.integers(0, 3)),
)


class Caller:
    """A follower that keeps what it is shown."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.is_paused = self.is_done = self.is_gone = False
        self.seen = b""
        self.refused: RefusedError | None = None
        recorder.join(self)

    def advance(self, *, is_forced: bool) -> None:
        assert not self.is_gone, "shown more after it had left"
        if self._recorder.is_begun and (is_forced or not self.is_paused):
            self.seen += self._recorder.shown_from(len(self.seen))
            self.is_done = self._recorder.is_ended

    def refuse(self, error: RefusedError) -> None:
        self.refused = error

    def break_off(self) -> None:
        raise AssertionError("nothing broke")

    def leave(self) -> None:
        self._recorder.quit(self)
        self.is_gone = True

    def resume(self) -> None:
        self.is_paused = False
        if not self.is_gone:
            self.advance(is_forced=False)


def new_recorder(recorders: Recorders) -> Recorder:
    name = uuid.uuid4().hex
    record = Record(tenant_id=1, project_id=11, name=name, digest="d")
    return Recorder(recorders, record, run="r1")


def do(acts: list[tuple[str, int]], recorder: Recorder) -> tuple[list[Caller], bytes]:
    """The callers of the recorder, and what was written."""
    callers, written = [Caller(recorder)], b""
    recorder.begin_stream(b"h", b"")
    for number, (act, which) in enumerate(acts):
        if act == "join":
            callers.append(Caller(recorder))
        elif act == "write":
            written += b"%d," % number
            recorder.send(b"%d," % number)
        elif which < len(callers):
            caller = callers[which]
            if act == "leave":
                caller.leave()
            elif act == "pause":
                caller.is_paused = True
            else:
                caller.resume()
    return callers, written


async def run(acts: list[tuple[str, int]], client: redis.Redis) -> None:
    async with connected(os.environ["VALKEY_URL"], deadline_seconds=5) as valkey:
        recorders = Recorders(
            KeptAnswers(valkey, lease_seconds=1),
            held=Gauge("held", "held", registry=None),
        )
        recorder = new_recorder(recorders)
        callers, written = do(acts, recorder)
        written += b"end"
        events: list[bytes] = []
        recorder.seal(b"event", b"h", b"end", events.append)
        assert not any(caller.seen.endswith(b"end") for caller in callers)
        await until(lambda: events)
        recorder.end_stream(b"end")
        for caller in callers:
            caller.resume()
        assert events == [b"event"]
        for caller in callers:
            assert caller.is_gone or (caller.is_done and caller.seen == written)
            assert written.startswith(caller.seen)
        place, answer, _ = recorder.record.keys()
        await until(lambda: client.hget(place, "state") == b"done")
        assert client.get(answer) == written


@settings(max_examples=40, deadline=None)
@given(acts=st.lists(ACTS, max_size=30))
def test_everyone_sees_the_same_answer(acts: list[tuple[str, int]]):
    with redis.Redis.from_url(os.environ["VALKEY_URL"], db=0) as client:
        asyncio.run(run(acts, client))


async def test_a_refusal_reaches_everyone_and_frees_the_key(valkey: redis.Redis):
    async with connected(os.environ["VALKEY_URL"], deadline_seconds=5) as connection:
        answers = KeptAnswers(connection, lease_seconds=1)
        gauge = Gauge("held", "held", registry=None)
        recorders = Recorders(answers, held=gauge)
        recorder = new_recorder(recorders)
        claims: list[Any] = []
        answers.claim(recorder.record, claims.append, run="r1")
        await until(lambda: claims)
        callers = [Caller(recorder), Caller(recorder)]
        error = RefusedError(OVERLOADED, "Later.")
        recorder.refuse(error)
        assert [caller.refused for caller in callers] == [error, error]
        assert recorders.running == {}
        await until(lambda: not valkey.exists(recorder.record.place))
        assert gauge._value.get() == 0


async def test_a_run_that_lost_its_key_bills_nothing(valkey: redis.Redis):
    """Valkey was away for longer than the lease, and another process runs the call."""
    async with connected(os.environ["VALKEY_URL"], deadline_seconds=5) as connection:
        answers = KeptAnswers(connection, lease_seconds=1)
        recorders = Recorders(answers, held=Gauge("held", "held", registry=None))
        recorder = new_recorder(recorders)
        claims: list[Any] = []
        answers.claim(recorder.record, claims.append, run="another")
        await until(lambda: claims)
        caller = Caller(recorder)
        recorder.begin_stream(b"h", b"text")
        events: list[bytes] = []
        known = usage_event()
        recorder.seal(msgspec.json.encode(known), b"h", b"end", events.append)
        await until(lambda: events)
        written = msgspec.json.decode(events[0], type=UsageEvent)
        changes = {"outcome": Outcome.UNBILLED, "cost_nanos": 0}
        assert written == msgspec.structs.replace(known, **changes)
        recorder.end_stream(b"end")
        assert caller.seen == b"textend"
        assert recorders.running == {}
        assert valkey.hget(recorder.record.place, "run") == b"another"


def usage_event() -> UsageEvent:
    return UsageEvent(
        schema=1,
        event_id="0" * 32,
        tenant_id=1,
        project_id=11,
        api_key_id=1,
        model="m",
        engine_id=1,
        price_version_id=7,
        endpoint="chat.completions",
        streamed=True,
        outcome=Outcome.COMPLETED,
        usage_source=UsageSource.ENGINE,
        input_tokens=3,
        cached_input_tokens=0,
        cache_write_tokens=0,
        output_tokens=5,
        reasoning_tokens=0,
        received_at_us=1,
        first_token_at_us=2,
        happened_at_us=3,
        cost_nanos=9,
    )


async def test_the_process_holds_so_much_and_no_more():
    """What is not held is passed on as it comes, at the pace of the slowest."""

    class Pace:
        is_paused = False

        def pause(self) -> None:
            self.is_paused = True

        def resume(self) -> None:
            self.is_paused = False

    async with connected(os.environ["VALKEY_URL"], deadline_seconds=5) as connection:
        recorders = Recorders(
            KeptAnswers(connection, lease_seconds=1),
            held=Gauge("held", "held", registry=None),
        )
        recorder, pace = new_recorder(recorders), Pace()
        recorder.call = pace
        caller = Caller(recorder)
        recorder.begin_stream(b"h", b"a" * 1000)
        caller.is_paused = True
        recorder.pace()
        assert not pace.is_paused
        recorder.send(b"b" * 2 * 1024 * 1024)
        assert recorder.is_dropped
        assert pace.is_paused
        assert len(caller.seen) == 1000 + 2 * 1024 * 1024
        assert recorders.held_bytes == 0
        caller.is_paused = False
        recorder.pace()
        assert not pace.is_paused
        recorder.refuse(RefusedError(OVERLOADED, "Later."))
