"""Events on their way: as the SDK's own check takes them, and at their worst."""

import random

import pytest
import stripe

from tests.stripe_sim.server import SECRET_KEY, WEBHOOK_SECRET, run_stripe_sim
from tests.stripe_sim.webhooks import RETRY_SECONDS, sign


class Inbox:
    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []

    def __call__(self, body: bytes, signature: str) -> int:
        self.bodies.append(body)
        self.signatures.append(signature)
        return self.statuses.pop(0) if self.statuses else 200


def test_it_works(sim, client):
    inbox = Inbox()
    made = client.v1.customers.create({"name": "Acme"})

    assert sim.webhooks.deliver_due(inbox) == 1

    event = stripe.StripeClient(SECRET_KEY).construct_event(
        inbox.bodies[0], inbox.signatures[0], WEBHOOK_SECRET
    )
    assert (event.type, event.data.object["id"]) == ("customer.created", made.id)
    assert event.api_version == stripe.api_version


def test_another_secret_is_no_signature(sim, client):
    client.v1.customers.create({"name": "Acme"})
    inbox = Inbox()
    sim.webhooks.deliver_due(inbox)

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.StripeClient(SECRET_KEY).construct_event(
            inbox.bodies[0],
            sign(inbox.bodies[0], "whsec_other", sim.clock.now),
            WEBHOOK_SECRET,
        )


def test_what_is_not_taken_comes_again_later(sim, client):
    client.v1.customers.create({"name": "Acme"})
    inbox = Inbox(500, 503)
    began_at = sim.clock.now

    sim.webhooks.deliver_due(inbox)
    assert sim.webhooks.deliver_due(inbox) == 0
    sim.webhooks.deliver_all(inbox)

    assert len(inbox.bodies) == 3
    assert sim.clock.now - began_at == sum(RETRY_SECONDS[:2])


def test_one_seed_is_one_schedule():
    def run(seed: int) -> list[bytes]:
        with run_stripe_sim(seed=seed, now=1_800_000_000) as sim:
            sim.webhooks.delay_seconds_max, sim.webhooks.repeats_max = 100, 2
            for number in range(6):
                sim.store.emit("customer.created", {"id": number, "object": "customer"})
            inbox = Inbox()
            sim.webhooks.deliver_all(inbox)
            return inbox.bodies

    seed = random.randint(0, 1_000)  # noqa: S311  a schedule, not a secret
    assert run(seed) == run(seed)
    assert len({tuple(run(one)) for one in range(5)}) == 5
