"""What an engine does now, out of its `/metrics`."""

import pytest

from inference.domain.engine_gauges import EngineGauges, parse_gauges

TEXT = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0
vllm:num_requests_waiting{engine="0",model_name="a"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.5
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="200"} 1.0
vllm:generation_tokens_total{engine="0",model_name="a"} 12.0
"""


def test_it_works():
    assert parse_gauges(TEXT) == EngineGauges(
        running=7, waiting=2, pool_blocks=1200, used_blocks=350
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", 'vllm:cache_config_info{num_gpu_blocks="None"} 1.0\n']
)
def test_what_is_not_told_is_nothing(text):
    assert parse_gauges(text) == EngineGauges()


@pytest.mark.parametrize("value", ["many", "nan", "inf", "-1"])
def test_it_refuses_what_is_no_number(value):
    with pytest.raises(ValueError, match=r"gauge|float"):
        parse_gauges(f'vllm:num_requests_running{{engine="0"}} {value}\n')
