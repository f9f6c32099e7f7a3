"""Leased conversations: what the next turn pays, and what answers tell of leases."""

import json
import re

import pytest

from tests.metering.proxy.conftest import HBM_RATE, until
from tests.metering.proxy.talk import SYSTEM, Talk, forget_leases

BLOCK = 32
LEASE_ID = re.compile(r"kvl_[0-9a-f]{32}")


@pytest.fixture(autouse=True)
def no_leases(plane):
    forget_leases(plane)


@pytest.fixture
def talk(plane):
    return Talk(plane)


def whole_blocks(usage):
    """Of a turn: the last sampled token has no KV yet."""
    return (usage["total_tokens"] - 1) // BLOCK * BLOCK


def test_it_works(plane, talk):
    first = talk.turn("What is the time?")
    lease = first["kv_lease"]
    assert LEASE_ID.fullmatch(lease["id"])
    assert (lease["status"], lease["verified"]) == ("granted", True)
    assert lease["tokens"] == whole_blocks(first["usage"])
    assert (lease["tier"], lease["reason"], lease["previous"]) == ("hbm", None, None)
    assert "kv_transfer_params" not in first

    second = talk.turn("And now?")
    previous = second["kv_lease"]["previous"]
    assert (previous["id"], previous["outcome"]) == (lease["id"], "reused")
    assert previous["leased_tokens"] == lease["tokens"]
    assert previous["absorbed_tokens"] == 0

    one, other = plane.events()[-2:]
    assert one.lease_id == lease["id"].removeprefix("kvl_")
    assert (one.leased_input_tokens, one.previous_lease_id) == (0, "")
    assert other.leased_input_tokens == lease["tokens"]
    assert other.previous_lease_id == one.lease_id
    assert one.lease_expires_at_us > one.happened_at_us
    assert (
        other.cached_input_tokens
        == second["usage"]["prompt_tokens_details"]["cached_tokens"]
    )


