"""An engine whose answers are damaged: never a failure of ours, never a made-up bill.

SEED, FUZZ_CASES and FUZZ_FIRST as in test_fuzz_http.py.
"""

import asyncio
from collections import Counter

from inference.wire import EngineAddress, Route, Task
from metering.wire import UsageEvent, UsageSource
from tests.metering.proxy.conftest import MODELS, Plane, until
from tests.metering.proxy.fuzz.answers import Answer, NotHttpError, check_error
from tests.metering.proxy.fuzz.bounds import Bounds, bounds
from tests.metering.proxy.fuzz.connections import HangError, Heard, each, talk
from tests.metering.proxy.fuzz.engine import FuzzyEngine
from tests.metering.proxy.fuzz.quiet import Quiet
from tests.metering.proxy.fuzz.requests import BODIES, one_call

STATUSES = {200, 400, 502, 503, 504}
_ENGINES = 48
"""Names of the one engine: some are always paused for their failures."""
_SHORT = {
    "FIRST_BYTE_SECONDS": "0.8",
    "ANSWER_SECONDS": "0.8",
    "CHUNK_SECONDS": "0.8",
    "CLIENT_GONE_DRAIN_SECONDS": "0.8",
    "IDEMPOTENCY_LEASE_SECONDS": "2",
}


def test_no_engine_breaks_it(bare_plane: Plane):
    plane, limits = bare_plane, bounds(cases=400)
    asyncio.run(Run(plane, limits).all())


class Run:
    def __init__(self, plane: Plane, limits: Bounds) -> None:
        self.plane = plane
        self.limits = limits
        self.engine = FuzzyEngine(limits)
        self.secrets: list[bytes] = []
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []
        self.heard: dict[str, tuple[int, Heard]] = {}
        """By request id."""

    async def all(self) -> None:
        plane = self.plane
        server = await self.engine.listen(plane.home / "e.sock")
        async with server:
            await asyncio.to_thread(self.begin)
            quiet = await asyncio.to_thread(Quiet, plane)
            for batch in self.limits.batches():
                await each(batch, self.one_case)
                await asyncio.to_thread(quiet.check, self.seen, memory_kib_max=60_000)
                assert not self.failures, "\n\n".join(self.failures[:5])
                self.check_events()
        assert self.seen["200"] >= self.limits.cases // 10
        assert self.seen["502"] >= self.limits.cases // 20

    def begin(self) -> None:
        plane = self.plane
        plane.publish_prices()
        publish_engines(plane)
        self.secrets = [
            plane.add_key().encode(),
            plane.add_key(tokens_per_minute=10**12).encode(),
        ]
        plane.start_proxy(**_SHORT)
        until(plane.is_ready)
        until(lambda: plane.metric("tokenfab_proxy_engine_healthy") == 3 * _ENGINES, 60)
        until(lambda: plane.chat(self.secrets[1].decode()).is_success)

    async def one_case(self, case: int) -> None:
        dice = self.limits.dice(case)
        path = dice.choice(list(BODIES))
        data = one_call(path, dice.choice(self.secrets), case, dice)
        try:
            is_patient = dice.random() < 0.9
            heard = await talk(self.plane.port, data, dice, is_patient=is_patient)
            for answer in heard.finals:
                check(answer)
                self.heard[answer.headers["x-request-id"]] = (case, heard)
            assert len(heard.finals) == 1 or not is_patient or heard.rest
        except (AssertionError, HangError, NotHttpError) as error:
            name = f"SEED={self.limits.seed} FUZZ_FIRST={case} FUZZ_CASES=1"
            said = self.engine.said.get(case, b"")[:2000]
            self.failures.append(f"{name}: {data!r}: {said!r}: {error!r}")
            return
        self.seen.update(str(answer.status) for answer in heard.answers)

    def check_events(self) -> None:
        """What was answered well is billed once, as the engine said; what was refused
        is not billed.
        """
        billed: Counter[str] = Counter()
        for event in self.plane.events():
            billed[f"req_{event.event_id}"] += 1
            check_numbers(event)
            if (found := self.heard.get(f"req_{event.event_id}")) is not None:
                check_said(event, self.engine.said[found[0]])
        for name, (case, heard) in self.heard.items():
            (answer,) = heard.finals
            self.check_bill(billed[name], case, answer)

    def check_bill(self, count: int, case: int, answer: Answer) -> None:
        """A stream may end well but without a usage that can be believed: not billed.
        All else that ended well is.
        """
        is_stream = answer.headers["content-type"].startswith("text/event-stream")
        if answer.status != 200:
            assert count == 0, (case, answer)
        elif is_stream and case not in self.engine.sound:
            assert count <= 1, (case, answer)
            self.seen["streams not billed"] += not count
        else:
            assert count == 1, (case, answer)


def check(answer: Answer) -> None:
    assert answer.status in STATUSES, answer
    if answer.status != 200:
        check_error(answer)
        assert b"Traceback" not in answer.body


def check_numbers(event: UsageEvent) -> None:
    assert 0 <= event.cached_input_tokens <= event.input_tokens < 2**31
    assert 0 <= event.output_tokens < 2**31
    assert 0 <= event.cost_nanos < 2**63


def check_said(event: UsageEvent, said: bytes) -> None:
    if event.usage_source is not UsageSource.ENGINE:
        return
    if event.output_tokens:
        assert b"%d" % event.output_tokens in said, event
    if event.input_tokens and event.endpoint != "messages":  # whose input is a sum
        assert b"%d" % event.input_tokens in said, event


def publish_engines(plane: Plane) -> None:
    address = f"unix:{plane.home / 'e.sock'}"
    routes = [
        Route(
            model=MODELS[task],
            is_default=task is Task.GENERATE,
            context_tokens=4096,
            created_at=1_790_000_000,
            engines=tuple(
                EngineAddress(engine_id=number, name=f"e{number}", address=address)
                for number in range(first, first + _ENGINES)
            ),
            task=task,
            tokenizer_folder=None,
        )
        for first, task in zip((1, 1001, 2001), MODELS, strict=True)
    ]
    plane.publish("routes", routes)
