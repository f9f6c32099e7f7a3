"""Leases are held by the engine itself, whatever else it is asked to do."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine_contract.engines import wait_until
from tests.engine_contract.lease_engines import (
    BLOCK,
    BLOCKS,
    CONTEXT,
    Control,
    Conversation,
    cached,
    crowd,
    flood,
    some_tokens,
)

ALL = BLOCKS // 2
GUARANTEED = BLOCKS // 5
PER_TENANT = ALL // 2
TRIES = 10


@pytest.fixture
def tiny(leasing):
    return leasing


@pytest.fixture(autouse=True)
def control(tiny):
    made = Control(tiny)
    yield made
    made.release_all()
    assert made.status["held_blocks"] == 0


@pytest.fixture
def talk(tiny):
    """Begins a conversation, by default of a tenant of its own."""

    def begin(**fields):
        return Conversation(tiny, **fields)

    return begin


def test_it_works(tiny, talk, control):
    leased, plain = talk(), talk()
    first = leased.turn()
    plain.turn(leased=False)
    assert (first["fact"], first["tokens"], first["blocks"]) == ("granted", 288, 9)
    assert not {"tenant_id", "engine_id", "last_hash"} & set(first)
    flood(tiny)
    says = some_tokens(19)
    assert plain.turn(says=says, leased=False)["cached"] == 0
    second = leased.turn(says=says)
    assert second["cached"] == 288
    assert second["reusable_tokens"] == 288
    assert second["diverged_at_token"] is None
    assert second["tokens"] == 352
    facts = [one["fact"] for one in control.events(first["sequence"] - 1)]
    assert facts == ["granted", "reused", "granted"]


def test_its_hash_is_that_of_its_tokens(talk, control):
    conversation = talk()
    conversation.turn()
    (lease,) = control.leases()
    assert lease["last_hash"] == conversation.hashes[8]
    assert lease["bytes"] == 9 * control.status["block_bytes"]


def test_it_ends_when_its_time_is_over(tiny, talk, control):
    conversation = talk()
    told = conversation.turn(ttl_ms=1)
    ended = control.wait_for("expired", told["lease_id"], after=told["sequence"])
    assert ended["reason"] == "time"
    assert control.status["held_blocks"] == 0
    flood(tiny)
    late = conversation.turn(says=some_tokens(5))
    # Lost, and yet known to be the same conversation.
    assert (late["cached"], late["reusable_tokens"]) == (0, 288)


def test_it_holds_no_more_than_was_asked_for(talk, control):
    conversation = talk()
    told = conversation.turn(tokens_max=5 * BLOCK + 1)
    assert (told["fact"], told["tokens"], told["blocks"]) == ("granted", 160, 5)
    (lease,) = control.leases()
    assert lease["last_hash"] == conversation.hashes[4]
    assert control.status["held_blocks"] == 5


def test_a_turn_on_its_way_gets_another_grace(talk, control):
    told = talk().turn(ttl_ms=600, grace_ms=600_000)
    (lease,) = control.leases()
    path = f"leases/{told['asked']}/extend"
    kept = control.call("POST", path, tenant_id=lease["tenant_id"], ttl_ms=0).json()
    assert (kept["fact"], kept["reason"]) == ("renewed", "turn_waits")
    assert 0 <= kept["until_ms"] - kept["at_ms"] - 600_000 <= 600


def test_a_tenant_never_holds_more_than_its_share(talk, control):
    tenant = {"tenant_id": talk().tenant_id}
    assert talk(**tenant).turn()["fact"] == "granted"
    refused = talk(**tenant).turn()
    assert (refused["fact"], refused["reason"]) == ("refused", "tenant_cap")
    # The share of all leases was not the reason.
    assert control.status["held_blocks"] + 9 <= ALL
    assert talk().turn()["fact"] == "granted"
    assert control.status["caps"]["per_tenant"] == PER_TENANT


def test_all_leases_together_never_hold_more_than_half(talk, control):
    facts = [talk().turn()["fact"] for _ in range(4)]
    assert facts == ["granted", "granted", "granted", "refused"]
    refused = control.events(0)[-1]
    assert refused["reason"] == "leases_cap"
    assert control.status["held_blocks"] == 27 <= ALL


def test_guaranteed_leases_have_a_share_of_their_own(talk, control):
    assert talk().turn(lease_class="guaranteed")["fact"] == "granted"
    refused = talk().turn(lease_class="guaranteed")
    assert (refused["fact"], refused["reason"]) == ("refused", "guaranteed_cap")
    assert control.status["caps"]["guaranteed"] == GUARANTEED


def test_nobody_starves_and_the_lowest_value_goes_first(tiny, talk, control):
    values = [5, 1, 3]
    leases = [talk().turn(value=value) for value in values]
    begun = leases[-1]["sequence"]
    answer = crowd(tiny)
    assert {one["finish_reason"] for one in answer["choices"]} == {"length"}
    assert answer["usage"]["completion_tokens"] == 600
    revoked = [one for one in control.events(begun) if one["fact"] == "revoked"]
    by_value = [leases[values.index(value)]["lease_id"] for value in sorted(values)]
    assert [one["lease_id"] for one in revoked] == by_value[: len(revoked)]
    assert revoked
    assert {one["reason"] for one in revoked} == {"pressure"}


def test_a_guaranteed_lease_outlasts_any_pressure(tiny, talk):
    conversation = talk()
    conversation.turn(lease_class="guaranteed")
    talk().turn(value=10**9)
    crowd(tiny)
    assert conversation.turn(says=some_tokens(5))["cached"] == 288


def test_the_longest_request_fits_beside_full_leases(talk, control):
    for _ in range(3):
        talk().turn(lease_class="elastic", value=10**9)
    longest = talk(tokens=some_tokens(CONTEXT - 8)).ask(8)
    assert longest["usage"]["completion_tokens"] == 8
    assert control.status["leases"] == 3


def test_no_other_tenant_finds_it(talk):
    mine, other = talk(), talk()
    mine.turn()
    other.tokens = list(mine.tokens)
    assert other.turn()["cached"] == 0


def test_it_tells_where_a_turn_diverged(talk):
    conversation = talk()
    conversation.turn()
    known = list(conversation.tokens)
    previous = conversation.previous()
    conversation.tokens = known[:150] + some_tokens(150)
    told = conversation.turn(previous=previous)
    assert told["reusable_tokens"] == told["diverged_at_token"] == 128
    assert told["cached"] == 128


def left_early(tiny, control, conversation, first):
    """The receipt of a turn whose caller leaves after its first token."""
    terms = conversation.terms(previous=conversation.previous())
    body = {
        "model": tiny.model,
        "prompt": conversation.tokens,
        "max_tokens": 190,
        "ignore_eos": True,
        "stream": True,
        "cache_salt": conversation.salt,
        "kv_transfer_params": {"lease": conversation.signed(terms)},
    }
    with (
        tiny.client() as client,
        client.stream("POST", "/v1/completions", json=body) as answer,
    ):
        next(answer.iter_lines())
    return control.wait_for_end_of_turn(terms.lease_id, after=first["sequence"])


def test_a_turn_that_the_caller_leaves_keeps_the_lease(tiny, talk, control):
    for _ in range(TRIES):
        conversation = talk()
        first = conversation.turn()
        told = left_early(tiny, control, conversation, first)
        if told["fact"] == "refused":
            break
        control.release_all()  # the engine had made all before it heard of it
    assert told["reason"] == "turn_aborted"
    assert [one["lease_id"] for one in control.leases()] == [first["lease_id"]]
    assert conversation.turn(says=some_tokens(5))["cached"] == 288


def test_a_stream_is_told_by_receipt(tiny, talk, control):
    conversation = talk()
    before = control.status["last_sequence"]
    terms = conversation.terms()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(control.events, before, wait_seconds=30)
        tiny.stream(
            "/v1/completions",
            prompt=conversation.tokens,
            max_tokens=17,
            ignore_eos=True,
            kv_transfer_params={"lease": conversation.signed(terms)},
        )
        (granted,) = waiting.result(timeout=40)
    assert (granted["fact"], granted["lease_id"]) == ("granted", terms.lease_id)
    assert granted["tokens"] == 288


PROMPT = "Tell me of the sea. " * 20
IN_EVERY_DIALECT = pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": PROMPT}]}),
        ("completions", {"prompt": PROMPT}),
        ("responses", {"input": PROMPT}),
        ("messages", {"messages": [{"role": "user", "content": PROMPT}]}),
    ],
)


@pytest.mark.parametrize("is_streamed", [False, True])
@IN_EVERY_DIALECT
def test_every_dialect_takes_the_terms(talk, control, path, body, is_streamed):
    conversation = talk()
    before = control.status["last_sequence"]
    terms = conversation.terms()
    ceiling = "max_output_tokens" if path == "responses" else "max_tokens"
    body |= {
        ceiling: 8,
        "cache_salt": conversation.salt,
        "stream": is_streamed,
        "kv_transfer_params": {"lease": conversation.signed(terms)},
    }
    answer = conversation.engine.post(f"/v1/{path}", body)
    assert answer.status_code == 200, answer.text
    granted = control.wait_for("granted", terms.lease_id, after=before)
    assert granted["tokens"] >= 3 * BLOCK
    if not is_streamed:
        told = answer.json()["kv_transfer_params"]["lease"]
        assert (told["lease_id"], told["fact"]) == (terms.lease_id, "granted")


def refused_terms(talk, control, text, reason):
    """The request runs all the same, without a lease, and the reason is counted."""
    before = control.status
    answer = talk().ask(1, lease=text)
    after = control.status
    assert answer["kv_transfer_params"] is None
    assert after["leases"] == before["leases"]
    assert after["last_sequence"] == before["last_sequence"]
    counted = before["rejected"].get(reason, 0)
    assert after["rejected"] == before["rejected"] | {reason: counted + 1}


def test_it_refuses_forged_terms(talk, control):
    conversation = talk()
    text = conversation.signed(conversation.terms())
    refused_terms(talk, control, text[:-4] + "AAAA", "forged")


def test_it_refuses_what_is_no_text(talk, control):
    refused_terms(talk, control, {"ttl": 9}, "malformed")


def test_it_refuses_old_terms(talk, control):
    conversation = talk()
    old = conversation.terms(issued_at_ms=conversation.terms().issued_at_ms - 120_000)
    refused_terms(talk, control, conversation.signed(old), "stale")


def test_it_refuses_terms_for_another_engine(talk, control):
    conversation = talk()
    text = conversation.signed(conversation.terms(engine_id="another"))
    refused_terms(talk, control, text, "other_engine")


def test_it_refuses_replayed_terms(talk, control):
    conversation = talk()
    text = conversation.signed(conversation.terms())
    told = conversation.ask(1, lease=text)["kv_transfer_params"]["lease"]
    assert told["fact"] == "granted"
    refused_terms(talk, control, text, "replayed")


def test_it_refuses_the_lease_of_another_tenant(talk, control):
    mine, thief = talk(), talk()
    mine.turn()
    terms = thief.terms(previous=mine.previous())
    refused_terms(talk, control, thief.signed(terms), "foreign_lease")
    assert [one["lease_id"] for one in control.leases()] == [mine.lease_id]


def test_it_is_extended_and_released(talk, control):
    conversation = talk()
    told = conversation.turn(ttl_ms=30_000)
    path, mine = f"leases/{told['lease_id']}", {"tenant_id": conversation.tenant_id}
    shorter = control.call("POST", f"{path}/extend", ttl_ms=1, **mine).json()
    assert (shorter["fact"], shorter["until_ms"]) == ("renewed", told["until_ms"])
    longer = control.call("POST", f"{path}/extend", ttl_ms=90_000, **mine).json()
    assert longer["until_ms"] > told["until_ms"] + 50_000
    found = control.call("GET", path, **mine).json()
    assert (found["until_ms"], found["tokens"]) == (longer["until_ms"], 288)
    released = control.call("DELETE", path, **mine).json()
    assert (released["fact"], released["blocks"]) == ("released", 9)
    assert control.leases() == []
    # What was released serves as ordinary cache until somebody needs the room.
    assert cached(conversation.ask(1)) == 288


@pytest.mark.parametrize(
    ("method", "end", "query"),
    [("GET", "", {}), ("DELETE", "", {}), ("POST", "/extend", {"ttl_ms": 1})],
)
def test_it_refuses_to_show_a_lease_to_others(talk, control, method, end, query):
    lease_id = talk().turn()["lease_id"]
    theirs = control.call(method, f"leases/{lease_id}{end}", tenant_id="x", **query)
    unknown = control.call(method, f"leases/kvl_x{end}", tenant_id="x", **query)
    assert theirs.status_code == unknown.status_code == 404
    assert theirs.text == unknown.text
    assert len(control.leases()) == 1


def test_it_refuses_whoever_has_no_key(tiny):
    with tiny.client(authorization="Bearer wrong") as client:
        for path in ("leases", "lease_status", "lease_events"):
            assert client.get(f"/v1/tokenfab/{path}").status_code == 401


def test_a_question_for_receipts_is_answered_in_its_time(control):
    last = control.status["last_sequence"]
    assert control.events(last, wait_seconds=0.2) == []
    # Of an earlier life of the engine: told at once, and from which epoch.
    told = control.read("lease_events", sequence=last + 9, wait_seconds=30)
    assert (told["receipts"], told["last_sequence"]) == ([], last)
    assert told["epoch"] == control.status["epoch"]


def test_several_listeners_are_told_at_once(talk, control):
    last = control.status["last_sequence"]
    with ThreadPoolExecutor(4) as pool:
        told = [pool.submit(control.events, last, wait_seconds=30) for _ in range(4)]
        lease_id = talk().turn()["lease_id"]
        found = [one.result(timeout=40)[0]["lease_id"] for one in told]
    assert found == [lease_id] * 4


def test_requests_without_a_lease_are_told_nothing_of_it(talk, control):
    conversation = talk()
    assert conversation.ask(1)["kv_transfer_params"] is None
    assert control.leases() == []


def test_many_conversations_leave_no_block_behind(tiny, talk, control):
    """Grants, continuations, ends and revocations at once."""
    conversations = [talk(tokens=some_tokens(70)) for _ in range(8)]

    def chat(conversation):
        for _ in range(5):
            conversation.turn(says=some_tokens(20), value=len(conversation.tokens))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(chat, conversations))
    control.release_all()
    # The gauge moves with the engine's next step.
    talk().ask(1)
    wait_until(lambda: tiny.counter("kv_cache_usage_perc") == 0)
