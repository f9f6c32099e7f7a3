"""Leases that a project has chosen for its calls, and other vendors' words for them."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from metering.proxy.errors import RefusedError
from metering.proxy.transform.standing_lease import affinity_of
from tenants.wire import KvTier, OnFull, Retention
from tests.metering.proxy.conftest import HBM_RATE, Plane, until
from tests.metering.proxy.parsed import parsed
from tests.metering.proxy.talk import SYSTEM, Talk, forget_leases

FIFTEEN = Retention(timeout_seconds=15)
HINTS = Retention(timeout_seconds=None, honours_cache_hints=True)
EPHEMERAL = {"type": "ephemeral"}
BLOCK = 32
HOST_RATE = 200_000


@pytest.fixture(autouse=True)
def no_leases(plane):
    forget_leases(plane)


def talk_of(plane, retention, **fields):
    """A client that says nothing of leases, of a project that has chosen."""
    secret = plane.add_key(retention=retention, **fields)
    until(lambda: plane.chat(secret, kv_retention=None).is_success)
    talk = Talk(plane, secret=secret)
    talk.retention = {}
    return talk


def turn(talk, says, **fields):
    found = talk.turn(says, **fields)
    talk.lease = None
    return found


def ask(plane, talk, **fields):
    body = {"model": "default", "max_tokens": 20} | fields
    headers = {"authorization": f"Bearer {talk.secret}"}
    return plane.client.post("/v1/messages", json=body, headers=headers)


def told(plane, talk, **fields):
    answer = ask(plane, talk, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json().get("kv_lease")


def user(text, **mark):
    return {"role": "user", "content": [{"type": "text", "text": text, **mark}]}


def test_it_works(plane):
    talk = talk_of(plane, FIFTEEN)
    lease = turn(talk, "Hi.")["kv_lease"]
    assert (lease["status"], lease["tier"]) == ("granted", "hbm")
    second = turn(talk, "Ho.")["kv_lease"]
    assert second["previous"]["leased_tokens"] == lease["tokens"]
    *_, event = plane.events()
    assert 14 < (event.lease_expires_at_us - event.happened_at_us) / 1e6 <= 15


def test_a_call_has_the_last_word(plane):
    talk = talk_of(plane, FIFTEEN)
    assert "kv_lease" not in turn(talk, "Hi.", kv_retention=None)
    turn(talk, "Ho.", kv_retention={"timeout": "1h"})
    *_, event = plane.events()
    assert event.lease_expires_at_us - event.happened_at_us > 3_590 * 10**6


def test_a_lease_that_is_named_is_continued_by_default_too(plane):
    talk = talk_of(plane, FIFTEEN)
    lease = turn(talk, "Hi.")["kv_lease"]
    told = turn(talk, "Ho.", kv_lease=lease["id"])["kv_lease"]
    assert (told["status"], told["previous"]["outcome"]) == ("granted", "reused")


def test_it_is_for_conversations_alone(plane):
    talk = talk_of(plane, FIFTEEN)
    headers = {"authorization": f"Bearer {talk.secret}"}
    for path, body in (
        ("completions", {"prompt": SYSTEM}),
        ("chat/completions", {"messages": talk.messages, "n": 2}),
    ):
        given = body | {"model": "default", "max_tokens": 8}
        answer = plane.client.post(f"/v1/{path}", json=given, headers=headers)
        assert answer.status_code == 200, answer.text
        assert "kv_lease" not in answer.json()


def test_what_is_not_sold_is_no_reason_to_refuse(plane):
    in_host = Retention(timeout_seconds=15, tier=KvTier.HOST, on_full=OnFull.FAIL)
    lease = turn(talk_of(plane, in_host), "Hi.")["kv_lease"]
    assert (lease["status"], lease["reason"]) == ("refused", "not_offered")
    assert (lease["id"], plane.events()[-1].lease_id) == (None, "")


def test_hints_buy_nothing_unless_the_project_says_so(plane):
    for retention in (None, FIFTEEN):
        talk = talk_of(plane, retention)
        messages = [user(SYSTEM, cache_control=EPHEMERAL | {"ttl": "9h"})]
        lease = told(plane, talk, messages=messages, cache_control=EPHEMERAL)
        assert (lease is None) == (retention is None)
    *_, event = plane.events()
    assert (event.lease_expires_at_us - event.happened_at_us) / 1e6 <= 15


def test_cache_control_is_a_lease_of_five_minutes(plane):
    """Found again without an id, and renewed by each use."""
    talk, messages = talk_of(plane, HINTS), [user(SYSTEM, cache_control=EPHEMERAL)]
    first = told(plane, talk, messages=messages)
    assert first["status"] == "granted"
    # As such clients do: the mark moves on to the last message.
    messages = [
        {"role": "user", "content": SYSTEM},
        {"role": "assistant", "content": "So."},
        user("Go on.", cache_control=EPHEMERAL),
    ]
    second = told(plane, talk, messages=messages)
    assert second["previous"]["id"] == first["id"]
    assert second["previous"]["leased_tokens"] >= len(SYSTEM.split()) // BLOCK * BLOCK
    *_, event = plane.events()
    assert 299 < (event.lease_expires_at_us - event.happened_at_us) / 1e6 <= 300


def test_a_breakpoint_leases_no_more_than_what_stands_before_it(plane):
    talk = talk_of(plane, HINTS)
    system = [{"type": "text", "text": SYSTEM, "cache_control": EPHEMERAL}]
    lease = told(plane, talk, system=system, messages=[user("Tell me all. " * 40)])
    assert lease["status"] == "granted"
    chat = {"model": "default", "messages": [{"role": "system", "content": SYSTEM}]}
    counted = plane.client.post(
        "/v1/tokenize",
        json=chat | {"add_generation_prompt": False},
        headers={"authorization": f"Bearer {talk.secret}"},
    ).json()["count"]
    assert lease["tokens"] == counted // BLOCK * BLOCK > 0


def shared(plane, talk, says):
    system = [{"type": "text", "text": SYSTEM, "cache_control": EPHEMERAL}]
    return told(plane, talk, system=system, messages=[user(says)])


def test_conversations_share_the_lease_of_their_beginning(plane):
    talk = talk_of(plane, HINTS)
    leases = [shared(plane, talk, says) for says in ("A?", "B?", "C?")]
    for before, after in itertools.pairwise(leases):
        assert after["previous"]["id"] == before["id"]
        assert after["previous"]["leased_tokens"] == before["tokens"]
    states = [live(plane, talk, lease) for lease in leases]
    assert states == ["reused", "reused", "live"]


def live(plane, talk, lease):
    headers = {"authorization": f"Bearer {talk.secret}"}
    return plane.client.get(f"/v1/kv_leases/{lease['id']}", headers=headers).json()[
        "status"
    ]


def test_calls_at_once_buy_it_once(plane):
    talk = talk_of(plane, HINTS)
    plane.order_fault("slow:40", times=6)
    with ThreadPoolExecutor(6) as pool:
        leases = list(pool.map(lambda n: shared(plane, talk, f"{n}?"), range(6)))
    bought = [lease for lease in leases if lease["status"] == "granted"]
    others = {lease["reason"] for lease in leases if lease not in bought}
    assert (len(bought), others) == (1, {"bought_by_another"})
    again = shared(plane, talk, "And?")
    assert again["previous"]["id"] == bought[0]["id"]
    assert again["previous"]["outcome"] == "reused"


def test_a_breakpoint_that_cannot_be_counted_is_no_lease(plane):
    talk = talk_of(plane, HINTS)
    image = {"type": "tool_result", "tool_use_id": "c", "content": "4"}
    messages = [
        {"role": "user", "content": [image | {"cache_control": EPHEMERAL}]},
        user("So?"),
    ]
    lease = told(plane, talk, system=SYSTEM, messages=messages)
    assert (lease["status"], lease["reason"]) == ("refused", "not_countable")


def test_several_times_are_refused_and_the_turn_runs(plane):
    system = [{"type": "text", "text": SYSTEM, "cache_control": EPHEMERAL}]
    mark = {"cache_control": EPHEMERAL | {"ttl": "1h"}}
    talk = talk_of(plane, HINTS)
    lease = told(plane, talk, system=system, messages=[user("Hi.", **mark)])
    assert (lease["status"], lease["reason"]) == ("refused", "mixed_ttls")


def test_a_hint_that_means_nothing_is_refused(plane):
    talk = talk_of(plane, HINTS)
    answer = ask(plane, talk, messages=[user("Hi.")], cache_control={"type": "x"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "error"


def test_openais_hints_are_for_host_memory(bare_plane: Plane):
    bare_plane.start_engine(LEASE_HOST_MIB="90")
    bare_plane.start_proxy()
    bare_plane.begin_test()
    bare_plane.publish_prices(host_mb_s_nanos_per_million=HOST_RATE)
    talk = talk_of(bare_plane, HINTS)
    until(
        lambda: (
            turn(talk, "Hi.", prompt_cache_retention="24h")["kv_lease"]["status"]
            == "granted"
        )
    )
    lease = turn(talk, "Ho.", prompt_cache_options={"ttl": "30m"})["kv_lease"]
    assert lease["previous"]["outcome"] == "reused"
    *_, event = bare_plane.events()
    most = -(-lease["bytes"] * 1_800_000 * HOST_RATE // 10**15)
    assert event.lease_cost_nanos == most


def test_geminis_names_are_those_of_a_cached_prompt():
    with pytest.raises(RefusedError, match="cached_content and cachedContent are"):
        parsed("/v1/chat/completions", cached_content="kb", cachedContent="kb")
    with pytest.raises(RefusedError, match="cached_prompt"):
        parsed("/v1/embeddings", input="Hi.", cachedContent="kb")


# What it may cost.


def test_a_lease_is_not_bought_above_its_most_charge(plane):
    talk = Talk(plane, max_charge="0.000001")
    lease = talk.turn("Hi.")["kv_lease"]
    assert (lease["status"], lease["reason"]) == ("refused", "max_charge")
    assert plane.events()[-1].lease_cost_nanos == 0


def test_it_is_refused_where_the_call_says_so(plane):
    talk = Talk(plane, max_charge="0.000001", on_full="fail")
    before = plane.events()
    refused = talk.post(talk.body("Hi."))
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "invalid_value")
    assert error["param"] == "kv_retention.max_charge"
    assert plane.events() == before


def test_a_lease_below_it_is_bought(plane):
    """The bound is the most that it can come to: the whole prompt and answer."""
    talk = Talk(plane)
    lease = talk.turn("Hi.")["kv_lease"]
    event = plane.events()[-1]
    tokens = event.input_tokens + 40
    size = -(-tokens // BLOCK) * (lease["bytes"] // (lease["tokens"] // BLOCK))
    most = -(-size * 60_000 * HBM_RATE // 10**15)
    forget_leases(plane)
    for amount, status in ((most, "granted"), (most - 1, "refused")):
        again = Talk(plane, max_charge=f"{amount / 10**9:.9f}")
        assert again.turn("Hi.")["kv_lease"]["status"] == status


@pytest.mark.parametrize("text", ["-1", "1e3", "", "1.0000000001", ".5", "1,5"])
def test_it_refuses_what_is_no_amount(plane, text):
    talk = Talk(plane, max_charge=text)
    refused = talk.post(talk.body("Hi."))
    assert refused.json()["error"]["param"] == "kv_retention.max_charge"


# Which engine.


def test_calls_with_one_cache_key_go_to_one_engine():
    def affinity(**fields):
        raw = parsed("/v1/chat/completions", messages=[], **fields).raw
        return affinity_of(raw, cache_salt="salt")

    assert affinity() == affinity(prompt_cache_key=None) == b""
    one = affinity(prompt_cache_key="a")
    assert one == affinity(prompt_cache_key="a") != affinity(prompt_cache_key="b")
    assert one == hashlib.shake_256(b'salt:"a"').digest(256)
