"""Holds KV blocks for leases, from inside vLLM's scheduler.

vLLM calls a KV connector at each moment of a request's life. This one moves no KV: it
is an owner of blocks beside the requests, so that they outlive the turn.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
    SupportsHMA,
)
from vllm.logger import init_logger
from vllm.v1.kv_offload.base import Medium

from inference.domain.kv_feed import KvFeed
from inference.domain.lease_caps import caps_of
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_keeper import EngineFacts, LeaseKeeper
from inference.domain.lease_receipt import LeaseReceipt, public_form
from inference.domain.lease_terms import Tier, derive_key
from inference.vllm_plugin import engine_hooks
from inference.vllm_plugin.core_method import core_answer
from inference.vllm_plugin.feed import ReceiptWaiters
from inference.vllm_plugin.host_tier import LeasedOnlyManager, manager_of
from inference.vllm_plugin.kv_events import FeedPublisher

if TYPE_CHECKING:
    import torch
    from vllm.config import VllmConfig
    from vllm.distributed.kv_events import KVCacheEvent
    from vllm.forward_context import ForwardContext
    from vllm.v1.attention.backend import AttentionMetadata
    from vllm.v1.core.kv_cache_manager import KVCacheBlocks, KVCacheManager
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.kv_cache_interface import KVCacheConfig
    from vllm.v1.request import Request

logger = init_logger(f"vllm.{__name__}")

PARAMETER = "lease"
"""Member of `kv_transfer_params`, in the request and in the answer."""

Finished = tuple[bool, dict[str, Any] | None]


class NothingToMove(KVConnectorMetadata):
    """What the scheduler's half tells the workers' half."""


class LeaseConnector(KVConnectorBase_V1, SupportsHMA):
    def __init__(
        self,
        vllm_config: "VllmConfig",
        role: KVConnectorRole,
        kv_cache_config: "KVCacheConfig",
    ) -> None:
        """Raises EngineMismatchError."""
        super().__init__(vllm_config, role, kv_cache_config)
        self._kv: KvFeed | None = None
        if role is KVConnectorRole.SCHEDULER:
            engine_hooks.check()
            engine_hooks.install_utility(core_answer)
            feed = KvFeed()
            if engine_hooks.publish_kv_events(vllm_config, FeedPublisher(feed)):
                self._kv = feed
        asked = vllm_config.kv_transfer_config
        self._engine_id = asked.engine_id
        self._tenant_percent = int(asked.kv_connector_extra_config["tenant_percent"])
        self._config = vllm_config
        self._cache = kv_cache_config
        self._requests: dict[str, Request] = {}
        self.waiters = ReceiptWaiters()

    @property
    def requires_kv_delivery(self) -> bool:
        """No: a lost lease is never a reason to compute anything again."""
        return False

    def bind_kv_cache_manager(self, kv_cache_manager: "KVCacheManager") -> None:
        self.pool = engine_hooks.EnginePool(kv_cache_manager)
        memory = manager_of(self._engine_id, Medium.CPU)
        disk = manager_of(self._engine_id, Medium.STORAGE)
        self.keeper = LeaseKeeper(
            self._facts(),
            key=derive_key(_engine_key()),
            pool=self.pool,
            clock_ms=steady_clock_ms(),
            host=self._holdings(memory, Tier.HOST),
            disk=self._holdings(disk, Tier.DISK),
            kv=self._kv,
        )
        if memory:
            memory.is_leasing = self.keeper.is_for_host
        if disk:
            disk.is_leasing = self.keeper.is_for_disk
        if why := self.keeper.facts.unsupported:
            logger.warning("No KV leases from this engine: %s.", why)
        if self._kv is None:
            logger.warning("No KV events from this engine: leases are not verified.")

    def _holdings(
        self, memory: LeasedOnlyManager | None, tier: Tier
    ) -> LowerHoldings | None:
        percent = self._tenant_percent
        return memory and LowerHoldings(memory, tenant_percent=percent, tier=tier)

    def _facts(self) -> EngineFacts:
        config, cache = self._config, self._cache
        tokens = self.pool.block_tokens
        caps = caps_of(
            self.pool.blocks,
            running_blocks=-(-config.model_config.max_model_len // tokens),
            tenant_percent=self._tenant_percent,
        )
        return EngineFacts(
            engine_id=self._engine_id,
            epoch=str(time.time_ns() // 1_000_000),
            block_tokens=tokens,
            block_bytes=engine_hooks.block_bytes(config, cache),
            pool_blocks=self.pool.blocks,
            caps=caps,
            unsupported=engine_hooks.why_unsupported(config, cache) or _why_unsafe(),
        )

    # The life of a request, as the scheduler tells it.

    def on_new_request(self, request: "Request") -> None:
        self._requests[request.request_id] = request
        text = (request.kv_transfer_params or {}).get(PARAMETER)
        if text is None:
            return
        if rejection := self.keeper.arrived(request.request_id, text):
            logger.warning("Lease terms rejected: %s.", rejection)

    def get_num_new_matched_tokens(
        self, request: "Request", num_computed_tokens: int
    ) -> tuple[int, bool]:
        """Asked before a waiting request gets its blocks: leases give way to it."""
        if self.keeper.table.holdings.held_blocks:
            self._make_room(request, cached_tokens=num_computed_tokens)
        return 0, False

    def update_state_after_alloc(
        self, request: "Request", blocks: "KVCacheBlocks", num_external_tokens: int
    ) -> None:
        pass

    def has_pending_block_frees(self) -> bool:
        """Asked before a running request is preempted for want of a block. True: it
        waits for the next step instead, in which there is one.
        """
        before = self.pool.free_blocks
        return self.keeper.make_room(lambda: before + 1 - self.pool.free_blocks)

    def build_connector_meta(
        self, scheduler_output: "SchedulerOutput"
    ) -> KVConnectorMetadata:
        """Asked once in each step."""
        self.keeper.sweep()
        if not scheduler_output.total_num_scheduled_tokens:
            self._end_starvation()
        return NothingToMove()

    def request_finished(self, request: "Request", block_ids: list[int]) -> Finished:
        return self.request_finished_all_groups(request, (block_ids,))

    def request_finished_all_groups(
        self, request: "Request", block_ids: tuple[list[int], ...]
    ) -> Finished:
        """Asked before the request gives its blocks back; for aborted ones too."""
        self._requests.pop(request.request_id, None)
        receipt = self._end_turn(request, block_ids[0] if block_ids else [])
        return False, {PARAMETER: public_form(receipt)} if receipt else None

    def take_events(self) -> Iterable["KVCacheEvent"]:
        """Asked at the end of each step, when all its receipts are written."""
        self.waiters.wake(self.keeper.feed)
        return ()

    def reset_cache(self) -> None:
        """The prefix cache is forgotten; leased blocks had kept vLLM from that."""
        self.keeper.lose_all()

    def _end_turn(
        self, request: "Request", block_ids: list[int]
    ) -> LeaseReceipt | None:
        if engine_hooks.is_aborted(request):
            return self.keeper.came_to_nothing(request.request_id)
        return self.keeper.finished(
            request.request_id,
            blocks=self.pool.leading_full(request, block_ids),
            hashes=request.block_hashes,
        )

    def _make_room(self, request: "Request", *, cached_tokens: int) -> None:
        if self.pool.missing(request, ()) <= 0:
            return  # fits even if nothing of it is cached; asked in each step, so cheap
        hits = self.pool.hits(request, cached_tokens)
        self.keeper.make_room(
            lambda: self.pool.missing(request, hits),
            spared={block.block_id for block in hits},
        )

    def _end_starvation(self) -> None:
        """Nothing could be scheduled. A request that has some of its blocks is not
        asked about before it waits for the others, so it is looked for here.
        """
        if not self.keeper.table.holdings.held_blocks:
            return
        for request in self._requests.values():
            if engine_hooks.is_waiting(request):
                self._make_room(request, cached_tokens=0)
                return

    # The workers' half: no KV moves.

    def start_load_kv(self, forward_context: "ForwardContext", **_: Any) -> None:
        pass

    def wait_for_layer_load(self, layer_name: str) -> None:
        pass

    def save_kv_layer(
        self,
        layer_name: str,
        kv_layer: "torch.Tensor",
        attn_metadata: "AttentionMetadata",
        **_: Any,
    ) -> None:
        pass

    def wait_for_save(self) -> None:
        pass


def _engine_key() -> str:
    return os.environ.get("VLLM_API_KEY", "")


def _why_unsafe() -> str:
    return "" if _engine_key() else "VLLM_API_KEY is not set, so anybody could sign"


def steady_clock_ms() -> Callable[[], int]:
    """Milliseconds since 1970 that never jump: the wall clock is read once."""
    start = time.time_ns() - time.monotonic_ns()
    return lambda: (start + time.monotonic_ns()) // 1_000_000
