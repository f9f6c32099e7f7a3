"""The lease collector beside a simulated engine that loses, restarts and forgets."""

import contextlib
import time
from uuid import uuid4

import pytest
from django.db import connection

from inference.lease_models import Lease, LeaseCursor, LeaseReceipt
from tests.engine_contract.engines import wait_until
from tests.engine_contract.lease_engines import (
    Conversation,
    run_tiny_simulator,
    some_tokens,
)
from tests.factories import make_engine
from tests.inference.lease_collector import collector
from tests.inference.warm_proxy import held_by

CUTS = 15

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine(tmp_path):
    with run_tiny_simulator(tmp_path, SIMULATOR_FAULTS="1") as made:
        make_engine(address=made.socket)
        yield made


def turn(conversation, **fields):
    """The id of the lease that it was granted."""
    told = conversation.turn(lease_id=uuid4().hex, **fields)
    assert told["fact"] == "granted"
    return told["lease_id"]


def befall(engine, fault):
    with engine.client() as client:
        order = {"fault": fault, "times": 1}
        assert client.post("/simulator/fault", json=order).status_code == 200


def until_state(lease_id, state):
    found = Lease.objects.filter(lease_id=lease_id, state=state)
    wait_until(found.exists, seconds=60)
    return found.get()


def test_it_works(engine):
    conversation = Conversation(engine)
    early = turn(conversation)
    with collector():
        until_state(early, "held")
        later = turn(conversation, says=some_tokens(40), ttl_ms=300)
        until_state(early, "reused")
        ended = until_state(later, "expired")

    assert 300 <= ended.ended_ms - ended.granted_ms < 60_000
    numbers = LeaseReceipt.objects.order_by("sequence").values_list("sequence")
    assert [number for (number,) in numbers] == [1, 2, 3, 4]
    assert LeaseCursor.objects.get().sequence == 4


def test_a_restart_loses_what_was_held(engine):
    conversation = Conversation(engine)
    with collector():
        lost = turn(conversation)
        until_state(lost, "held")
        befall(engine, "restart")
        with contextlib.suppress(Exception):
            conversation.ask(1)
        until_state(lost, "lost")
        wait_until(lambda: _answers(engine))
        again = turn(Conversation(engine))
        until_state(again, "held")

    assert LeaseReceipt.objects.get(lease_id=lost, is_inferred=True).fact == "lost"
    epochs = LeaseReceipt.objects.filter(is_inferred=False).values("epoch").distinct()
    assert epochs.count() == 2


def _answers(engine):
    with contextlib.suppress(OSError):
        return engine.owner() == "simulator"
    return False


def test_a_lost_cache_is_told(engine):
    conversation = Conversation(engine)
    with collector():
        lost = turn(conversation)
        until_state(lost, "held")
        befall(engine, "lose")
        turn(conversation, says=some_tokens(9))
        until_state(lost, "lost")

    assert not LeaseReceipt.objects.get(lease_id=lost, fact="lost").is_inferred


def test_after_a_gap_it_begins_anew_from_the_list(engine):
    """The receipt of the first lease's end is never told."""
    conversation = Conversation(engine)
    with collector():
        silent = turn(conversation)
        until_state(silent, "held")
        befall(engine, "gap")
        turn(conversation, says=some_tokens(9))
        last = turn(Conversation(engine))
        until_state(last, "held")
        ended = until_state(silent, "lost")
        wait_until(
            lambda: LeaseCursor.objects.filter(gap_proven_ms__isnull=True).exists()
        )

    receipt = LeaseReceipt.objects.get(lease_id=silent, is_inferred=True)
    assert receipt.reason == "receipts_missing"
    assert ended.ended_ms == receipt.at_ms
    assert Lease.objects.held().get().lease_id.hex == last


def _cut_all_other_connections():
    """To our database; whether there was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0] > 0


def test_cut_connections_lose_and_double_nothing(engine):
    conversation = Conversation(engine)
    with collector():
        until_state(turn(conversation), "held")
        for _ in range(CUTS):
            last = turn(conversation, says=some_tokens(1), output=1)
            wait_until(_cut_all_other_connections, seconds=60)
        until_state(last, "held")

    numbers = LeaseReceipt.objects.order_by("pk").values_list("sequence", flat=True)
    assert list(numbers) == list(range(1, 2 * CUTS + 2))
    assert Lease.objects.filter(state="reused").count() == CUTS


def test_an_engine_that_comes_and_goes_is_found_again(tmp_path):
    make_engine(address=tmp_path / "engine.sock")
    with collector():
        with run_tiny_simulator(tmp_path) as engine:
            first = turn(Conversation(engine))
            until_state(first, "held")
        with run_tiny_simulator(tmp_path) as engine:
            until_state(first, "lost")
            until_state(turn(Conversation(engine)), "held")


def test_it_reads_a_lost_prompt_again_within_seconds(place):
    """It hears first of an engine that began anew."""
    engine = place.add_engine()
    with collector(PROXY_URL=place.proxy_url):
        prompt = place.create()
        (lost,) = prompt.placements.all()
        # Before that there is nothing that it could miss.
        wait_until(LeaseCursor.objects.filter(sequence__gte=1).exists, seconds=60)
        place.restart(engine)
        began = time.monotonic()
        wait_until(prompt.events.filter(kind="rewarmed").exists, seconds=60)
        seconds = time.monotonic() - began
    (again,) = prompt.placements.all()
    assert again.epoch != lost.epoch
    assert held_by(place.engines[engine.pk]) == [again.lease_id.hex]
    assert seconds < 20  # two at most on a machine that is not busy
