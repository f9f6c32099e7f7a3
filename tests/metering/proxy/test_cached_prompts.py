"""Calls that begin with a cached prompt: what they are made of, and what they pay."""

import json

import pytest

from inference.wire import CACHED_PROMPTS, Placement
from tests.metering.proxy.conftest import until
from tests.metering.proxy.talk import forget_leases, leases_on
from tests.metering.proxy.warming import MESSAGES, Prompt, now_ms

BLOCK = 32
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


@pytest.fixture
def prompt(plane):
    forget_leases(plane)
    plane.publish(CACHED_PROMPTS, [])
    prompt = Prompt(plane)
    prompt.warm()
    prompt.publish_and_wait()
    return prompt


def error_of(answer):
    found = answer.json().get("error", {})
    return answer.status_code, found.get("code"), found.get("param")


def test_it_works(plane, prompt):
    found = prompt.call().json()
    tokens = found["usage"]["prompt_tokens"]
    assert found["cached_prompt"] == {
        "id": f"cp_{prompt.prompt_id}",
        "name": prompt.name,
        "leased_tokens": prompt.token_count,
        "absorbed_tokens": prompt.token_count % BLOCK,
    }
    assert "kv_lease" not in found
    assert "kv_transfer_params" not in found
    assert 0 < tokens - prompt.token_count < BLOCK
    (event,) = plane.events()[-1:]
    assert event.leased_input_tokens == prompt.token_count
    assert (event.lease_id, event.previous_lease_id) == ("", "")
    assert not event.is_warming
    assert event.cached_prompt_id == prompt.prompt_id
    new = tokens - prompt.token_count
    assert event.cost_nanos == new * 100 + event.output_tokens * 400


def test_the_engine_gets_the_prompt_and_then_the_callers_messages(plane, prompt):
    whole = [*MESSAGES, {"role": "user", "content": "What is the time?"}]
    asked = plane.chat(prompt.secret, messages=whole, cached_prompt=None)
    named = prompt.call()
    assert (
        asked.json()["usage"]["prompt_tokens"] == named.json()["usage"]["prompt_tokens"]
    )


def test_the_lease_of_the_prompt_outlives_the_calls(plane, prompt):
    lease_id = prompt.placements[1].lease_id
    for _ in range(3):
        assert prompt.call().json()["cached_prompt"]["leased_tokens"]
    assert lease_id in leases_on(plane)


def test_a_retry_by_an_idempotency_key_is_charged_once(plane, prompt):
    headers = {"idempotency-key": "once"}
    first, second = prompt.call(headers=headers), prompt.call(headers=headers)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json()["cached_prompt"]["leased_tokens"] == prompt.token_count
    calls = [one for one in plane.events() if one.leased_input_tokens]
    assert len(calls) == 2  # this one, and that of the fixture


def test_its_id_is_a_name_too(prompt):
    answer = prompt.call(cached_prompt=f"cp_{prompt.prompt_id}")
    assert answer.json()["cached_prompt"]["name"] == prompt.name


@pytest.mark.parametrize("name", ["cached_content", "cachedContent"])
def test_geminis_names_of_the_field_will_do(prompt, name):
    answer = prompt.call(**{"cached_prompt": None, name: prompt.name})
    assert answer.status_code == 400  # both at once
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Hi."}],
        "max_tokens": 4,
        name: prompt.name,
    }
    headers = {"authorization": f"Bearer {prompt.secret}"}
    found = prompt.plane.client.post(
        "/v1/chat/completions", json=body, headers=headers
    ).json()
    assert found["cached_prompt"]["leased_tokens"] == prompt.token_count


def test_a_prompt_made_a_moment_ago_is_found(plane):
    prompt = Prompt(plane)
    prompt.warm()
    prompt.publish(name="new")
    answer = prompt.call(cached_prompt="new")
    assert answer.json()["cached_prompt"]["name"] == "new"


def test_a_stream_tells_it_in_an_event_of_its_own(plane, prompt):
    answer = prompt.call(stream=True)
    *_, last, done = [
        line.removeprefix("data: ") for line in answer.text.split("\n\n") if line
    ]
    assert done == "[DONE]"
    told = json.loads(last)
    assert told["choices"] == []
    assert told["cached_prompt"]["leased_tokens"] == prompt.token_count
    assert "usage" not in told
    assert plane.events()[-1].leased_input_tokens == prompt.token_count


