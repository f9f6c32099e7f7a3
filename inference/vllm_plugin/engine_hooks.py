"""The one file that touches what vLLM does not promise to keep.

Everything here is written against one version. `check` says so at the start, before a
changed attribute could corrupt a pool of blocks.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from vllm import envs
from vllm.distributed.kv_events import EventPublisher, EventPublisherFactory
from vllm.sampling_params import SamplingParams
from vllm.v1.core.block_pool import BlockPool
from vllm.v1.core.kv_cache_utils import KVCacheBlock, get_block_hash
from vllm.v1.engine.core import EngineCore
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig
from vllm.v1.request import Request, RequestStatus

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.core.kv_cache_manager import KVCacheManager

VLLM_VERSION = "0.32.0"

UTILITY = "tokenfab_leases"
"""Name of our method on the engine core, called from the API server."""

KV_PUBLISHER = "tokenfab"

_EXPECTED: dict[Callable[..., Any], tuple[str, ...]] = {
    BlockPool.touch: ("self", "blocks"),
    BlockPool.free_blocks: ("self", "ordered_blocks"),
    BlockPool.get_cached_block: ("self", "block_hash", "kv_cache_group_ids"),
    BlockPool.get_num_free_blocks: ("self",),
    EventPublisher.publish: ("self", "events"),
}


class EngineMismatchError(RuntimeError):
    """The lease plugin was written for another vLLM than this one."""


def check() -> None:
    """Raises EngineMismatchError."""
    installed = version("vllm").partition("+")[0]
    if installed != VLLM_VERSION:
        raise EngineMismatchError(
            f"The lease plugin is written for vLLM {VLLM_VERSION}, and this is "
            f"{installed}: read inference/vllm_plugin/engine_hooks.py against it, run "
            "tests/engine_contract, and raise VLLM_VERSION."
        )
    for function, parameters in _EXPECTED.items():
        if tuple(inspect.signature(function).parameters) != parameters:
            raise EngineMismatchError(
                f"{function.__qualname__} of this vLLM does not take {parameters}."
            )


def why_unsupported(config: "VllmConfig", cache: KVCacheConfig) -> str:
    """Empty: leases work for this model."""
    if len(cache.kv_cache_groups) != 1:
        return f"it has {len(cache.kv_cache_groups)} groups of KV cache, not one"
    spec = cache.kv_cache_groups[0].kv_cache_spec
    if type(spec) is not FullAttentionSpec:
        return f"its attention is {type(spec).__name__}, not full attention"
    if spec.sliding_window or spec.attention_chunk_size:
        return "its attention sees a window of the conversation"
    if not config.cache_config.enable_prefix_caching:
        return "its prefix cache is off"
    if config.parallel_config.data_parallel_size > 1:
        return "several engine cores share its address"
    return ""


def block_bytes(config: "VllmConfig", cache: KVCacheConfig) -> int:
    """Of one block in all layers, on all workers that hold a share of it."""
    group = cache.kv_cache_groups[0]
    workers = config.parallel_config.tensor_parallel_size
    return group.kv_cache_spec.page_size_bytes * len(group.layer_names) * workers


def publish_kv_events(config: "VllmConfig", publisher: EventPublisher) -> bool:
    """To `publisher`, before the scheduler makes its own. False: the engine was started
    without events, with numbers for hashes, or with a publisher that somebody chose.
    """
    events = config.kv_events_config
    is_told = events is not None and events.enable_kv_cache_events
    if not is_told or envs.VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES:
        return False
    if events.publisher != "null":
        return False
    EventPublisherFactory.register_publisher(KV_PUBLISHER, lambda **_: publisher)
    # The command line knows the two by name that vLLM brings.
    events.publisher = KV_PUBLISHER
    return True


def name_blocks(
    block_hasher: Callable[[Request], list[bytes]], tokens: Sequence[int], salt: str
) -> list[bytes]:
    """As the engine core names the blocks of a request with these tokens."""
    request = Request(
        "probe",
        list(tokens),
        SamplingParams(max_tokens=1),
        None,
        cache_salt=salt,
        block_hasher=block_hasher,
    )
    return list(request.block_hashes)


def install_utility(method: Callable[..., Any]) -> None:
    """Makes `method(core, ...)` callable on the engine core from the API server."""
    setattr(EngineCore, UTILITY, method)


async def call_utility(
    engine_client: Any, operation: str, arguments: dict[str, Any]
) -> Any:
    """From the API server; what the installed method returns."""
    core = engine_client.engine_core
    return await core.call_utility_async(UTILITY, operation, arguments)


def connectors_of(core: EngineCore) -> list[Any]:
    connector = core.scheduler.get_kv_connector()
    return list(getattr(connector, "sub_connectors", [connector]))


def is_aborted(request: Request) -> bool:
    finished = (
        RequestStatus.FINISHED_STOPPED,
        RequestStatus.FINISHED_LENGTH_CAPPED,
        RequestStatus.FINISHED_REPETITION,
    )
    return request.status not in finished


def is_waiting(request: Request) -> bool:
    """For room alone, and not for a grammar or for blocks on their way."""
    return request.status in {RequestStatus.WAITING, RequestStatus.PREEMPTED}


class EnginePool:
    """vLLM's blocks by their number. A pin is one more owner in `ref_cnt`: a block that
    has an owner is not in the free queue, and so cannot be evicted.
    """

    def __init__(self, manager: "KVCacheManager") -> None:
        self._pool: BlockPool = manager.block_pool
        self._watermark_blocks: int = manager.watermark_blocks
        self.block_tokens: int = self._pool.hash_block_size
        # One is vLLM's null block.
        self.blocks = self._pool.num_gpu_blocks - 1

    def pin(self, blocks: Sequence[int]) -> None:
        self._pool.touch([self._pool.blocks[block] for block in blocks])

    def free(self, blocks: Sequence[int]) -> None:
        """The first is evicted first."""
        self._pool.free_blocks([self._pool.blocks[block] for block in blocks])

    def leading_full(self, request: Request, block_ids: Sequence[int]) -> list[int]:
        """The request's first blocks that are full and can be found again."""
        found = []
        for block_id, name in zip(block_ids, request.block_hashes, strict=False):
            block = self._pool.blocks[block_id]
            if block.is_null or not _is_named(block, name):
                break
            found.append(block_id)
        return found

    def hits(self, request: Request, tokens: int) -> list[KVCacheBlock]:
        """The cached blocks that hold the first `tokens` of the request."""
        names = request.block_hashes[: tokens // self.block_tokens]
        found = [self._pool.get_cached_block(name, [0]) for name in names]
        return [blocks[0] for blocks in found if blocks]

    def missing(self, request: Request, hits: Sequence[KVCacheBlock]) -> int:
        """Blocks that must become free before the request fits, as the scheduler counts
        (`allocate_slots`): cached blocks without an owner are free and wanted at once.
        """
        wanted = -(-(request.num_tokens + 1) // self.block_tokens) - len(hits)
        unowned = sum(block.ref_cnt == 0 for block in hits)
        return wanted + unowned + self._watermark_blocks - self.free_blocks

    def names(self) -> list[bytes]:
        """By which blocks are found; of two that are the same, twice."""
        blocks = self._pool.blocks
        return [get_block_hash(one.block_hash) for one in blocks if one.block_hash]

    @property
    def free_blocks(self) -> int:
        return self._pool.get_num_free_blocks()


def _is_named(block: KVCacheBlock, name: bytes) -> bool:
    return block.block_hash is not None and get_block_hash(block.block_hash) == name
