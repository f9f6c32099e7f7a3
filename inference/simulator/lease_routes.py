"""Routes by which the platform asks about leases, as the plugin in vLLM has them."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec

from inference.domain import lease_control as control
from inference.domain.lease_control import EVENTS_MAX, EventsAfter, StatusFor
from inference.simulator.errors import invalid_body
from inference.simulator.leases import Leases
from inference.simulator.requests import param_of
from inference.simulator.server import Exchange

PREFIX = "/v1/tokenfab/"
WAIT_SECONDS_MAX = 30.0
SWEEP_SECONDS = 1.0
"""While nothing runs no lease ends by itself, so whoever waits looks again."""

_ONE = re.compile(rf"{PREFIX}leases/([^/]+)(/extend)?")
_Query = TypeVar("_Query", bound=msgspec.Struct)


class _Whose(msgspec.Struct):
    tenant_id: str


class _Longer(_Whose):
    ttl_ms: int


class _After(msgspec.Struct):
    sequence: int = 0
    count_max: int = EVENTS_MAX
    wait_seconds: Annotated[float, msgspec.Meta(ge=0, le=WAIT_SECONDS_MAX)] = 0.0


class _KvAfter(msgspec.Struct):
    sequence: int = 0


class LeaseRoutes:
    def __init__(self, leases: Leases, *, look_again: Callable[[], None]) -> None:
        """`look_again` is called after an act that may have freed blocks."""
        self._leases = leases
        self._look_again = look_again
        self._waiting: set[asyncio.Task[None]] = set()

    def find(self, method: str, path: str) -> Callable[[Exchange], None] | None:
        return self._routes(path).get(method)

    def methods(self, path: str) -> list[str]:
        """Those that a refusal names: the first, as vLLM has a route for each."""
        return list(self._routes(path))[:1]

    def _routes(self, path: str) -> dict[str, Callable[[Exchange], None]]:
        match path.removeprefix(PREFIX):
            case "lease_status":
                return {"GET": self._status}
            case "leases":
                return {"GET": self._list}
            case "lease_events":
                return {"GET": self._events}
            case "kv_events":
                return {"GET": self._kv_events}
        one = _ONE.fullmatch(path)
        if one is None:
            return {}
        return (
            {"POST": self._extend}
            if one[2]
            else {"GET": self._get, "DELETE": self._release}
        )

    def _status(self, exchange: Exchange) -> None:
        asked = msgspec.structs.asdict(_query(exchange, StatusFor))
        self._respond(exchange, "status", asked)

    def _list(self, exchange: Exchange) -> None:
        self._answer_later(exchange, self._list_after_a_look(exchange))

    async def _list_after_a_look(self, exchange: Exchange) -> None:
        await self._leases.watch.look_if_due()
        self._respond(exchange, "list", {})

    def _get(self, exchange: Exchange) -> None:
        asked = _named(exchange, _Whose)
        self._answer_later(exchange, self._get_after_a_look(exchange, asked))

    async def _get_after_a_look(
        self, exchange: Exchange, asked: dict[str, Any]
    ) -> None:
        await self._leases.watch.prove(asked["lease_id"], asked["tenant_id"])
        self._respond(exchange, "get", asked)

    def _kv_events(self, exchange: Exchange) -> None:
        given = msgspec.structs.asdict(_query(exchange, _KvAfter))
        self._respond(exchange, "kv_events", given)

    def _release(self, exchange: Exchange) -> None:
        self._respond(exchange, "release", _named(exchange, _Whose))

    def _extend(self, exchange: Exchange) -> None:
        self._respond(exchange, "extend", _named(exchange, _Longer))

    def _respond(
        self, exchange: Exchange, operation: str, asked: dict[str, Any]
    ) -> None:
        exchange.respond(*control.answer(self._leases.keeper, operation, asked))
        self._leases.tell()
        self._look_again()

    def _events(self, exchange: Exchange) -> None:
        given = _query(exchange, _After)
        try:
            asked = msgspec.convert(given, EventsAfter, from_attributes=True)
        except msgspec.ValidationError as error:
            refusal = control.encoded({"error": str(error)})
            exchange.respond(HTTPStatus.BAD_REQUEST, refusal)
            return
        self._answer_later(exchange, self._wait(exchange, asked, given.wait_seconds))

    def _answer_later(
        self, exchange: Exchange, answer: Coroutine[None, None, None]
    ) -> None:
        waiting = asyncio.get_running_loop().create_task(answer)
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)
        exchange.on_gone = waiting.cancel

    async def _wait(
        self, exchange: Exchange, asked: EventsAfter, wait_seconds: float
    ) -> None:
        """Answers with the receipts after a number; none after `wait_seconds`.

        A number that was not reached yet is from before a restart, which is news too.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            await self._leases.watch.look_if_due()
            told = self._leases.events(asked)
            left = deadline - loop.time()
            if left <= 0 or told.last_sequence != asked.sequence:
                exchange.respond(HTTPStatus.OK, control.encoded(told))
                return
            await self._leases.next_receipt(seconds_max=min(left, SWEEP_SECONDS))


def _query(exchange: Exchange, form: type[_Query]) -> _Query:
    """Raises Refusal."""
    given = dict(parse_qsl(exchange.query, keep_blank_values=True))
    try:
        return msgspec.convert(given, form, strict=False)
    except msgspec.ValidationError as problem:
        raise invalid_body(str(problem), param_of(str(problem), "query")) from problem


def _named(exchange: Exchange, form: type[_Whose]) -> dict[str, Any]:
    """What the query says of the lease that the path names. Raises Refusal."""
    one = _ONE.fullmatch(exchange.path)
    lease_id = unquote(one[1]) if one else ""
    return msgspec.structs.asdict(_query(exchange, form)) | {"lease_id": lease_id}
