"""The command line and the environment of `vllm serve`."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from inference.engine.convert import converted_model
from inference.engine.failure import EngineError
from inference.engine.install import CPU, Build
from inference.engine.settings import REPOSITORY, Settings

# Longer than the proxy keeps an idle connection, so that it is never the engine that
# closes one on which a request is just being sent.
KEEP_ALIVE_SECONDS = 300

COMMON = (
    # Hashes that another process can compute again; never a non-cryptographic one.
    *("--enable-prefix-caching", "--prefix-caching-hash-algo", "sha256_cbor"),
    # `cached_tokens` in the usage.
    "--enable-prompt-tokens-details",
    # Usage on every stream, even on one that did not ask for it.
    "--enable-force-include-usage",
    # Our request id becomes the engine's: `chatcmpl-<id>`.
    "--enable-request-id-headers",
    "--enable-server-load-tracking",
    "--disable-uvicorn-access-log",
    "--disable-fastapi-docs",
)
ON_CPU = (
    # Without graphs and compiler it starts in a third of the time; no gain was seen.
    "--enforce-eager",
    # The default of 128 would round what the prefix cache can share.
    *("--block-size", "32"),
    *("--max-num-seqs", "16"),
    *("--max-num-batched-tokens", "2048"),
)


PLUGIN = REPOSITORY / "inference" / "vllm_plugin"
PLUGIN_MODULE = "inference.vllm_plugin"
LEASE_PLUGIN = "tokenfab_leases"
"""Its name in `entry_points`."""
_KV_EVENTS = {"enable_kv_cache_events": True, "publisher": "null"}
"""They stay in the engine: the plugin takes them where vLLM would publish them."""


def command(settings: Settings, build: Build) -> list[str]:
    """The key is not in it: everybody on the machine can read command lines."""
    return [
        str(settings.venv / "bin" / "vllm"),
        "serve",
        str(model_to_load(settings)),
        *("--uds", str(settings.socket)),
        *("--served-model-name", settings.served_model_name),
        *("--max-model-len", str(settings.context_tokens)),
        *COMMON,
        *(ON_CPU if build is CPU else ()),
        *_dtype(settings, build),
        *("--kv-transfer-config", _json(_lease_connector(settings, build))),
        *("--kv-events-config", _json(_KV_EVENTS)),
        *settings.arguments,
    ]


def model_to_load(settings: Settings) -> Path | str:
    return settings.model or converted_model(settings)


def _dtype(settings: Settings, build: Build) -> tuple[str, ...]:
    """bfloat16 has no fast kernels on AVX2. A model given by MODEL chooses itself."""
    is_ours = build is CPU and not settings.model
    return ("--dtype", "float32") if is_ours else ()


def _lease_connector(settings: Settings, build: Build) -> dict[str, object]:
    """A KVTransferConfig of vLLM. It takes from nobody who asks for no lease.

    Raises EngineError.
    """
    lower = _lower_tiers(settings, build)
    # A consumer would make vLLM free blocks a step later, which only copies need.
    role = "kv_both" if lower else "kv_producer"
    leases: dict[str, object] = {
        "kv_connector": "LeaseConnector",
        "kv_connector_module_path": f"{PLUGIN_MODULE}.lease_connector",
        "kv_role": role,
        "kv_connector_extra_config": {"tenant_percent": settings.lease_tenant_percent},
    }
    if not lower:
        return leases | {"engine_id": settings.engine_id}
    return {
        "kv_connector": "MultiConnector",
        "kv_role": role,
        "engine_id": settings.engine_id,
        # Else a block that is lost below fails the request that wanted it.
        "kv_load_failure_policy": "recompute",
        "kv_connector_extra_config": {"connectors": [leases, *lower]},
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _lower_tiers(settings: Settings, build: Build) -> list[dict[str, object]]:
    """The first that has something of a prompt brings it up; the disk holds back where
    host memory has as much.
    """
    tiers = []
    if settings.lease_disk_mib:
        if build is not CPU:
            raise EngineError("LEASE_DISK_MIB: there is no disk tier on a GPU yet.")
        tiers.append(_disk_tier(settings))
    if settings.lease_host_mib:
        tiers.append(_host_tier(settings))
    return tiers


def _host_tier(settings: Settings) -> dict[str, object]:
    return {
        "kv_connector": "OffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "cpu_bytes_to_use": settings.lease_host_mib * 2**20,
            "spec_name": "HostTierSpec",
            "spec_module_path": f"{PLUGIN_MODULE}.host_tier",
            # Else what the model said is not copied, and the next turn begins with it.
            "offload_prompt_only": False,
        },
    }


def _disk_tier(settings: Settings) -> dict[str, object]:
    module = f"{PLUGIN_MODULE}.disk_tier"
    return {
        "kv_connector": "DiskConnector",
        "kv_connector_module_path": module,
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            # vLLM's name for the bytes of a tier, wherever they lie.
            "cpu_bytes_to_use": settings.lease_disk_mib * 2**20,
            "folder": str(settings.lease_disk_folder),
            "spec_name": "DiskTierSpec",
            "spec_module_path": module,
            "offload_prompt_only": False,
        },
    }


def environment(
    settings: Settings, build: Build, inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What `vllm serve` gets. No call leaves the machine, except to fetch a model that
    MODEL names by its hub name.
    """
    return {
        **{k: v for k, v in inherited.items() if k not in {"ENGINE_KEY", "VLLM_PORT"}},
        **(_cpu_environment(inherited) if build is CPU else {}),
        **(_offline() if _is_local(settings.model) else {}),
        "VLLM_API_KEY": settings.key,
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE_SECONDS),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # None that somebody installed is loaded.
        "VLLM_PLUGINS": LEASE_PLUGIN,
        "PYTHONPATH": _python_path(inherited),
        # Whole, so that they are those of leases.
        "VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES": "0",
        "VLLM_CACHE_ROOT": str(settings.models / "cache"),
        "VLLM_CONFIG_ROOT": str(settings.models / "cache" / "config"),
        "PYTHONUNBUFFERED": "1",
    }


def _python_path(inherited: Mapping[str, str]) -> str:
    """Our plugin runs from here, so that a changed one needs no new environment; beside
    it lies what a package of that name would have told pip.
    """
    ours = (str(REPOSITORY), str(PLUGIN / "entry_points"))
    return os.pathsep.join(filter(None, (*ours, inherited.get("PYTHONPATH", ""))))


def _cpu_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    return {
        # Whole GiB; 1 holds 23,296 tokens of the default model.
        "VLLM_CPU_KVCACHE_SPACE": inherited.get("VLLM_CPU_KVCACHE_SPACE") or "1",
        # Else the first request for logprobs compiles one function and stalls all
        # streams for 12 s, and needs a C++ compiler.
        "TORCH_COMPILE_DISABLE": "1",
    }


def _is_local(model: str) -> bool:
    return not model or Path(model).exists()


def _offline() -> dict[str, str]:
    return {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
