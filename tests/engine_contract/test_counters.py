"""The counters that reconciliation rests on."""

from tests.engine_contract.engines import wait_until

NAMES = {
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_hits_total",
    "vllm:external_prefix_cache_queries_total",
    "vllm:external_prefix_cache_hits_total",
    "vllm:num_preemptions_total",
    "vllm:prompt_tokens_total",
    "vllm:prompt_tokens_created",
    'vllm:prompt_tokens_by_source_total{source="local_compute"}',
    'vllm:prompt_tokens_by_source_total{source="local_cache_hit"}',
    'vllm:prompt_tokens_by_source_total{source="external_kv_transfer"}',
    "vllm:prompt_tokens_cached_total",
    'vllm:prompt_tokens_cached_by_source_total{source="device"}',
    'vllm:prompt_tokens_cached_by_source_total{source="host"}',
    'vllm:prompt_tokens_cached_by_source_total{source="disk"}',
    'vllm:prompt_tokens_cached_by_source_total{source="p2p"}',
    'vllm:prompt_tokens_cached_by_source_total{source="external_unspecified"}',
    "vllm:generation_tokens_total",
    'vllm:request_success_total{finished_reason="stop"}',
    'vllm:request_success_total{finished_reason="length"}',
    'vllm:request_success_total{finished_reason="abort"}',
    'vllm:request_success_total{finished_reason="error"}',
    "vllm:time_to_first_token_seconds_count",
    "vllm:time_to_first_token_seconds_sum",
    "vllm:e2e_request_latency_seconds_count",
    "vllm:request_prompt_tokens_count",
    "vllm:request_generation_tokens_count",
}
SOURCES = ("local_compute", "local_cache_hit", "external_kv_transfer")


def by_source(counters, source):
    return counters[f'vllm:prompt_tokens_by_source_total{{source="{source}"}}']


def test_all_names_exist(engine):
    assert engine.counters().keys() >= NAMES


def test_usage_and_counters_agree(engine, new_prompt):
    before = engine.counters()
    prompt = new_prompt()
    usages = [
        engine.chat(prompt, max_tokens=ceiling, ignore_eos=True)["usage"]
        for ceiling in (3, 5)
    ]
    usages.append(
        engine.stream_chat(prompt, max_tokens=4, ignore_eos=True)[-1]["usage"]
    )
    wait_until(lambda: engine.counter("num_requests_running") == 0)
    after = engine.counters()

    def growth(name):
        return after[f"vllm:{name}"] - before[f"vllm:{name}"]

    prompt_tokens = sum(usage["prompt_tokens"] for usage in usages)
    cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
    assert cached > 0
    assert growth("prompt_tokens_total") == prompt_tokens
    assert growth("prefix_cache_queries_total") == prompt_tokens
    assert growth("prefix_cache_hits_total") == cached
    assert growth("prompt_tokens_cached_total") == cached
    assert growth('prompt_tokens_cached_by_source_total{source="device"}') == cached
    assert growth('prompt_tokens_by_source_total{source="local_cache_hit"}') == cached
    assert growth("generation_tokens_total") == 3 + 5 + 4
    assert growth('request_success_total{finished_reason="length"}') == 3


def test_the_sources_sum_to_the_prompt_tokens(engine, new_prompt):
    engine.chat(new_prompt(), max_tokens=1)
    counters = engine.counters()
    total = sum(by_source(counters, source) for source in SOURCES)
    assert total == counters["vllm:prompt_tokens_total"]


def test_an_idle_engine_holds_nothing(engine):
    wait_until(lambda: engine.counter("num_requests_running") == 0)
    counters = engine.counters()
    assert counters["vllm:num_requests_waiting"] == 0
    assert counters["vllm:kv_cache_usage_perc"] == 0
