"""What the environment tells the simulator, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from inference.simulator.blocks import BLOCK_TOKENS

Task = Literal["generate", "embed", "image"]
DEFAULT_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True, kw_only=True)
class Settings:
    socket: str = ""
    """Unix socket to listen on; empty: `port` on 127.0.0.1 instead."""
    port: int = 0
    key: str = ""
    """Bearer key of `/v1`; empty: anybody may ask."""
    model: str = DEFAULT_MODEL
    task: Task = "generate"
    """What the model does; the endpoints of other tasks do not exist."""
    progress_file: str = ""
    context_tokens: int = 4096
    block_count: int = 728
    """Blocks of 32 tokens; the default is 1 GiB of KV cache of SmolLM2 in float32."""
    max_sequences: int = 16
    """Sequences that run at once; more of them wait."""
    tokens_per_second: float = 0.0
    """Pace of each sequence; 0: as fast as possible."""
    ttft_seconds: float = 0.0
    engine_id: str = ""
    """By which lease terms name this engine."""
    lease_tenant_percent: int = 50
    """What one tenant may hold of all that leases may hold."""
    lease_host_mib: int = 0
    """Host memory for leased KV below HBM; 0: none."""
    lease_disk_mib: int = 0
    """Disk for leased KV below host memory; 0: none."""
    keep_alive_seconds: float = 300.0
    """An idle connection is closed after this long, as our launcher tells vLLM."""
    faults: bool = False
    """Whether callers may choose faults; see faults.py."""
    fault: str = ""
    """A fault that befalls every call to `/v1`."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ValueError, with a sentence, for a configuration that cannot work."""
    get = environment.get
    settings = Settings(
        socket=get("ENGINE_SOCKET", ""),
        port=int(get("ENGINE_PORT") or 0),
        key=_key(environment),
        model=get("SERVED_MODEL_NAME") or DEFAULT_MODEL,
        task=_task(get("SIMULATOR_TASK") or "generate"),
        progress_file=get("ENGINE_PROGRESS_FILE", ""),
        context_tokens=int(get("SIMULATOR_CONTEXT_TOKENS") or 4096),
        block_count=int(get("SIMULATOR_BLOCKS") or 728),
        max_sequences=int(get("SIMULATOR_MAX_NUM_SEQS") or 16),
        tokens_per_second=float(get("SIMULATOR_TOKENS_PER_SECOND") or 0),
        ttft_seconds=float(get("SIMULATOR_TTFT_MS") or 0) / 1000,
        engine_id=get("ENGINE_ID") or _address(environment),
        lease_tenant_percent=int(get("LEASE_TENANT_PERCENT") or 50),
        lease_host_mib=int(get("LEASE_HOST_MIB") or 0),
        lease_disk_mib=int(get("LEASE_DISK_MIB") or 0),
        keep_alive_seconds=float(get("SIMULATOR_KEEP_ALIVE_SECONDS") or 300),
        faults=get("SIMULATOR_FAULTS") == "1",
        fault=get("SIMULATOR_FAULT", ""),
    )
    _refuse_what_cannot_work(settings)
    return settings


def _task(name: str) -> Task:
    for task in get_args(Task):
        if task == name:
            found: Task = task
            return found
    raise ValueError(f"SIMULATOR_TASK={name} is none of {', '.join(get_args(Task))}.")


def _address(environment: Mapping[str, str]) -> str:
    if socket := environment.get("ENGINE_SOCKET"):
        return f"unix:{Path(socket).absolute()}"
    return f"http://127.0.0.1:{environment.get('ENGINE_PORT')}"


def _key(environment: Mapping[str, str]) -> str:
    if path := environment.get("ENGINE_KEY_FILE"):
        return Path(path).read_text().strip()
    return environment.get("ENGINE_KEY", "")


def _refuse_what_cannot_work(settings: Settings) -> None:
    if not settings.socket and not settings.port:
        raise ValueError("Set ENGINE_SOCKET or ENGINE_PORT: there is no address.")
    if settings.block_count * BLOCK_TOKENS < settings.context_tokens:
        raise ValueError(
            f"SIMULATOR_BLOCKS={settings.block_count} holds fewer tokens than one "
            f"context of {settings.context_tokens}: such a call would wait for ever."
        )
    if settings.max_sequences < 1 or settings.tokens_per_second < 0:
        raise ValueError("SIMULATOR_MAX_NUM_SEQS and the pace must be positive.")
    if not 1 <= settings.lease_tenant_percent <= 100:  # noqa: PLR2004 - of a hundred
        raise ValueError("LEASE_TENANT_PERCENT must be from 1 to 100.")
    if min(settings.lease_host_mib, settings.lease_disk_mib) < 0:
        raise ValueError("LEASE_HOST_MIB and LEASE_DISK_MIB must be 0 or more.")