def test_only_new_tokens_are_charged_and_the_lease_in_advance(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    answer = talk.turn("And now?", usage={"include": True}, kv_retention=None)
    usage = answer["usage"]
    new = usage["prompt_tokens"] - lease["tokens"]
    femto = new * 100_000_000 + usage["completion_tokens"] * 400_000_000
    assert round(float(usage["cost"]) * 10**15) == femto

    first, second = plane.events()[-2:]
    # Bytes times seconds, at a rate per million MB_s.
    held = -(-lease["bytes"] * 60_000 * HBM_RATE // 10**15)
    tokens = first.input_tokens - first.cached_input_tokens
    femto_first = (
        tokens * 100_000_000
        + first.cached_input_tokens * 20_000_000
        + first.output_tokens * 400_000_000
    )
    assert first.lease_cost_nanos == held > 0
    assert first.cost_nanos == -(-femto_first // 10**6) + held
    assert second.lease_cost_nanos == 0
    assert second.cost_nanos == -(-femto // 10**6)


def test_a_stream_tells_its_lease_in_an_event_of_its_own(plane, talk):
    answer = talk.post(talk.body("Count to ten.", stream=True))
    *events, last, done = [
        line.removeprefix("data: ") for line in answer.text.split("\n\n") if line
    ]
    assert done == "[DONE]"
    told = json.loads(last)
    assert (told["choices"], "usage" in told) == ([], False)
    assert told["kv_lease"]["status"] == "granted"
    assert all("kv_lease" not in event for event in events)
    (event,) = plane.events()[-1:]
    assert told["kv_lease"]["id"] == f"kvl_{event.lease_id}"


def test_the_usage_of_a_stream_comes_beside_the_lease(talk):
    options = {"include_usage": True}
    answer = talk.post(talk.body("Hi.", stream=True, stream_options=options))
    last = json.loads(answer.text.split("\n\n")[-3].removeprefix("data: "))
    assert last["usage"]["prompt_tokens"] > 0
    assert last["kv_lease"]["tokens"] > 0


def test_headers_will_do(talk):
    talk.retention = {}
    first = talk.post(talk.body("Hi."), **{"x-kv-retention": "15s"})
    lease = first.json()["kv_lease"]
    assert first.headers["x-kv-lease-id"] == lease["id"]
    assert first.headers["x-kv-lease-expires-at"] == lease["expires_at"]
    assert first.headers["x-kv-lease-tokens"] == str(lease["tokens"])
    assert first.headers["x-kv-lease-tier"] == "hbm"
    talk.messages.append(first.json()["choices"][0]["message"])
    second = talk.post(talk.body("Ho."), **{"x-kv-lease": lease["id"]})
    told = second.json()["kv_lease"]
    assert (told["status"], told["id"]) == ("none", None)
    assert told["previous"]["outcome"] == "reused"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("completions", {"prompt": SYSTEM}),
        ("responses", {"input": SYSTEM}),
        ("messages", {"messages": [{"role": "user", "content": SYSTEM}]}),
    ],
)
def test_every_endpoint_that_generates_leases(plane, path, body):
    ceiling = "max_output_tokens" if path == "responses" else "max_tokens"
    body = {"model": "default", ceiling: 8, "kv_retention": {"timeout": "1m"}} | body
    headers = {"authorization": f"Bearer {plane.secret}"}
    found = plane.client.post(f"/v1/{path}", json=body, headers=headers).json()
    assert found["kv_lease"]["status"] == "granted"
    assert "kv_transfer_params" not in found
    answer = plane.client.post(
        f"/v1/{path}", json=body | {"stream": True}, headers=headers
    )
    assert answer.text.count('"kv_lease":{"id":"kvl_') == 1, answer.text
    assert '"lease_id"' not in answer.text


def test_a_turn_that_diverges_pays_from_there(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    talk.messages[1]["content"] = "Something else entirely, asked before."
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "diverged"
    assert 0 < previous["diverged_at_token"] < lease["tokens"]
    (event,) = plane.events()[-1:]
    assert event.leased_input_tokens == previous["diverged_at_token"]


def test_a_late_turn_is_an_ordinary_one(plane, talk):
    talk.retention = {"timeout": "0.001s"}
    talk.turn("What is the time?")
    path = f"/v1/kv_leases/{talk.lease}"
    headers = {"authorization": f"Bearer {talk.secret}"}
    until(lambda: plane.client.get(path, headers=headers).json()["status"] == "expired")
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert (previous["outcome"], previous["leased_tokens"]) == ("expired", 0)
    assert plane.events()[-1].leased_input_tokens == 0


def test_a_lease_pays_for_one_turn_only(plane, talk):
    talk.turn("What is the time?")
    before = talk.lease
    talk.turn("And now?")
    talk.lease = before
    previous = talk.turn("Again?")["kv_lease"]["previous"]
    assert (previous["outcome"], previous["leased_tokens"]) == ("reused", 0)
    assert plane.events()[-1].leased_input_tokens == 0


def test_what_the_engine_lost_is_our_loss(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("lose")
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["absorbed_tokens"] == lease["tokens"]
    (event,) = plane.events()[-1:]
    assert (event.cached_input_tokens, event.leased_input_tokens) == (
        0,
        lease["tokens"],
    )


def test_without_room_the_turn_runs_without_a_lease(plane, talk):
    plane.order_fault("full")
    answer = talk.turn("What is the time?")
    told = answer["kv_lease"]
    assert (told["id"], told["status"]) == (None, "refused")
    assert told["reason"] == "leases_cap"
    assert plane.events()[-1].lease_id == ""


@pytest.mark.parametrize(
    ("retention", "param"),
    [
        ({"timeout": "0s"}, "kv_retention.timeout"),
        ({"timeout": "-1s"}, "kv_retention.timeout"),
        ({"timeout": "nan"}, "kv_retention.timeout"),
        ({"timeout": "15"}, "kv_retention.timeout"),
        ({"timeout": "25h"}, "kv_retention.timeout"),
        ({"timeout": 15}, "kv_retention.timeout"),
        ({"timeout": True}, "kv_retention.timeout"),
        ({"timeout": None}, "kv_retention.timeout"),
        ({"timeout": "infs"}, "kv_retention.timeout"),
        ({"timeout": "1e309s"}, "kv_retention.timeout"),
        ({"timeout": "999999999h"}, "kv_retention.timeout"),
        ({"timeout": "86400.001s"}, "kv_retention.timeout"),
        ({"timeout": "0.0004s"}, "kv_retention.timeout"),
        ({}, "kv_retention"),
        ({"timeout": "1s", "tier": "tape"}, "kv_retention.tier"),
        ({"timeout": "1s", "on_full": "wait"}, "kv_retention.on_full"),
        ({"timeout": "1s", "more": 1}, "kv_retention"),
        ("15s", "kv_retention"),
    ],
)
def test_it_refuses_retention_that_makes_no_sense(talk, retention, param):
    answer = talk.post(talk.body("Hi.", kv_retention=retention))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_value", param)


@pytest.mark.parametrize("number", [b"1e309", b"NaN", b"-Infinity", b"-1", b"0"])
def test_it_refuses_a_number_for_a_time(plane, talk, number):
    body = b'{"model":"default","messages":[],"kv_retention":{"timeout":%b}}' % number
    headers = {"authorization": f"Bearer {talk.secret}"}
    answer = plane.client.post("/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("header", ["0s", "-1s", "nan", "1e309s", "25h", "15"])
def test_it_refuses_a_header_that_makes_no_sense(talk, header):
    talk.retention = {}
    answer = talk.post(talk.body("Hi."), **{"x-kv-retention": header})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "kv_retention.timeout"


@pytest.mark.parametrize("lease", ["kvl_" + "0" * 32, "kvl_1", "x"])
def test_it_refuses_a_lease_that_is_not_there(talk, lease):
    answer = talk.post(talk.body("Hi.", kv_lease=lease))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "kv_lease_not_found"


@pytest.mark.parametrize("changes", [{"tenant_id": 2}, {"project_id": 12}])
def test_it_refuses_the_lease_of_somebody_else(plane, talk, changes):
    talk.turn("What is the time?")
    talk.secret = plane.add_key(**changes)
    answer = talk.post(talk.body("Hi."))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "kv_lease_not_found"


def test_it_refuses_several_answers(talk):
    answer = talk.post(talk.body("Hi.", n=2))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "kv_retention"


def test_it_refuses_a_model_whose_leases_have_no_price(plane, talk):
    plane.publish_prices(hbm_mb_s_nanos_per_million=None)
    until(
        lambda: (
            talk.post(talk.body("Hi.")).json().get("error", {}).get("code")
            == "kv_leases_not_offered"
        )
    )


def test_it_sells_none_while_the_operator_sells_none(plane, talk):
    """A lease that was sold before is honoured to its end."""
    talk.turn("Hi.")
    plane.publish_prices(sells_leases=False)
    another = Talk(plane)
    until(
        lambda: (
            another.post(another.body("Hi.")).json().get("error", {}).get("code")
            == "kv_leases_not_offered"
        )
    )
    talk.retention = {}
    found = talk.turn("And now?")
    assert found["kv_lease"]["previous"]["leased_tokens"] > 0
    plane.publish_prices()
    until(lambda: another.post(another.body("Hi.")).is_success)


@pytest.mark.parametrize("tier", ["host", "disk"])
def test_it_refuses_a_tier_that_no_engine_has(talk, tier):
    talk.retention = {"timeout": "15s", "tier": tier}
    answer = talk.post(talk.body("Hi."))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "kv_leases_not_offered"


def test_credit_must_be_enough_for_the_lease_too(plane):
    """What the tokens and a day of the lease may cost is held before the call."""
    talk = Talk(plane, timeout="24h")
    talk.secret = plane.add_key(is_prepaid=True)
    plane.seed_money(credit=300_000)
    without = talk.post(talk.body("Hi.", kv_retention=None))
    assert without.status_code == 200, without.text
    refused = talk.post(talk.body("Hi."))
    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "insufficient_credit"


def test_free_output_is_bounded_by_the_lease_that_credit_pays_for(plane):
    """There is credit for a day of some hundred tokens, and not of a whole context."""
    plane.publish_prices(output_nanos_per_million=0)
    talk = Talk(plane, timeout="24h")
    talk.turn("Hi.")
    talk = Talk(plane, timeout="24h", secret=plane.add_key(is_prepaid=True))
    plane.seed_money(credit=64_000_000)
    body = talk.body("Hi.")
    del body["max_tokens"]
    answer = talk.post(body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["kv_lease"]["status"] == "granted"


def test_a_lease_may_be_asked_for_or_nothing(plane):
    talk = Talk(plane, on_full="fail")
    assert talk.turn("Hi.")["kv_lease"]["status"] == "granted"


def test_a_turn_left_in_the_middle_pays_for_new_tokens_only(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("slow:500")
    body = talk.body("Tell me a long story.", stream=True, max_tokens=400)
    headers = {"authorization": f"Bearer {talk.secret}"}
    path = "/v1/chat/completions"
    with plane.client.stream("POST", path, json=body, headers=headers) as answer:
        lines = (line for line in answer.iter_lines() if line)
        for _ in range(4):
            next(lines)
    event = until(lambda: (found := plane.events()[2:]) and found[-1])
    assert event.outcome == "client_gone"
    assert event.leased_input_tokens == lease["tokens"]


def test_an_engine_that_began_anew_recomputes_at_our_cost(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("restart")
    plane.chat(plane.secret)
    until(lambda: plane.chat(plane.secret).is_success)
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["absorbed_tokens"] == lease["tokens"]


def test_other_processes_know_the_lease(bare_plane):
    """Each turn on a new connection, until two processes have served some."""
    plane = bare_plane
    plane.start_engine()
    plane.start_proxy()
    plane.start_sibling()
    plane.begin_test()
    plane.client.headers["connection"] = "close"
    until(lambda: all(plane.is_ready() for _ in range(20)))
    talk = Talk(plane)
    talk.turn("Begin.")
    for number in range(30):
        told = talk.turn(f"Turn {number}.", max_tokens=1)["kv_lease"]["previous"]
        assert told["outcome"] == "reused"
    journals = plane.home.glob("journal/*/*.journal")
    assert len({path.parent for path in journals if path.stat().st_size}) == 2


def test_a_missing_receipt_is_no_loss_of_the_tenant(plane, talk):
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("gap")
    told = talk.turn("And now?")["kv_lease"]
    assert (told["status"], told["verified"]) == ("unverified", False)
    assert told["reason"] == "receipt_missing"
    assert told["previous"]["leased_tokens"] == lease["tokens"]
