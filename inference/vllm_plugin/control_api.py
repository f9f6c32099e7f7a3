"""Routes by which the platform lists, extends and releases leases, and reads receipts.

They lie below `/v1`, where vLLM asks for the engine's bearer key, on its unix socket.
The proxy lets no caller's request through to them.
"""

import asyncio
from argparse import Namespace
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, Query, Request, Response
from starlette.datastructures import State
from vllm.engine.protocol import EngineClient

from inference.domain.lease_control import EVENTS_MAX, LeaseEvents
from inference.kv_watch import KvWatch
from inference.vllm_plugin import engine_hooks

WAIT_SECONDS_MAX = 30.0
SWEEP_SECONDS = 1.0
"""An idle engine ends no lease by itself, so whoever waits for receipts asks anew."""

WaitSeconds = Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX)]
router = APIRouter(prefix="/v1/tokenfab")


class LeaseRoutes:
    """An endpoint plugin of vLLM."""

    name = "tokenfab_leases"
    required_tasks = ("generate",)

    def attach_router(self, app: FastAPI) -> None:
        app.include_router(router)

    async def init_state(
        self, engine_client: EngineClient | None, state: State, args: Namespace
    ) -> None:
        del args
        leases = EngineCoreLeases(engine_client)
        code, _ = await leases.ask("begin", {})
        assert code == HTTPStatus.OK  # noqa: S101 - it is asked for nothing else
        state.tokenfab_leases = leases


class EngineCoreLeases:
    def __init__(self, engine_client: Any) -> None:
        self._engine = engine_client
        self._next: asyncio.Task[Any] | None = None
        self.watch = KvWatch(self.ask)

    async def ask(self, operation: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        """HTTP status and JSON."""
        told = await engine_hooks.call_utility(self._engine, operation, asked)
        return told[0], told[1]

    async def next_receipt(self, sequence: int, *, seconds_max: float) -> None:
        """One question in the core for all who wait here, since it stays there until
        there is a receipt.
        """
        if self._next is None or self._next.done():
            asked = {"sequence": sequence}
            wait = engine_hooks.call_utility(self._engine, "wait", asked)
            self._next = asyncio.create_task(wait)
        await asyncio.wait([self._next], timeout=seconds_max)


@router.get("/lease_status")
async def status(request: Request, tenant_id: str = "") -> Response:
    return _json(*await _leases(request).ask("status", {"tenant_id": tenant_id}))


@router.get("/leases")
async def list_leases(request: Request) -> Response:
    leases = _leases(request)
    await leases.watch.look_if_due()
    return _json(*await leases.ask("list", {}))


@router.get("/leases/{lease_id}")
async def get(request: Request, lease_id: str, tenant_id: str) -> Response:
    leases = _leases(request)
    await leases.watch.prove(lease_id, tenant_id)
    asked = {"lease_id": lease_id, "tenant_id": tenant_id}
    return _json(*await leases.ask("get", asked))


@router.delete("/leases/{lease_id}")
async def release(request: Request, lease_id: str, tenant_id: str) -> Response:
    asked = {"lease_id": lease_id, "tenant_id": tenant_id}
    return _json(*await _leases(request).ask("release", asked))


@router.post("/leases/{lease_id}/extend")
async def extend(
    request: Request, lease_id: str, tenant_id: str, ttl_ms: int
) -> Response:
    asked = {"lease_id": lease_id, "tenant_id": tenant_id, "ttl_ms": ttl_ms}
    return _json(*await _leases(request).ask("extend", asked))


@router.get("/kv_events")
async def kv_events(request: Request, sequence: int = 0) -> Response:
    """What the pool of blocks told after `sequence`, as `KvEvents`: by which whoever
    doubts us can verify leases too.
    """
    return _json(*await _leases(request).ask("kv_events", {"sequence": sequence}))


@router.get("/lease_events")
async def events(
    request: Request,
    sequence: int = 0,
    count_max: int = EVENTS_MAX,
    wait_seconds: WaitSeconds = 0.0,
) -> Response:
    """The receipts after `sequence`; none after `wait_seconds`.

    An answer of another epoch than the last one means: begin again at 0.
    """
    leases, loop = _leases(request), asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    asked = {"sequence": sequence, "count_max": count_max}
    while True:
        await leases.watch.look_if_due()
        code, body = await leases.ask("events", asked)
        left = deadline - loop.time()
        if code != HTTPStatus.OK or left <= 0 or _has_news(body, sequence):
            return _json(code, body)
        await leases.next_receipt(sequence, seconds_max=min(left, SWEEP_SECONDS))


def _has_news(body: bytes, sequence: int) -> bool:
    """A number that was not reached yet is from before a restart, which is news too."""
    return msgspec.json.decode(body, type=LeaseEvents).last_sequence != sequence


def _leases(request: Request) -> EngineCoreLeases:
    found: EngineCoreLeases = request.app.state.tokenfab_leases
    return found


def _json(code: int, body: bytes) -> Response:
    return Response(body, status_code=code, media_type="application/json")
