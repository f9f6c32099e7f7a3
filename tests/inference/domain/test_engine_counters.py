"""What an engine's `/metrics` says, in vLLM's own words."""

import pytest

from inference.domain.engine_counters import (
    EngineCounters,
    NoCountersError,
    parse_metrics,
)

# As vLLM 0.26 writes it.
TEXT = """\
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79524377224e+09
vllm:num_requests_running{@} 2.0
vllm:num_requests_waiting{@} 1.0
vllm:num_requests_waiting_by_reason{@,reason="capacity"} 9.0
vllm:prompt_tokens_total{@} 564.0
vllm:prompt_tokens_created{@} 1.7952438029581282e+09
vllm:prompt_tokens_by_source_total{@,source="local_compute"} 180.0
vllm:prompt_tokens_by_source_total{@,source="local_cache_hit"} 384.0
vllm:prompt_tokens_by_source_total{@,source="external_kv_transfer"} 5.0
vllm:prompt_tokens_by_source_created{@,source="local_compute"} 1.79e+09
vllm:prompt_tokens_cached_total{@} 384.0
vllm:generation_tokens_total{@} 20.0
vllm:generation_tokens_created{@} 1.7952438029582329e+09
""".replace("@", 'engine="0",model_name="small"')


def test_it_works():
    metrics = parse_metrics(TEXT)
    assert metrics.started_at == 1_795_243_772.24
    assert metrics.models == {
        "small": EngineCounters(
            computed_input_tokens=180,
            cached_input_tokens=384,
            external_input_tokens=5,
            output_tokens=20,
            running=2,
            waiting=1,
        )
    }


def test_ranks_are_summed_and_models_are_not():
    second = TEXT.replace('engine="0"', 'engine="1"')
    other = TEXT.replace("small", 'ot\\"her')
    metrics = parse_metrics(TEXT + second + other)
    assert metrics.models["small"].output_tokens == 40
    assert len(metrics.models) == 2


def test_large_counts_stay_whole():
    text = TEXT.replace(" 20.0", " 9.007199254740991e+15")
    assert parse_metrics(text).models["small"].output_tokens == 2**53 - 1


def test_several_api_servers_tell_no_start():
    text = TEXT.replace("process_start_time_seconds 1.79", "# ")
    assert parse_metrics(text).started_at is None


@pytest.mark.parametrize(
    "text", ["", "not metrics", "up 1\n", "vllm:num_requests_running 0"]
)
def test_it_refuses_what_counts_nothing(text):
    with pytest.raises(NoCountersError):
        parse_metrics(text)


@pytest.mark.parametrize("value", ["-1.0", "0.5", "nan", "+Inf", "many"])
def test_it_refuses_what_is_no_count(value):
    with pytest.raises(ValueError, match=r"count|could not convert"):
        parse_metrics(TEXT.replace(" 20.0", f" {value}"))
