"""Calls by order of the control plane, by which an engine holds a cached prompt."""

import json
from functools import partial

import pytest

from inference.domain import warm_order
from inference.domain.lease_terms import LeaseClass, PreviousLease, Tier
from inference.domain.warm_order import FRESH_MS_MAX, derive_key
from metering.wire import Outcome
from tests.metering.proxy.conftest import HBM_RATE, Plane, until
from tests.metering.proxy.talk import forget_leases, leases_on
from tests.metering.proxy.warming import WARM_KEY, Prompt, now_ms

BLOCK = 32


def is_warmed(prompt, order):
    return prompt.post(order()).is_success


@pytest.fixture
def prompt(plane):
    forget_leases(plane)
    return Prompt(plane)


def test_it_works(plane, prompt):
    found = prompt.warm()
    tokens = found["usage"]["prompt_tokens"]
    lease = found["kv_lease"]
    assert (lease["status"], lease["tier"]) == ("granted", "hbm")
    assert lease["tokens"] == tokens // BLOCK * BLOCK
    warm = lease["warm"]
    assert (warm["engine_id"], warm["block_tokens"]) == (1, BLOCK)
    assert lease["bytes"] == warm["block_bytes"] * (tokens // BLOCK)
    assert len(warm["last_hash"]) == 64
    assert warm["epoch"]

    (event,) = plane.events()[-1:]
    assert event.is_warming
    assert (event.input_tokens, event.output_tokens) == (tokens, 1)
    assert (event.leased_input_tokens, event.previous_lease_id) == (0, "")
    assert event.lease_id == lease["id"].removeprefix("kvl_")
    assert event.api_key_id == plane.keys_made
    held = -(-lease["bytes"] * 60_000 * HBM_RATE // 10**15)
    assert event.lease_cost_nanos == held > 0
    assert event.cost_nanos == tokens * 100 + held


def test_what_is_held_is_what_calls_begin_with(plane, prompt):
    """What opens a reply is not in it: there a message of the caller's comes."""
    tokens = prompt.warm()["usage"]["prompt_tokens"]
    whole = plane.chat(prompt.secret, **prompt.body()).json()
    assert 0 < whole["usage"]["prompt_tokens"] - tokens < BLOCK


def test_a_renewal_replaces_the_lease_at_our_cost(plane, prompt):
    prompt.warm()
    before = prompt.previous()
    answer = prompt.warm(previous=before, is_at_our_cost=True)
    tokens = answer["usage"]["prompt_tokens"]
    assert prompt.previous().lease_id != before.lease_id
    (event,) = plane.events()[-1:]
    assert event.previous_lease_id == before.lease_id
    assert event.leased_input_tokens == tokens
    assert event.cost_nanos == event.lease_cost_nanos > 0


def test_at_our_cost_no_limit_of_tokens_or_requests_is_asked(plane, prompt):
    prompt.secret = plane.add_key(requests_per_minute=1, tokens_per_minute=10)
    refused = prompt.post(prompt.order())
    assert refused.status_code == 429
    for _ in range(3):
        prompt.warm(is_at_our_cost=True)
    assert plane.chat(prompt.secret, max_tokens=1).status_code in {200, 429}


def test_a_creation_uses_up_tokens_but_not_those_it_puts_out(plane, prompt):
    tokens = prompt.warm()["usage"]["prompt_tokens"]
    plane.order_fault("lose")
    prompt.secret = plane.add_key(tokens_per_minute=tokens + 500)
    prompt.warm()
    left = plane.chat(prompt.secret).headers["x-ratelimit-remaining-tokens"]
    assert 400 < int(left) < 500


def test_without_money_for_the_lease_it_is_refused(plane, prompt):
    prompt.secret = plane.add_key(is_prepaid=True)
    plane.seed_money(credit=1_000)
    answer = prompt.post(prompt.order(is_at_our_cost=True))
    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "insufficient_credit"


def test_money_is_held_for_the_lease_alone_at_our_cost(plane, prompt):
    first = prompt.warm()
    tokens = first["usage"]["prompt_tokens"]
    cost = plane.events()[-1].lease_cost_nanos
    prompt.secret = plane.add_key(is_prepaid=True)
    plane.seed_money(credit=cost + tokens * 50)  # half of what its input costs
    prompt.warm(is_at_our_cost=True, previous=prompt.previous())
    assert prompt.post(prompt.order(ttl_ms=600_000)).status_code == 402


@pytest.mark.parametrize("fault", ["full", "gap"])
def test_without_a_lease_nobody_pays(plane, prompt, fault):
    plane.order_fault(fault)
    answer = prompt.post(prompt.order())
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "kv_capacity_exhausted"
    (event,) = until(plane.unbilled)
    assert (event.outcome, event.cost_nanos) == (Outcome.UNBILLED, 0)
    assert event.input_tokens > 0
    until(lambda: not leases_on(plane))


def test_when_nobody_waits_for_it_the_engine_is_stopped(plane, prompt):
    """An answer that hangs after its first byte, of which the engine has made all."""
    read_before = plane.counters()["vllm:prompt_tokens_total"]
    plane.order_fault("hang:1")
    client = plane.raw()
    order = warm_order.sign(prompt.order(), key=WARM_KEY)
    client.post(order, json.dumps(prompt.body()).encode())
    until(lambda: plane.counters()["vllm:prompt_tokens_total"] > read_before)
    client.close()
    (event,) = until(plane.unbilled)
    assert event.outcome is Outcome.UNBILLED
    assert not any(one.is_warming for one in plane.events())
    until(lambda: not leases_on(plane))


def test_it_goes_to_that_engine_or_to_none(bare_plane: Plane):
    plane = bare_plane
    for number in (1, 2):
        plane.start_engine(number)
    plane.start_proxy()
    plane.begin_test()
    until(lambda: all(plane.counters(n) for n in (1, 2)))
    prompt = Prompt(plane)
    for engine_id in (1, 2, 1, 2):
        order = partial(prompt.order, engine_id=engine_id)
        until(partial(is_warmed, prompt, order))
        assert plane.events()[-1].engine_id == engine_id
    answer = prompt.post(prompt.order(engine_id=3))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "engine_not_ready"
    plane.order_fault("status:503", times=9, number=2)
    calls = plane.counters(1)["vllm:prompt_tokens_total"]
    assert prompt.post(prompt.order(engine_id=2)).status_code >= 500
    assert plane.counters(1)["vllm:prompt_tokens_total"] == calls


def test_an_order_acts_for_a_key_that_is_in_force(plane, prompt):
    prompt.secret = plane.add_key(state="revoked")
    assert prompt.post(prompt.order()).json()["error"]["code"] == "revoked_api_key"
    answer = prompt.post(prompt.order(key_digest="0" * 64))
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_it_refuses_a_forged_order(prompt):
    answer = prompt.post(prompt.order(), key=derive_key(b"another secret"))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_it_refuses_a_stale_order(prompt):
    answer = prompt.post(prompt.order(issued_at_ms=now_ms() - FRESH_MS_MAX - 1000))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "expired_api_key"


def test_it_refuses_a_malformed_order(plane):
    answer = plane.chat("tfw_x.no text of ours")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "malformed_api_key"


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/models", "/v1/kv_leases/x"])
def test_it_is_for_chats_alone(plane, prompt, path):
    method = plane.client.post if path == "/v1/completions" else plane.client.get
    text = prompt.post(prompt.order()).request.headers["authorization"]
    assert method(path, headers={"authorization": text}).status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": True},
        {"n": 2},
        {"kv_retention": {"timeout": "15s"}},
        {"cached_prompt": "manual"},
    ],
)
def test_it_is_a_prompt_and_nothing_else(prompt, fields):
    answer = prompt.post(prompt.order(), **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_value"


def test_its_lease_is_not_for_a_turn_to_continue(plane, prompt):
    lease = prompt.warm()["kv_lease"]["id"]
    answer = plane.chat(prompt.secret, kv_lease=lease)
    assert answer.json()["error"]["code"] == "kv_lease_not_found"


def test_the_class_is_the_orders(plane, prompt):
    prompt.warm(lease_class=LeaseClass.GUARANTEED)
    held = leases_on(plane)[prompt.previous().lease_id]
    assert held["lease_class"] == "guaranteed"


def test_a_tier_that_is_not_sold_is_refused(prompt):
    answer = prompt.post(prompt.order(tier=Tier.HOST))
    assert answer.json()["error"]["code"] == "kv_leases_not_offered"


def test_a_previous_lease_that_is_gone_does_no_harm(prompt):
    gone = PreviousLease(lease_id="f" * 32, tokens=64, last_hash="ab" * 32)
    prompt.warm(previous=gone, is_at_our_cost=True)