def test_an_equal_beginning_is_recognized(plane, prompt):
    spelled = json.loads(json.dumps(MESSAGES))
    says = [*(dict(reversed(one.items())) for one in spelled)]
    says.append({"role": "user", "content": "And now?"})
    found = plane.chat(prompt.secret, messages=says).json()
    assert found["cached_prompt"]["leased_tokens"] == prompt.token_count
    assert plane.events()[-1].leased_input_tokens == prompt.token_count


def test_a_stream_that_named_none_has_no_event_more(plane, prompt):
    says = [*MESSAGES, {"role": "user", "content": "And now?"}]
    answer = plane.chat(prompt.secret, messages=says, stream=True)
    assert "cached_prompt" not in answer.text
    assert '"choices":[]' not in answer.text
    assert plane.events()[-1].leased_input_tokens == prompt.token_count


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "system", "content": "Another."}, MESSAGES[0]]},
        {"messages": MESSAGES, "tools": [TOOL], "tool_choice": "none"},
        {"messages": MESSAGES, "n": 2},
        {"messages": MESSAGES, "truncate_prompt_tokens": 100},
    ],
)
def test_another_beginning_is_not(plane, prompt, fields):
    answer = plane.chat(prompt.secret, **fields)
    assert answer.status_code == 200, answer.text
    assert "cached_prompt" not in answer.json()
    assert plane.events()[-1].leased_input_tokens == 0


def test_tools_are_the_prompts(plane):
    prompt = Prompt(plane, tools=[TOOL])
    prompt.warm()
    prompt.publish()
    named = prompt.call(tool_choice="none").json()
    assert named["cached_prompt"]["leased_tokens"] == prompt.token_count
    says = [*MESSAGES, {"role": "user", "content": "And now?"}]
    with_tools = plane.chat(
        prompt.secret, messages=says, tools=[TOOL], tool_choice="none"
    ).json()
    assert with_tools["cached_prompt"]["leased_tokens"] == prompt.token_count
    assert "cached_prompt" not in plane.chat(prompt.secret, messages=says).json()


def test_what_the_engine_lost_is_our_loss(plane, prompt):
    plane.order_fault("restart")
    plane.chat(prompt.secret)
    until(plane.is_ready)
    told = until(lambda: (it := prompt.call()).is_success and it).json()
    leased = told["cached_prompt"]
    assert leased["leased_tokens"] == leased["absorbed_tokens"] == prompt.token_count
    (event,) = plane.events()[-1:]
    assert event.leased_input_tokens == prompt.token_count
    assert event.cached_input_tokens == 0


def test_without_a_receipt_it_is_our_fault(plane, prompt):
    plane.order_fault("gap")
    told = prompt.call().json()["cached_prompt"]
    assert told["leased_tokens"] == prompt.token_count


def test_what_is_not_proven_is_not_leased(plane, prompt):
    """A hash of other tokens, of a lease that the engine does not know."""
    held = Placement(
        engine_id=1, lease_id="e" * 32, retained_tokens=64, last_hash="ab" * 32
    )
    prompt.publish(placements=(held,), name="odd")
    told = prompt.call(cached_prompt="odd").json()["cached_prompt"]
    assert told["leased_tokens"] == 0
    assert plane.events()[-1].leased_input_tokens == 0


def test_a_conversation_may_be_leased_on_top(plane, prompt):
    retention = {"kv_retention": {"timeout": "60s"}}
    first = prompt.call(**retention).json()
    lease = first["kv_lease"]
    assert lease["status"] == "granted"
    block_bytes = leases_on(plane)[prompt.placements[1].lease_id]["bytes"] // (
        prompt.token_count // BLOCK
    )
    own_blocks = lease["tokens"] // BLOCK - prompt.token_count // BLOCK
    assert lease["bytes"] == own_blocks * block_bytes

    says = [{"role": "user", "content": "What is the time?"}]
    says.append(first["choices"][0]["message"])
    says.append({"role": "user", "content": "And now?"})
    second = prompt.call(messages=says, kv_lease=lease["id"], **retention).json()
    assert second["kv_lease"]["previous"]["outcome"] == "reused"
    (event,) = plane.events()[-1:]
    assert event.leased_input_tokens == max(lease["tokens"], prompt.token_count)
    assert prompt.placements[1].lease_id in leases_on(plane)


