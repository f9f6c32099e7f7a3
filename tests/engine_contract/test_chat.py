import pytest

ANSWER = {
    "id",
    "object",
    "created",
    "model",
    "choices",
    "service_tier",
    "system_fingerprint",
    "usage",
    "prompt_logprobs",
    "prompt_token_ids",
    "prompt_text",
    "kv_transfer_params",
    "ec_transfer_params",
    "metrics",
}


def test_it_works(engine):
    answer = engine.chat(
        "What is the capital of France?", max_tokens=400, temperature=0
    )
    assert answer.keys() == ANSWER
    assert answer["object"] == "chat.completion"
    assert answer["model"] == engine.model
    (choice,) = answer["choices"]
    assert list(choice) == [
        "index",
        "message",
        "logprobs",
        "finish_reason",
        "stop_reason",
        "token_ids",
        "routed_experts",
    ]
    assert list(choice["message"]) == [
        "role",
        "content",
        "refusal",
        "annotations",
        "audio",
        "function_call",
        "reasoning",
    ]
    assert choice["message"]["role"] == "assistant"
    assert "France" in choice["message"]["content"]


def test_it_ends_by_itself(engine):
    answer = engine.chat(
        "What is the capital of France? Answer in one sentence.",
        max_tokens=400,
        temperature=0,
    )
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["choices"][0]["stop_reason"] is None
    assert 1 < answer["usage"]["completion_tokens"] < 400


@pytest.mark.parametrize("ceiling", ["max_tokens", "max_completion_tokens"])
def test_it_ends_at_the_ceiling(engine, ceiling):
    answer = engine.chat("Count to one thousand.", **{ceiling: 7}, ignore_eos=True)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 7


def test_it_ends_at_a_stop_string(engine):
    answer = engine.chat(
        "Write the alphabet with spaces.", max_tokens=60, stop=["e"], temperature=0
    )
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["stop_reason"] == "e"
    assert "e" not in choice["message"]["content"]


def test_a_ceiling_beyond_the_context_is_lowered(engine):
    """Prompt and ceiling together may exceed the context; it ends the answer."""
    answer = engine.chat(
        "Say hello.", max_tokens=4096, temperature=0, stop=["l", "n", "o"]
    )
    assert answer["usage"]["completion_tokens"] < 4096


def test_two_choices_count_the_prompt_once(engine, new_prompt):
    before = engine.counters()
    answer = engine.chat(
        new_prompt(), n=2, max_tokens=5, ignore_eos=True, temperature=1
    )
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    usage = answer["usage"]
    assert usage["completion_tokens"] == 10
    assert usage["total_tokens"] == usage["prompt_tokens"] + 10
    after = engine.counters()
    # The counters see two sequences: https://github.com/vllm-project/vllm/issues/56361
    read = after["vllm:prompt_tokens_total"] - before["vllm:prompt_tokens_total"]
    assert read == 2 * usage["prompt_tokens"]


def test_an_unknown_field_is_ignored(engine):
    answer = engine.chat("Say hello.", max_tokens=2, frobnicate=1)
    assert answer["usage"]["completion_tokens"] <= 2


def test_the_request_id_is_taken_over(engine):
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    answer = engine.post("/v1/chat/completions", body, **{"x-request-id": "r-42"})
    assert answer.headers["x-request-id"] == "r-42"
    assert answer.json()["id"] == "chatcmpl-r-42"


def test_a_missing_request_id_is_made_up(engine):
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    answer = engine.post("/v1/chat/completions", body)
    assert answer.headers["x-request-id"]
    assert answer.json()["id"].startswith("chatcmpl-")


def test_content_may_come_in_parts(engine):
    parts = [{"type": "text", "text": "Say"}, {"type": "text", "text": "hello."}]
    message = {"role": "user", "content": parts}
    answer = engine.post(
        "/v1/chat/completions", {"messages": [message], "max_tokens": 2}
    )
    assert answer.status_code == 200


def test_probabilities_come_when_asked_for(engine):
    answer = engine.chat("Hi", max_tokens=3, logprobs=True, top_logprobs=2)
    content = answer["choices"][0]["logprobs"]["content"]
    assert len(content) == answer["usage"]["completion_tokens"]
    assert content[0].keys() == {"token", "logprob", "bytes", "top_logprobs"}
    assert len(content[0]["top_logprobs"]) == 2
    assert content[0]["top_logprobs"][0].keys() == {"token", "logprob", "bytes"}
