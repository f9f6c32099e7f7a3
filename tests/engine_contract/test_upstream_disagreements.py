"""Where vLLM's counters and its usage disagree, and a reconciliation must know it.

Each case names the thread upstream; one that fails tells that upstream has changed.
"""

import json

import pytest

from tests.engine_contract.dialects import RESPONSES, both_dialects
from tests.engine_contract.engines import (
    ON_THEIR_WAY_MAX,
    grown,
    run_simulator,
    wait_until,
)

PROMPT_HISTOGRAM = "vllm:request_prompt_tokens_sum"
TRIES = 10
LONG_WORDS = 2750
"""Too many to be read in one step."""


@pytest.fixture(params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)])
def reading_engine(request, tmp_path):
    """An engine that takes its time to read a long prompt."""
    if request.param == "vllm":
        yield request.getfixturevalue("vllm_engine")
        return
    with run_simulator(tmp_path, SIMULATOR_TTFT_MS="700") as engine:
        yield engine


def left_early(engine, dialect, new_prompt, *, after_deltas):
    """(counters before and after, prompt, events) of a call whose caller left before
    its end. A small model may end a story by itself: then the next one is tried.
    """
    for _ in range(TRIES):
        before, prompt = engine.idle_counters(), new_prompt()
        events = engine.events(
            dialect.path, dialect.body(prompt, 1500), leaves_after=after_deltas
        )
        after = engine.idle_counters()
        if not grown(before, after, "request_success", finished_reason="stop"):
            return before, after, prompt, events
    raise AssertionError(f"{TRIES} stories ended by themselves")


@both_dialects
def test_55634_aborted_calls_are_in_the_total_and_in_no_histogram(
    engine, new_prompt, dialect
):
    before, after, prompt, events = left_early(
        engine, dialect, new_prompt, after_deltas=12
    )
    messages = [{"role": "user", "content": prompt}]
    counted = engine.post("/tokenize", {"messages": messages}).json()["count"]
    # The stream itself may not have told the prompt: it was counted all the same.
    assert grown(before, after, "prompt_tokens") == counted
    assert after[PROMPT_HISTOGRAM] == before[PROMPT_HISTOGRAM]
    made = grown(before, after, "generation_tokens")
    deltas = [event for event in events if event["type"].endswith("delta")]
    assert len(deltas) == 12
    assert 0 <= made - 12 <= ON_THEIR_WAY_MAX


@both_dialects
def test_31503_the_abort_is_counted_nowhere(engine, new_prompt, dialect):
    before, after, *_ = left_early(engine, dialect, new_prompt, after_deltas=3)
    for reason in ("abort", "stop", "length", "error"):
        assert grown(before, after, "request_success", finished_reason=reason) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_56361_each_of_four_choices_counts_the_prompt(engine, new_prompt, stream):
    before = engine.idle_counters()
    prompt = new_prompt()
    fields = {"n": 4, "max_tokens": 5, "ignore_eos": True, "temperature": 1}
    if stream:
        usage = engine.stream_chat(prompt, **fields)[-1]["usage"]
    else:
        usage = engine.chat(prompt, **fields)["usage"]
    after = engine.idle_counters()
    assert usage["completion_tokens"] == 20
    assert grown(before, after, "prompt_tokens") == 4 * usage["prompt_tokens"]
    assert grown(before, after, "generation_tokens") == 20
    # The cache figure is that of one child, whichever: no sum, and no help here.
    hit = grown(before, after, "prompt_tokens_by_source", source="local_cache_hit")
    assert usage["prompt_tokens_details"]["cached_tokens"] <= hit


@both_dialects
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_was_left_while_it_was_read_is_not_counted(
    reading_engine, new_prompt, dialect, stream
):
    engine = reading_engine
    before = engine.idle_counters()
    body = {"model": engine.model, "stream": stream} | dialect.body(
        new_prompt(LONG_WORDS), 50
    )
    text = json.dumps(body)
    with engine.connect() as connection:
        connection.sendall(
            f"POST {dialect.path} HTTP/1.1\r\nhost: e\r\n"
            f"authorization: Bearer {engine.key}\r\ncontent-length: {len(text)}\r\n"
            f"content-type: application/json\r\n\r\n{text}".encode()
        )
        with engine.client() as client:
            wait_until(lambda: client.get("/load").json()["server_load"] > 0)
    # Of what follows, this call alone is counted.
    cost = RESPONSES.cost(engine, "Hello", 2)
    after = engine.idle_counters()
    assert grown(before, after, "prompt_tokens") == cost.prompt
    assert grown(before, after, "generation_tokens") == cost.output
