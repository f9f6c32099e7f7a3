"""Host memory below HBM, for the blocks of leases alone.

vLLM's offloading connector copies blocks down while they are made, and up again when a
prompt begins with them. Its manager, eviction policy and worker can be one's own:

- `LeasedOnlyManager` copies nothing that no lease pays for, so that a request without
  one costs what it did before;
- `KeptFirst` evicts nothing that a lease keeps;
- `HostTierSpec` brings a worker for engines without a GPU, which the built-in refuses.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from vllm.platforms import current_platform
from vllm.v1.kv_offload.base import (
    Medium,
    OffloadingEvent,
    OffloadingWorker,
    OffloadPolicy,
    PrepareStoreOutput,
    RequestOffloadingContext,
    TransferResult,
    get_offload_block_hash,
    make_offload_key,
)
from vllm.v1.kv_offload.cpu.manager import CPUOffloadingManager
from vllm.v1.kv_offload.cpu.policies.base import CachePolicy, ChunkStatus
from vllm.v1.kv_offload.cpu.spec import CPUOffloadingSpec

from inference.domain.host_chunks import HostChunks

if TYPE_CHECKING:
    from vllm.v1.kv_offload.base import (
        BlockIDsLoadStoreSpec,
        CanonicalKVCaches,
        OffloadingManager,
        OffloadKey,
        ReqContext,
    )


class KeptFirst(HostChunks[ChunkStatus], CachePolicy):
    def __init__(self, cache_capacity: int) -> None:
        HostChunks.__init__(self)
        CachePolicy.__init__(self, cache_capacity)


@dataclass(frozen=True)
class _Leasing:
    """Noted when a request arrives: its last blocks come after its turn has ended."""

    is_leasing: bool


class LeasedOnlyManager(CPUOffloadingManager):
    def __init__(self, num_chunks: int, *, enable_events: bool, medium: Medium) -> None:
        super().__init__(
            num_chunks,
            cache_policy=KeptFirst.__name__,
            cache_policy_module_path=__name__,
            enable_events=enable_events,
        )
        self.medium = medium
        self.blocks = num_chunks
        self.is_leasing: Callable[[str], bool] = lambda _: False

    def on_new_request(self, req_context: "ReqContext") -> RequestOffloadingContext:
        super().on_new_request(req_context)
        noted = _Leasing(self.is_leasing(req_context.req_id))
        req_context.set_state(noted)
        # An earlier turn may have kept its blocks in HBM alone.
        return RequestOffloadingContext(
            policy=OffloadPolicy.REQUEST_LEVEL
            if noted.is_leasing
            else OffloadPolicy.CHUNK_LEVEL
        )

    def prepare_store(
        self, keys: Collection["OffloadKey"], req_context: "ReqContext"
    ) -> PrepareStoreOutput | None:
        noted = req_context.get_state(_Leasing)
        is_leasing = noted is not None and noted.is_leasing
        return super().prepare_store(keys if is_leasing else (), req_context)

    def keep(self, hashes: Sequence[bytes]) -> None:
        self._policy.keep(map(_key, hashes))

    def let_go(self, hashes: Sequence[bytes]) -> None:
        self._policy.let_go(map(_key, hashes))

    def names(self) -> list[bytes]:
        return [get_offload_block_hash(key) for key in self._policy.ready()]

    def reset_cache(self) -> None:
        """That of vLLM tells nobody."""
        if self.events is not None and (gone := self._policy.ready()):
            told = OffloadingEvent(keys=gone, medium=self.medium, removed=True)
            self.events.append(told)
        super().reset_cache()

    def leading(self, hashes: Sequence[bytes]) -> int:
        for index, name in enumerate(hashes):
            if not self._policy.is_there(_key(name)):
                return index
        return len(hashes)


def _key(block_hash: bytes) -> "OffloadKey":
    return make_offload_key(block_hash, 0)


_managers: dict[tuple[str, Medium], LeasedOnlyManager] = {}


def manager_of(engine_id: str, medium: Medium) -> LeasedOnlyManager | None:
    """In the process of the scheduler. None: the engine has no such tier."""
    return _managers.get((engine_id, medium))


class HostTierSpec(CPUOffloadingSpec):
    medium = Medium.CPU
    _manager: LeasedOnlyManager | None
    _worker: OffloadingWorker | None

    def get_manager(self) -> "OffloadingManager":
        if self._manager is None:
            self._manager = LeasedOnlyManager(
                self.num_chunks,
                enable_events=self.kv_events_config.enable_kv_cache_events,
                medium=self.medium,
            )
            _managers[self.config.engine_id, self.medium] = self._manager
        return self._manager

    def get_worker(self, kv_caches: "CanonicalKVCaches") -> OffloadingWorker:
        if not current_platform.is_cpu():
            return super().get_worker(kv_caches)
        if self._worker is None:
            self._worker = MemoryToMemoryWorker(kv_caches, self.num_chunks)
        return self._worker


class MemoryToMemoryWorker(OffloadingWorker):
    """Both tiers are host memory, or look like it; a copy is over when it returns. One
    block a chunk.
    """

    def __init__(
        self,
        kv_caches: "CanonicalKVCaches",
        chunks: int,
        *,
        allocate: Callable[..., torch.Tensor] = torch.empty,
    ) -> None:
        self._above = [one.tensor for one in kv_caches.tensors]
        self._below = [
            allocate((chunks, *one.shape[1:]), dtype=one.dtype) for one in self._above
        ]
        self._done: list[TransferResult] = []

    def submit_store(
        self,
        job_id: int,
        src_spec: "BlockIDsLoadStoreSpec",
        dst_spec: "BlockIDsLoadStoreSpec",
    ) -> bool:
        self._copy(job_id, (self._above, src_spec), (self._below, dst_spec))
        return True

    def submit_load(
        self,
        job_id: int,
        src_spec: "BlockIDsLoadStoreSpec",
        dst_spec: "BlockIDsLoadStoreSpec",
    ) -> bool:
        self._copy(job_id, (self._below, src_spec), (self._above, dst_spec))
        return True

    def get_finished(self) -> list[TransferResult]:
        done, self._done = self._done, []
        return done

    def wait(self, job_ids: set[int]) -> None:
        pass

    def _copy(
        self, job_id: int, source: tuple[Any, Any], target: tuple[Any, Any]
    ) -> None:
        taken, given = _indices(source[1]), _indices(target[1])
        for above, below in zip(source[0], target[0], strict=True):
            below.index_copy_(0, given, above.index_select(0, taken))
        self._done.append(TransferResult(job_id, success=True))


def _indices(spec: "BlockIDsLoadStoreSpec") -> torch.Tensor:
    return torch.from_numpy(spec.block_ids.astype("int64"))
