"""Counters stay true when there is no room for all: vLLM takes blocks back and begins
those sequences again, the simulator lets them wait.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine_contract.engines import grown, run_simulator

BLOCKS = "24"
CONTEXT = "512"
OUTPUT = 160


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def tiny(request, tmp_path_factory):
    if request.param == "simulator":
        folder = tmp_path_factory.mktemp("tiny")
        variables = {"SIMULATOR_BLOCKS": BLOCKS, "SIMULATOR_CONTEXT_TOKENS": CONTEXT}
        with run_simulator(folder, **variables) as engine:
            yield engine
        return
    from tests.engine_contract.vllm_fixture import run_vllm  # noqa: PLC0415

    with run_vllm(
        ENGINE_CONTEXT_TOKENS=CONTEXT,
        ENGINE_ARGUMENTS=f"--num-gpu-blocks-override {BLOCKS}",
    ) as engine:
        yield engine


def ask(engine, prompt, **fields):
    fields |= {"max_tokens": OUTPUT, "ignore_eos": True, "temperature": 1}
    return engine.chat(prompt, **fields)["usage"]


def check_preemption(engine, before, after):
    """The simulator never has to; the real engine cannot help it."""
    preemptions = grown(before, after, "num_preemptions")
    is_simulator = engine.owner() == "simulator"
    assert (preemptions == 0) if is_simulator else (preemptions > 0)


def test_it_works(tiny, new_prompt):
    before = tiny.idle_counters()
    prompts = [new_prompt(20) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        usages = list(pool.map(lambda prompt: ask(tiny, prompt), prompts))
    after = tiny.idle_counters()
    asked = sum(usage["prompt_tokens"] for usage in usages)
    assert grown(before, after, "prompt_tokens") == asked
    assert grown(before, after, "prefix_cache_queries") == asked
    assert grown(before, after, "generation_tokens") == 5 * OUTPUT
    check_preemption(tiny, before, after)


def test_four_choices_count_four_times(tiny, new_prompt):
    before = tiny.idle_counters()
    usage = ask(tiny, new_prompt(20), n=4)
    after = tiny.idle_counters()
    assert usage["completion_tokens"] == 4 * OUTPUT
    assert grown(before, after, "prompt_tokens") == 4 * usage["prompt_tokens"]
    assert grown(before, after, "generation_tokens") == 4 * OUTPUT
    check_preemption(tiny, before, after)
