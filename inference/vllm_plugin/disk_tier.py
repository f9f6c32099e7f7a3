"""A tier on disk below host memory, for the blocks of leases alone.

One file of fixed places that is mapped into memory, so that copies are those of the
host tier and the kernel writes them out. It has no name: nobody else can open it, and
nothing of it outlives the engine. Blocks are copied there while they are made, as into
host memory: going down is letting go above.
"""

import math
import mmap
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from vllm.distributed.kv_transfer.kv_connector.v1.offloading_connector import (
    OffloadingConnector,
)
from vllm.platforms import current_platform
from vllm.v1.kv_offload.base import Medium, OffloadingWorker

from inference.vllm_plugin.host_tier import (
    HostTierSpec,
    MemoryToMemoryWorker,
    manager_of,
)

if TYPE_CHECKING:
    from vllm.v1.kv_offload.base import CanonicalKVCaches
    from vllm.v1.request import Request


class DiskTierSpec(HostTierSpec):
    medium = Medium.STORAGE

    def get_worker(self, kv_caches: "CanonicalKVCaches") -> OffloadingWorker:
        if not current_platform.is_cpu():
            raise RuntimeError("There is no disk tier for engines with a GPU yet.")
        if self._worker is None:
            folder = Path(self.extra_config["folder"])
            self._worker = MemoryToMemoryWorker(
                kv_caches,
                self.num_chunks,
                allocate=lambda shape, dtype: mapped(folder, shape, dtype),
            )
        return self._worker


def mapped(folder: Path, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Its bytes lie on disk. Raises OSError if there is no room for all of them."""
    size = math.prod(shape) * dtype.itemsize
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=folder) as file:
        # All of it now: a full disk would kill the engine when it writes later.
        os.posix_fallocate(file.fileno(), 0, size)
        memory = mmap.mmap(file.fileno(), size)
    return torch.frombuffer(memory, dtype=dtype).view(shape)


class DiskConnector(OffloadingConnector):
    """Takes part where host memory has less of a prompt."""

    def get_num_new_matched_tokens(
        self, request: "Request", num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        if self._blocks_in(Medium.STORAGE, request, num_computed_tokens) <= (
            self._blocks_in(Medium.CPU, request, num_computed_tokens)
        ):
            return 0, False
        return super().get_num_new_matched_tokens(request, num_computed_tokens)

    def _blocks_in(
        self, medium: Medium, request: "Request", computed_tokens: int
    ) -> int:
        assert self._vllm_config.kv_transfer_config is not None  # noqa: S101 - it is ours
        engine_id = self._vllm_config.kv_transfer_config.engine_id
        manager = manager_of(engine_id, medium)
        first = computed_tokens // self._vllm_config.cache_config.block_size
        return manager.leading(request.block_hashes[first:]) if manager else 0

    # vLLM's own figures of offloading are those of host memory.

    def get_kv_connector_stats(self) -> None:
        return None

    @classmethod
    def build_prom_metrics(cls, *_: Any, **__: Any) -> None:
        return None
