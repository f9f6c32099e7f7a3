"""What this repository counts is what the real engine counts, for the default model."""

from pathlib import Path

import msgspec
import pytest

from inference.encoding import load
from inference.engine.convert import converted_model
from inference.engine.settings import read_settings
from inference.token_bound import load_bound
from metering.proxy import prompts as reading
from tests.engine_contract.vllm_fixture import environment
from tests.inference.prompts import input_tokens, prompts
from tests.metering.proxy.parsed import request_of

CONTEXT_TOKENS = 4096


@pytest.mark.engine
def test_it_works(vllm_engine):
    folder = converted_model(read_settings(environment(Path("unused"))))
    counter, bound = load(folder), load_bound(folder)
    for prompt in prompts():
        if "tools" in prompt.body:
            continue  # the default engine is started without a parser of tool calls
        answer = vllm_engine.post(prompt.path, prompt.call(vllm_engine.model))
        assert answer.status_code == 200, (prompt.name, answer.text)
        used = input_tokens(answer.json())
        request = request_of(prompt)
        assert reading.count(counter, reading.read_prompt(request)) == used, prompt.name
        most = reading.most_tokens(request, bound, context_tokens=CONTEXT_TOKENS)
        assert used <= most, prompt.name


@pytest.mark.engine
def test_it_tokenizes_chats_as_it_reads_them(vllm_engine):
    """The proxy asks `/tokenize` for what it does not count itself."""
    for prompt in prompts():
        if "tools" in prompt.body:
            continue
        answer = vllm_engine.post(prompt.path, prompt.call(vllm_engine.model))
        request = request_of(prompt)
        questions = reading.questions(request, model=vllm_engine.model)
        counts = []
        for question in questions:
            body = msgspec.json.decode(question.body)
            told = vllm_engine.post(question.path.decode(), body)
            assert told.status_code == 200, (prompt.name, told.text)
            counts.append(told.json()[question.answer_member])
        counted = reading.sum_of_counts(request, counts)
        assert counted == input_tokens(answer.json()), prompt.name
