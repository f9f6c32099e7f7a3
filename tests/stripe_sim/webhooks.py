"""Events on their way: signed, retried with back-off, twice, and in any order."""

import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.stripe_sim.objects import Resource
from tests.stripe_sim.store import Clock

Endpoint = Callable[[bytes, str], int]
"""Takes the body and the signature header, returns the status of its answer."""

RETRY_SECONDS = (60, 300, 1800, 7200, 18_000, 36_000, 86_400)


def sign(body: bytes, secret: str, at: int) -> str:
    signed = f"{at}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@dataclass
class Delivery:
    event: Resource
    due_at: int
    tries: int = 0


@dataclass
class Webhooks:
    clock: Clock
    secret: str
    chance: random.Random
    """Decides on delays and repeats; one seed, one schedule."""
    delay_seconds_max: int = 0
    """0: in order; else each delivery comes at any time within it."""
    repeats_max: int = 0
    waiting: list[Delivery] = field(default_factory=list)

    def add(self, event: Resource) -> None:
        for _ in range(1 + self.chance.randint(0, self.repeats_max)):
            delay = self.chance.randint(0, self.delay_seconds_max)
            self.waiting.append(Delivery(event, self.clock.now + delay))

    def deliver_due(self, endpoint: Endpoint) -> int:
        """How many were answered with a 2xx; others are tried again later."""
        due = [one for one in self.waiting if one.due_at <= self.clock.now]
        due.sort(key=lambda one: one.due_at)  # stable: in order where equal
        self.waiting = [one for one in self.waiting if one.due_at > self.clock.now]
        return sum(self._deliver(one, endpoint) for one in due)

    def deliver_all(self, endpoint: Endpoint) -> None:
        """Until nothing waits; moves the clock from one to the next."""
        while self.waiting:
            next_at = min(one.due_at for one in self.waiting)
            self.clock.now = max(self.clock.now, next_at)
            self.deliver_due(endpoint)

    def _deliver(self, delivery: Delivery, endpoint: Endpoint) -> bool:
        body = json.dumps(delivery.event).encode()
        status = endpoint(body, sign(body, self.secret, self.clock.now))
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return True
        if delivery.tries < len(RETRY_SECONDS):
            delivery.due_at = self.clock.now + RETRY_SECONDS[delivery.tries]
            delivery.tries += 1
            self.waiting.append(delivery)
        return False
