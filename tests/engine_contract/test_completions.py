import pytest


def complete(engine, prompt, **fields):
    answer = engine.post("/v1/completions", {"prompt": prompt} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_works(engine):
    answer = complete(engine, "Once upon a time", max_tokens=6, ignore_eos=True)
    assert list(answer) == [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "service_tier",
        "system_fingerprint",
        "usage",
        "kv_transfer_params",
        "ec_transfer_params",
        "metrics",
    ]
    assert answer["object"] == "text_completion"
    assert answer["id"].startswith("cmpl-")
    (choice,) = answer["choices"]
    assert list(choice) == [
        "index",
        "text",
        "logprobs",
        "finish_reason",
        "stop_reason",
        "token_ids",
        "prompt_logprobs",
        "prompt_token_ids",
        "routed_experts",
    ]
    assert choice["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 6


def test_the_ceiling_is_sixteen_unless_told_otherwise(engine):
    answer = complete(engine, "Once upon a time", ignore_eos=True)
    assert answer["usage"]["completion_tokens"] == 16


def test_token_ids_are_a_prompt(engine):
    answer = complete(engine, [5, 6, 7, 8], max_tokens=2)
    assert answer["usage"]["prompt_tokens"] == 4


@pytest.mark.parametrize("prompts", [["One", "Two"], [[5, 6, 7], [8, 9]]])
def test_two_prompts_are_added_up(engine, prompts):
    alone = [
        complete(engine, prompt, max_tokens=2, ignore_eos=True) for prompt in prompts
    ]
    both = complete(engine, prompts, max_tokens=2, ignore_eos=True)
    assert [choice["index"] for choice in both["choices"]] == [0, 1]
    assert both["usage"]["completion_tokens"] == 4
    assert both["usage"]["prompt_tokens"] == sum(
        answer["usage"]["prompt_tokens"] for answer in alone
    )


def test_the_prompt_is_echoed_on_demand(engine):
    answer = complete(engine, "Once upon a time", max_tokens=2, echo=True)
    assert answer["choices"][0]["text"].startswith("Once upon a time")
    assert answer["usage"]["completion_tokens"] <= 2


def test_cache_writes_are_not_told(engine, new_prompt):
    """Only chat tells them; null is "not told", and 0 would be a value."""
    usage = complete(engine, new_prompt(), max_tokens=1)["usage"]
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 0,
        "created_cache_tokens": None,
        "multimodal_tokens": None,
    }
    assert usage["completion_tokens_details"] is None


def test_it_streams(engine):
    events = engine.stream(
        "/v1/completions", prompt="Once upon a time", max_tokens=4, ignore_eos=True
    )
    *running, final = events
    assert [event["usage"]["completion_tokens"] for event in running] == [1, 2, 3, 4]
    assert list(running[0]["choices"][0]) == [
        "index",
        "text",
        "logprobs",
        "finish_reason",
        "stop_reason",
        "prompt_token_ids",
        "token_ids",
    ]
    assert list(running[0]["usage"]) == [
        "prompt_tokens",
        "total_tokens",
        "completion_tokens",
    ]
    assert running[-1]["choices"][0]["finish_reason"] == "length"
    assert final["choices"] == []
    assert final["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


def test_it_refuses_a_missing_prompt(engine):
    answer = engine.post("/v1/completions", {"max_tokens": 2})
    assert answer.status_code == 400