def test_tokens_of_the_prompt_use_up_no_limit(plane, prompt):
    secret = plane.add_key(tokens_per_minute=300)
    assert prompt.token_count > 600
    answer = prompt.call(secret=secret)
    assert answer.status_code == 200, answer.text
    new = answer.json()["usage"]["total_tokens"] - prompt.token_count
    left = int(answer.headers["x-ratelimit-remaining-tokens"])
    assert 0 < 300 - left < 100
    after = prompt.call(secret=secret)
    assert int(after.headers["x-ratelimit-remaining-tokens"]) < 300 - new


def test_where_cached_tokens_are_limited_those_of_the_prompt_are(plane, prompt):
    secret = plane.add_key(tokens_per_minute=300, are_cached_tokens_limited=True)
    assert prompt.call(secret=secret).status_code == 429


def test_money_is_held_for_the_new_tokens_alone(plane, prompt):
    secret = plane.add_key(is_prepaid=True)
    plane.seed_money(credit=prompt.token_count * 50)  # half of what the prompt costs
    assert prompt.call(secret=secret).status_code == 200
    says = [{"role": "user", "content": "x " * prompt.token_count}]
    assert plane.chat(secret, messages=says).status_code == 402


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at_ms": 1},
        {"tenant_id": 2},
        {"project_id": 12},
        {"name": "other"},
    ],
)
def test_it_refuses_a_prompt_that_is_not_there(prompt, fields):
    prompt.publish(**fields)
    until(
        lambda: (
            error_of(prompt.call()) == (404, "cached_prompt_not_found", "cached_prompt")
        )
    )


def test_it_refuses_a_prompt_of_another_model(prompt):
    prompt.publish(model="another")
    answer = until(lambda: (it := prompt.call()).status_code == 400 and it)
    assert error_of(answer) == (400, "invalid_value", "cached_prompt")


def test_without_its_content_it_says_so(plane, prompt):
    other = Prompt(plane)
    other.warm()
    plane.publish(CACHED_PROMPTS, [other.entry(name="bare")])
    answer = until(
        lambda: (it := prompt.call(cached_prompt="bare")).status_code == 503 and it
    )
    assert error_of(answer)[1] == "cached_prompts_unavailable"
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [TOOL]}, "cached_prompt"),
        ({"n": 2}, "cached_prompt"),
        ({"truncate_prompt_tokens": 10}, "cached_prompt"),
        ({"add_special_tokens": True}, "cached_prompt"),
        ({"cached_prompt": ""}, "cached_prompt"),
        ({"cached_prompt": 7}, "cached_prompt"),
        ({"cached_prompt": "x" * 201}, "cached_prompt"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi."}, "messages"),
        ({"messages": [{"role": "system", "content": "No."}]}, "messages"),
        ({"messages": [{"role": "developer", "content": "No."}]}, "messages"),
    ],
)
def test_it_refuses_what_cannot_follow_a_prompt(prompt, fields, param):
    assert error_of(prompt.call(**fields)) == (400, "invalid_value", param)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("completions", {"prompt": "Hi."}),
        ("responses", {"input": "Hi."}),
        ("messages", {"messages": [{"role": "user", "content": "Hi."}]}),
        ("embeddings", {"input": "Hi."}),
    ],
)
def test_it_is_for_chats_alone(prompt, path, body):
    body = {"model": "default", "max_tokens": 4, "cached_prompt": "any"} | body
    answer = prompt.plane.client.post(
        f"/v1/{path}",
        json=body,
        headers={"authorization": f"Bearer {prompt.secret}"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_value"


def test_a_late_call_by_an_equal_beginning_is_an_ordinary_one(plane, prompt):
    prompt.publish(expires_at_ms=now_ms())
    says = [*MESSAGES, {"role": "user", "content": "And now?"}]
    until(
        lambda: "cached_prompt" not in plane.chat(prompt.secret, messages=says).json()
    )
    assert plane.events()[-1].leased_input_tokens == 0
