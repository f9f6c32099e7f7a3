"""Faults of leases that no engine shows on request. What an engine does with leases
otherwise is in tests/engine_contract.
"""

import contextlib
import json

import httpx
import pytest

from tests.engine_contract.engines import wait_until
from tests.engine_contract.lease_engines import (
    LONG_MS,
    Control,
    Conversation,
    run_tiny_simulator,
    some_tokens,
)
from tests.inference.simulator.test_scheduler import held_stream

ORDER = "/simulator/fault"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leases")
    with run_tiny_simulator(folder, SIMULATOR_FAULTS="1", LEASE_HOST_MIB="90") as made:
        yield made


@pytest.fixture(autouse=True)
def control(engine):
    made = Control(engine)
    yield made
    made.release_all()


@pytest.fixture
def befall(engine):
    """Lets the next call suffer a fault."""

    def order(fault, times=1):
        with engine.client() as client:
            answer = client.post(ORDER, json={"fault": fault, "times": times})
            assert answer.status_code == 200

    return order


def facts(control, *, after):
    return [one["fact"] for one in control.events(after)]


def test_it_works(engine, control):
    conversation = Conversation(engine)
    told = conversation.turn()
    assert facts(control, after=told["sequence"] - 1) == ["granted"]
    assert engine.counter("kv_cache_usage_perc") == 9 / 64


def test_a_full_pool_refuses_new_leases_and_keeps_the_old(engine, befall):
    conversation = Conversation(engine)
    conversation.turn()
    befall("full", 2)
    again = conversation.turn(says=some_tokens(50))
    assert (again["fact"], again["tokens"]) == ("granted", 288)
    assert again["reason"] == "leases_cap"
    refused = Conversation(engine).turn()
    assert (refused["fact"], refused["reason"]) == ("refused", "leases_cap")
    assert Conversation(engine).turn()["fact"] == "granted"


@pytest.mark.parametrize("ttl_ms", [LONG_MS, 0])
def test_a_pin_that_does_not_hold_is_found_out(engine, control, befall, ttl_ms):
    conversation = Conversation(engine)
    told = conversation.turn(ttl_ms=ttl_ms, host_ttl_ms=LONG_MS)
    whose = {"tenant_id": conversation.tenant_id}
    if not ttl_ms:
        control.wait_for("demoted", told["asked"], after=told["sequence"])
    assert control.read(f"leases/{told['asked']}", **whose)["verified"]
    befall("unpin")
    Conversation(engine).turn(leased=False)
    lost = control.wait_for("lost", told["asked"], after=told["sequence"])
    assert lost["reason"] == "not_verified"
    assert control.status["disproved"] > 0
    again = conversation.turn(says=some_tokens(19))
    assert (again["cached"], again["reusable_tokens"]) == (0, 288)


def test_a_lost_cache_is_told(engine, control, befall):
    conversation = Conversation(engine)
    told = conversation.turn(host_ttl_ms=LONG_MS)
    befall("lose")
    again = conversation.turn(says=some_tokens(19))
    assert (again["cached"], again["reusable_tokens"]) == (0, 288)
    (lost,) = [one for one in control.events(told["sequence"]) if one["fact"] == "lost"]
    assert (lost["lease_id"], lost["reason"]) == (told["lease_id"], "cache_reset")


def test_receipts_may_stay_untold(engine, control, befall):
    conversation = Conversation(engine)
    first = conversation.turn()["sequence"]
    befall("gap")
    conversation.turn(says=some_tokens(9))
    # Reused and granted are missing, and nobody can tell yet.
    assert control.read("lease_events", sequence=first)["last_sequence"] == first
    assert control.events(first, wait_seconds=0.1) == []
    assert control.status["last_sequence"] == first + 2
    last = conversation.turn(says=some_tokens(9))["sequence"]
    told = control.read("lease_events", sequence=first, count_max=1)
    assert [one["sequence"] for one in told["receipts"]] == [first + 3]
    assert facts(control, after=first) == ["reused", "granted"]
    assert control.read("lease_events", sequence=first)["last_sequence"] == last
    # The list is whole.
    assert [one["lease_id"] for one in control.leases()] == [conversation.lease_id]


def test_a_restart_begins_another_epoch(engine, control, befall):
    conversation = Conversation(engine)
    conversation.turn()
    epoch = control.status["epoch"]
    befall("restart")
    with pytest.raises(httpx.TransportError):
        conversation.ask(1)
    wait_until(lambda: is_up(engine))
    status = control.status
    assert status["epoch"] != epoch
    assert (status["leases"], status["last_sequence"]) == (0, 0)
    assert engine.counter("prompt_tokens_total") == 0
    again = conversation.turn(says=some_tokens(19))
    assert (again["cached"], again["reusable_tokens"]) == (0, 288)


def is_up(engine):
    try:
        engine.connect().close()
    except OSError:
        return False
    return True


def test_whoever_leaves_while_waiting_holds_nothing(engine, control, befall):
    """Its turn ends before it began."""
    conversation = Conversation(engine)
    before, terms = control.status["last_sequence"], conversation.terms()
    body = {"prompt": conversation.tokens, "model": engine.model}
    body |= {"kv_transfer_params": {"lease": conversation.signed(terms)}}
    befall("slow:50", 4)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            long = {"prompt": some_tokens(400), "max_tokens": 112, "ignore_eos": True}
            stack.enter_context(held_stream(engine, **long))
        with engine.connect() as connection:
            connection.sendall(written(engine, body))
            wait_until(lambda: engine.counter("num_requests_waiting") == 1)
    refused = control.wait_for("refused", terms.lease_id, after=before)
    assert refused["reason"] == "turn_aborted"


def written(engine, body):
    text = json.dumps(body)
    return (
        f"POST /v1/completions HTTP/1.1\r\nhost: e\r\n"
        f"authorization: Bearer {engine.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(text)}\r\n\r\n{text}"
    ).encode()
