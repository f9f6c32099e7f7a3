"""What leaves HBM lives on in host memory, and comes up again with the next turn."""

import pytest

from tests.engine_contract.engines import grown
from tests.engine_contract.lease_engines import (
    LONG_MS,
    Control,
    Conversation,
    cached,
    crowd,
    flood,
    run_tiny,
    some_tokens,
)

# 64 blocks of the tiny model: 51 for leases, 25 of them for one tenant.
HOST_MIB = {"simulator": "90", "vllm": "1"}
BELOW = {"ttl_ms": 1, "host_ttl_ms": LONG_MS}


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def tiered(request, tmp_path_factory):
    kind, folder = request.param, tmp_path_factory.mktemp("tiers")
    with run_tiny(kind, folder, LEASE_HOST_MIB=HOST_MIB[kind]) as engine:
        yield engine


@pytest.fixture(autouse=True)
def control(tiered):
    made = Control(tiered)
    yield made
    made.release_all()
    status = made.status
    assert (status["held_blocks"], status["host_blocks"]) == (0, 0)


@pytest.fixture
def talk(tiered):
    def begin(**fields):
        return Conversation(tiered, **fields)

    return begin


def demoted(control, told):
    """Waits until it lies below alone."""
    return control.wait_for("demoted", told["lease_id"], after=told["sequence"])


def test_it_works(tiered, talk, control):
    conversation, cold = talk(), talk()
    told = conversation.turn(**BELOW)
    receipt = demoted(control, told)
    assert (receipt["tier"], receipt["tokens"]) == ("host", 288)
    assert control.status["held_blocks"] == 0
    assert control.status["host_blocks"] == 9
    flood(tiered)
    before = tiered.idle_counters()
    cold.tokens = conversation.tokens + (says := some_tokens(19))
    again = conversation.turn(says=says, **BELOW)
    after = tiered.idle_counters()
    assert (again["cached"], again["reusable_tokens"]) == (288, 288)
    source = "prompt_tokens_cached_by_source"
    assert grown(before, after, source, source="host") == 288
    # Another tenant's salt: all is computed, to the same words.
    answer = cold.turn(leased=False)
    assert answer["cached"] == 0
    assert cold.tokens == conversation.tokens


def test_a_prompt_that_lies_below_is_cached_to_its_last_token(tiered, talk, control):
    conversation = talk(tokens=some_tokens(320))
    prompt = list(conversation.tokens)
    demoted(control, conversation.turn(**BELOW))
    flood(tiered)
    before = tiered.idle_counters()
    conversation.tokens = prompt
    assert cached(conversation.ask(1)) == 320
    after = tiered.idle_counters()
    for source, tokens in (("external_kv_transfer", 320), ("local_compute", 0)):
        found = grown(before, after, "prompt_tokens_by_source", source=source)
        assert found == tokens


def test_a_request_without_a_lease_is_not_copied(tiered, talk):
    plain = talk()
    plain.turn(leased=False)
    flood(tiered)
    assert plain.turn(leased=False, says=some_tokens(19))["cached"] == 0


def test_a_lease_for_hbm_alone_is_not_copied(tiered, talk, control):
    conversation = talk()
    told = conversation.turn(ttl_ms=1)
    control.wait_for("expired", told["lease_id"], after=told["sequence"])
    flood(tiered)
    assert conversation.turn(says=some_tokens(19))["cached"] == 0


def test_no_other_tenant_finds_it_below(tiered, talk, control):
    mine, other = talk(), talk()
    demoted(control, mine.turn(**BELOW))
    flood(tiered)
    other.tokens = list(mine.tokens)
    assert other.turn()["cached"] == 0


def test_other_leases_do_not_push_it_out(tiered, talk, control):
    mine = talk()
    demoted(control, mine.turn(**BELOW))
    told = []
    for _ in range(8):
        told.append(talk().turn(**BELOW))
        control.wait_for(
            "demoted" if told[-1]["reason"] is None else "expired",
            told[-1]["lease_id"],
            after=told[-1]["sequence"],
        )
    # 51 blocks are 5 of 9: mine and four of theirs.
    assert control.status["host_blocks_max"] == 51
    assert [one["reason"] for one in told] == [None] * 4 + ["host_cap"] * 4
    assert {one["fact"] for one in told} == {"granted"}
    flood(tiered)
    assert mine.turn(says=some_tokens(19))["cached"] == 288


def test_it_moves_down_under_pressure(tiered, talk, control):
    mine = talk()
    told = mine.turn(host_ttl_ms=LONG_MS)
    others = [talk().turn(value=9) for _ in range(2)]
    crowd(tiered)
    assert demoted(control, told)["reason"] == "pressure"
    assert {one["fact"] for one in others} == {"granted"}
    flood(tiered)
    assert mine.turn(says=some_tokens(19))["cached"] == 288
