"""Bytes that no client should send, at the door of a real proxy process.

    SEED=7 FUZZ_CASES=20000 pytest -s tests/metering/proxy/test_fuzz_http.py

A failure names its case; with `FUZZ_FIRST=<case> FUZZ_CASES=1` it runs alone.
"""

import asyncio
from collections import Counter

import pytest

from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.fuzz.answers import NotHttpError, check_error
from tests.metering.proxy.fuzz.bounds import Bounds, bounds
from tests.metering.proxy.fuzz.connections import HangError, Heard, each, talk
from tests.metering.proxy.fuzz.quiet import Quiet
from tests.metering.proxy.fuzz.requests import sent

STATUSES = {
    100, 200, 400, 401, 402, 403, 404, 405, 408, 409, 413, 429, 431, 503, 505,
}  # fmt: skip
SHORT = {
    "HEAD_SECONDS": "0.6",
    "BODY_SECONDS": "0.6",
    "IDLE_CLIENT_SECONDS": "1",
    "CLIENT_GONE_DRAIN_SECONDS": "1",
}


@pytest.fixture
def hasty_plane(bare_plane: Plane) -> Plane:
    bare_plane.publish_prices()
    bare_plane.publish_keys()
    bare_plane.start_engine()
    bare_plane.start_proxy(**SHORT)
    until(bare_plane.is_ready)
    return bare_plane


def test_no_bytes_break_it(hasty_plane: Plane):
    plane, limits = hasty_plane, bounds(cases=500)
    free = plane.add_key()
    limited = plane.add_key(
        requests_per_minute=10**9, tokens_per_minute=10**9, concurrent_requests=10**6
    )
    until(lambda: plane.chat(limited).is_success)
    quiet = Quiet(plane)
    run = Run(plane.port, [free.encode(), limited.encode()], limits)
    for batch in limits.batches():
        asyncio.run(each(batch, run.one_case))
        assert not run.failures, "\n\n".join(run.failures[:5])
        quiet.check(run.seen, memory_kib_max=60_000)
    print(  # noqa: T201 - what a long run by hand did
        f"\nseed {limits.seed}: {limits.cases} connections, {dict(run.seen)}"
    )
    answered = sum(count for name, count in run.seen.items() if name.isdigit())
    assert answered >= limits.cases // 2
    assert plane.chat(free).is_success
    assert plane.chat(limited).is_success


class Run:
    def __init__(self, port: int, secrets: list[bytes], limits: Bounds) -> None:
        self.port = port
        self.secrets = secrets
        self.limits = limits
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []

    async def one_case(self, case: int) -> None:
        dice = self.limits.dice(case)
        data = sent(dice.choice(self.secrets), dice)
        try:
            heard = await talk(self.port, data, dice)
            check(heard)
        except (AssertionError, HangError, NotHttpError) as error:
            name = f"SEED={self.limits.seed} FUZZ_FIRST={case} FUZZ_CASES=1"
            self.failures.append(f"{name}: {data[:3000]!r}: {error!r}")
            return
        self.seen["left"] += heard.left
        self.seen["closed without a word"] += heard.is_closed and not heard.answers
        self.seen.update(str(answer.status) for answer in heard.answers)


def check(heard: Heard) -> None:
    assert heard.half_closed or not heard.rest, "an answer was cut off"
    for answer in heard.answers:
        assert answer.status in STATUSES, answer
        if answer.is_interim:
            continue
        assert answer.headers["x-request-id"].startswith("req_")
        if answer.status >= 400 and answer.body:
            check_error(answer)
    if heard.sent.startswith(b"POST /v1/messages HTTP/1.1\r\n") and heard.finals:
        first = heard.finals[0]
        assert first.status < 400 or b'"request_id"' in first.body
    closing = [one.headers.get("connection") == "close" for one in heard.finals]
    assert not any(closing[:-1]), "an answer after the last one"
    assert not any(closing) or heard.is_closed, "said close and did not"
