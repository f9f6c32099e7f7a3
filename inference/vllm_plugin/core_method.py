"""Answers in the engine core what `control_api.py` asks from the API server."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from inference.domain import lease_control as control
from inference.domain.lease_keeper import LeaseKeeper
from inference.domain.lease_table import UnknownLeaseError
from inference.vllm_plugin import engine_hooks
from inference.vllm_plugin.feed import ReceiptWaiters

Answer = list[Any]
"""HTTP status and JSON bytes."""

_OPERATIONS: dict[str, tuple[Callable[..., Any], type | None]] = {
    "status": (control.status, None),
    "list": (control.list_leases, None),
    "get": (control.get, control.OneLease),
    "extend": (control.extend, control.Extension),
    "release": (control.release, control.OneLease),
    "events": (control.events, control.EventsAfter),
}


class HoldsLeases(Protocol):
    keeper: LeaseKeeper
    waiters: ReceiptWaiters


def core_answer(
    core: Any, operation: str, arguments: dict[str, Any]
) -> Answer | Future[int]:
    """`core` is vLLM's engine core. `wait` is answered when there is a receipt after
    `sequence`, everything else at once.
    """
    connector = _connector(core)
    if operation == "wait":
        sequence = int(arguments["sequence"])
        return connector.waiters.next_after(sequence, connector.keeper.feed)
    told = _act(connector.keeper, operation, arguments)
    connector.waiters.wake(connector.keeper.feed)
    return told


def _connector(core: Any) -> HoldsLeases:
    found: HoldsLeases = next(
        one for one in engine_hooks.connectors_of(core) if hasattr(one, "keeper")
    )
    return found


def _act(keeper: LeaseKeeper, operation: str, arguments: dict[str, Any]) -> Answer:
    act, form = _OPERATIONS[operation]
    try:
        if form is None:
            return [200, control.encoded(act(keeper))]
        return [200, control.encoded(act(keeper, msgspec.convert(arguments, form)))]
    except msgspec.ValidationError as error:
        return [400, control.encoded({"error": str(error)})]
    except UnknownLeaseError:
        return [404, control.encoded({"error": "There is no such lease."})]
