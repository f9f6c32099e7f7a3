"""Answers in the engine core what `control_api.py` asks from the API server."""

from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from inference.domain import lease_control as control
from inference.domain.hash_probe import why_unprovable
from inference.domain.lease_keeper import LeaseKeeper
from inference.vllm_plugin import engine_hooks
from inference.vllm_plugin.feed import ReceiptWaiters

Answer = list[Any]
"""HTTP status and JSON bytes."""


class HoldsLeases(Protocol):
    keeper: LeaseKeeper
    waiters: ReceiptWaiters


def core_answer(
    core: Any, operation: str, arguments: dict[str, Any]
) -> Answer | Future[int]:
    """`core` is vLLM's engine core. `wait` is answered when there is a receipt after
    `sequence`, everything else at once; `begin`, with the status, comes first.
    """
    connector = _connector(core)
    if operation == "begin":
        _probe(core, connector.keeper)
        operation = "status"
    if operation == "wait":
        sequence = int(arguments["sequence"])
        return connector.waiters.next_after(sequence, connector.keeper.feed)
    status, body = control.answer(connector.keeper, operation, arguments)
    connector.waiters.wake(connector.keeper.feed)
    return [int(status), body]


def _probe(core: Any, keeper: LeaseKeeper) -> None:
    if not keeper.facts.unsupported:
        names = partial(engine_hooks.name_blocks, core.request_block_hasher)
        keeper.stop_if(why_unprovable(names, block_tokens=keeper.facts.block_tokens))


def _connector(core: Any) -> HoldsLeases:
    found: HoldsLeases = next(
        one for one in engine_hooks.connectors_of(core) if hasattr(one, "keeper")
    )
    return found
