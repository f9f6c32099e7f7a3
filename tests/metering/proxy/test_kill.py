"""kill -9 under load, at random moments: nothing complete is lost, nothing doubled,
and what is billed is what reached PostgreSQL.
"""

import os
import random
import signal
import threading
from collections import Counter
from functools import partial
from typing import Self

import httpx
import pytest

from metering.models import UsageEvent
from metering.services.ship_journal import ship_journal
from tests.metering.proxy.conftest import Plane, until

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
CLIENTS = 6


class Load:
    """Clients that call until told to stop, and note each answer they saw complete."""

    def __init__(self, plane: Plane, secret: str) -> None:
        self.plane = plane
        self.secret = secret
        self.complete: list[str] = []
        self.broken = 0
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,))
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def has_more_than(self, answers: int) -> bool:
        return len(self.complete) > answers

    def _run(self, number: int) -> None:
        while not self._stopping.is_set():
            with self.plane.new_client() as client:
                try:
                    while not self._stopping.is_set():
                        self._call(client, streamed=number % 2 == 0)
                except httpx.TransportError:
                    self.broken += 1
                    self._stopping.wait(0.01)

    def _call(self, client: httpx.Client, *, streamed: bool) -> None:
        answer = self.plane.chat(
            self.secret, "Hi", client=client, stream=streamed, max_tokens=6
        )
        # httpx raises for a body that ends before its framing does.
        if answer.status_code == 200 and (not streamed or "[DONE]" in answer.text):
            self.complete.append(answer.headers["x-request-id"].removeprefix("req_"))


@pytest.mark.slow("kills and restarts the proxy 50 times, about half a second each")
@pytest.mark.django_db
def test_no_complete_answer_is_lost_or_doubled(bare_plane: Plane, capsys):
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_prices()
    plane.start_engine(SIMULATOR_TOKENS_PER_SECOND="400")
    proxy = plane.start_proxy(JOURNAL_SEGMENT_BYTES="262144")
    until(plane.is_ready)
    moments = random.Random(SEED)  # noqa: S311 - to be repeated, not secret
    with Load(plane, secret) as load:
        for _ in range(KILLS):
            seen = len(load.complete)
            until(partial(load.has_more_than, seen))
            threading.Event().wait(moments.uniform(0.0, 0.2))
            proxy.send_signal(signal.SIGKILL)
            proxy.wait()
            proxy = plane.start_proxy(JOURNAL_SEGMENT_BYTES="262144")
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)
    ship_journal(plane.home / "journal")
    ids = UsageEvent.objects.values_list("event_id", flat=True)
    billed = Counter(event_id.hex for event_id in ids)
    lost = [one for one in load.complete if one not in billed]
    doubled = [one for one, times in billed.items() if times > 1]
    with capsys.disabled():
        print(  # noqa: T201 - the figure is the point of the test
            f"\nseed {SEED}: {KILLS} kills, {len(load.complete)} answers complete, "
            f"{load.broken} broken, {len(billed)} events, {len(lost)} lost, "
            f"{len(doubled)} doubled"
        )
    assert load.complete
    assert load.broken
    assert lost == []
    assert doubled == []
    assert len(set(load.complete)) == len(load.complete)
