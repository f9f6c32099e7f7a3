import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine.convert import converted_model
from inference.engine.failure import EngineError
from inference.engine.install import CPU, CUDA
from inference.engine.launcher import command, environment
from inference.engine.settings import REPOSITORY, Settings


def test_it_works(engine_settings: Settings) -> None:
    argv = command(engine_settings, CPU)

    assert argv[:3] == [
        str(engine_settings.venv / "bin" / "vllm"),
        "serve",
        str(converted_model(engine_settings)),
    ]
    assert _value(argv, "--uds") == str(engine_settings.socket)
    assert _value(argv, "--served-model-name") == "smollm2-135m-instruct"
    assert _value(argv, "--max-model-len") == "4096"
    assert _value(argv, "--dtype") == "float32"
    assert _value(argv, "--block-size") == "32"
    assert _value(argv, "--prefix-caching-hash-algo") == "sha256_cbor"
    assert "--port" not in argv


def test_the_key_is_in_no_command_line(engine_settings: Settings) -> None:
    secret = replace(engine_settings, key="very-secret")

    assert "very-secret" not in " ".join(command(secret, CPU))
    given = environment(secret, CPU, {"ENGINE_KEY": "very-secret"})
    assert given["VLLM_API_KEY"] == "very-secret"
    assert "ENGINE_KEY" not in given


def test_a_gpu_gets_no_flag_of_the_cpu(engine_settings: Settings) -> None:
    argv = command(engine_settings, CUDA)

    assert not {"--enforce-eager", "--dtype", "--block-size"} & set(argv)
    assert "--enable-prompt-tokens-details" in argv
    assert "TORCH_COMPILE_DISABLE" not in environment(engine_settings, CUDA, {})


def test_the_default_model_makes_no_call_to_the_outside(
    engine_settings: Settings,
) -> None:
    given = environment(engine_settings, CPU, {})

    assert given["HF_HUB_OFFLINE"] == given["TRANSFORMERS_OFFLINE"] == "1"
    assert given["VLLM_NO_USAGE_STATS"] == given["DO_NOT_TRACK"] == "1"


def test_a_hub_name_may_be_fetched_and_a_path_not(
    engine_settings: Settings, tmp_path: Path
) -> None:
    hub = replace(engine_settings, model="Qwen/Qwen3-0.6B")
    path = replace(engine_settings, model=str(tmp_path))

    assert "HF_HUB_OFFLINE" not in environment(hub, CPU, {})
    assert environment(path, CPU, {})["HF_HUB_OFFLINE"] == "1"
    assert command(hub, CPU)[2] == "Qwen/Qwen3-0.6B"
    assert "--dtype" not in command(hub, CPU)


def test_the_operator_has_the_last_word(engine_settings: Settings) -> None:
    given = replace(engine_settings, arguments=("--max-num-seqs", "4"))

    assert command(given, CPU)[-2:] == ["--max-num-seqs", "4"]
    more = environment(given, CPU, {"VLLM_CPU_KVCACHE_SPACE": "8"})
    assert more["VLLM_CPU_KVCACHE_SPACE"] == "8"


def test_leases_are_held_by_our_own_plugin(engine_settings: Settings) -> None:
    argv = command(engine_settings, CUDA)
    given = environment(engine_settings, CUDA, {"PYTHONPATH": "/theirs"})

    connector = json.loads(_value(argv, "--kv-transfer-config"))
    assert connector["kv_connector"] == "LeaseConnector"
    assert connector["engine_id"] == "unix:/tmp/engine-of-a-test.sock"
    assert connector["kv_connector_extra_config"] == {"tenant_percent": 50}
    assert given["VLLM_PLUGINS"] == "tokenfab_leases"
    assert given["PYTHONPATH"].split(":")[0] == str(REPOSITORY)
    assert given["PYTHONPATH"].split(":")[-1] == "/theirs"


def test_leases_lie_below_where_there_is_room(engine_settings: Settings) -> None:
    given = replace(engine_settings, lease_host_mib=8, lease_disk_mib=64)
    argv = command(given, CPU)

    several = json.loads(_value(argv, "--kv-transfer-config"))
    parts = several["kv_connector_extra_config"]["connectors"]
    assert (several["kv_connector"], several["kv_role"]) == (
        *("MultiConnector", "kv_both"),
    )
    assert [one["kv_connector"] for one in parts] == [
        *("LeaseConnector", "DiskConnector", "OffloadingConnector"),
    ]
    sizes = [
        one["kv_connector_extra_config"]["cpu_bytes_to_use"] // 2**20
        for one in parts[1:]
    ]
    assert sizes == [64, 8]


def test_it_refuses_a_disk_tier_on_a_gpu(engine_settings: Settings) -> None:
    with pytest.raises(EngineError, match="LEASE_DISK_MIB"):
        command(replace(engine_settings, lease_disk_mib=64), CUDA)


def test_the_engine_tells_what_becomes_of_its_blocks(
    engine_settings: Settings,
) -> None:
    told = json.loads(_value(command(engine_settings, CUDA), "--kv-events-config"))

    assert told == {"enable_kv_cache_events": True, "publisher": "null"}
    given = environment(engine_settings, CUDA, {})
    assert given["VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES"] == "0"


def _value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]
