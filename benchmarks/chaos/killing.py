"""Who is killed when, and how long it took until things worked again."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.chaos.operations import now_us
from benchmarks.chaos.product import SERVICES, Product

SUPERVISOR = "supervisor"
KINDS = (*SERVICES, SUPERVISOR)
_ANSWERS_BETWEEN = 3
_PAUSE_SECONDS_MAX = 1.0
_READY_SECONDS_MAX = 90.0
_WATCH_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class Kill:
    kind: str
    at_us: int
    back_at_us: int | None = None
    """The same process was ready again; None: killed once more before."""


def victims(chance: random.Random, *, kills: int) -> Iterator[str]:
    """All kinds in a first round, then the supervisor once among two of each other.

    A round is shuffled. So nobody is killed five times within one life of the
    supervisor, which would give it up, as it should.
    """
    first = True
    while True:
        kinds = [*SERVICES, SUPERVISOR, *(() if first else SERVICES)]
        chance.shuffle(kinds)
        yield from kinds[:kills]
        kills -= len(kinds)
        first = False
        if kills <= 0:
            return


class Killer:
    def __init__(
        self,
        product: Product,
        *,
        seed: int,
        kills: int,
        answers: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self.kills: list[Kill] = []
        self.given_up: list[str] = []
        self._product = product
        self._chance = random.Random(f"{seed}:kills")  # noqa: S311  to be repeated
        self._count = kills
        self._answers = answers
        self._say = say
        self._watching: list[tuple[Kill, int | None]] = []
        self._stopping = threading.Event()

    def run(self) -> None:
        """Raises NotUpError when something does not come back."""
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            for number, kind in enumerate(
                victims(self._chance, kills=self._count), start=1
            ):
                self._wait_for_load()
                self._wait_for_victim(kind)
                time.sleep(self._chance.uniform(0, _PAUSE_SECONDS_MAX))
                self._kill(kind)
                if number % 20 == 0:
                    self._say(f"{number} killed, {self._answers():,} answers complete")
            self._wait_until_all_is_up()
        finally:
            self._stopping.set()
            watch.join()

    def _wait_until_all_is_up(self) -> None:
        """As a user would: what was given up is started anew."""
        self._start_given_up_again()
        self._product.wait_until(lambda: not self._watching, what="all are back")
        self._product.wait_until_up()

    def _wait_for_load(self) -> None:
        before = self._answers()
        self._product.wait_until(
            lambda: self._answers() >= before + _ANSWERS_BETWEEN,
            what=f"{_ANSWERS_BETWEEN} more answers complete",
        )

    def _wait_for_victim(self, kind: str) -> None:
        if kind == SUPERVISOR:
            return
        self._start_given_up_again()
        self._product.wait_until(
            lambda: self._product.is_ready(kind) or self._product.has_given_up(kind),
            what=f"{kind} is ready",
            seconds=_READY_SECONDS_MAX,
        )
        self._start_given_up_again()

    def _start_given_up_again(self) -> None:
        names = [name for name in SERVICES if self._product.has_given_up(name)]
        if names:
            self.given_up += names
            self._product.stop()
            self._product.start_again()
            self._product.wait_until_up()

    def _kill(self, kind: str) -> None:
        pid = self._product.process_of(kind)["pid"]
        kill = Kill(kind=kind, at_us=now_us())
        while not self._product.kill(kind):  # it has ended by itself meanwhile
            self._wait_for_victim(kind)
            pid = self._product.process_of(kind)["pid"]
            kill = Kill(kind=kind, at_us=now_us())
        self.kills.append(kill)
        if kind == SUPERVISOR:
            self._product.start_again()
            self._product.wait_until_up()
            kill.back_at_us = now_us()
        else:
            self._watching.append((kill, pid))

    def _watch(self) -> None:
        """Notes when each process that was killed is ready, as another process."""
        while not self._stopping.wait(_WATCH_SECONDS):
            for kill, pid in list(self._watching):
                found = self._product.process_of(kill.kind)
                if found["pid"] not in {pid, None} and found["state"] == "ready":
                    kill.back_at_us = kill.back_at_us or now_us()
                    self._watching.remove((kill, pid))
