"""What a lease adds to a call: a look before it is held, terms for the engine, and the
engine's word on them after its answer; and what is noted in the answer.
"""

import asyncio
import logging
from collections.abc import Callable

from metering.proxy.ending import EndingCall, State, engine_use
from metering.proxy.errors import RefusedError
from metering.proxy.lease_sizing import LeaseSizing
from metering.proxy.lease_turn import LeaseTurn
from metering.proxy.settle import Use
from metering.proxy.transform.notes import with_note
from metering.proxy.transform.request import with_terms
from metering.proxy.usage import Usage, cost_femto_usd, usd
from metering.wire import Outcome

_log = logging.getLogger(__name__)
_CONCLUDE_SECONDS_MAX = 0.25
_RECEIPT = "kv_transfer_params"
"""Member of an answer: the engine's word on a lease, meant for us."""


class LeasingCall(EndingCall):
    __slots__ = ()

    def _prepare(self, turn: LeaseTurn, then: Callable[[], None]) -> None:
        self._task = asyncio.create_task(self._preparing(turn, then))

    async def _preparing(self, turn: LeaseTurn, then: Callable[[], None]) -> None:
        router, route = self._plane.router, self._admission.route
        refusal: RefusedError | None = None
        try:
            await turn.prepare(lambda: router.admitted(route))
            await self._sizing().size(turn)
        except RefusedError as error:
            refusal = error
        if self._state is not State.HOLDING:  # it was cut short meanwhile
            turn.stop_waiting()
        elif refusal is not None:
            self._refuse(refusal)
        else:
            then()

    def _sizing(self) -> LeaseSizing:
        return LeaseSizing(
            self._plane.counting,
            self._admission,
            self._request,
            cache_salt=self._policy.cache_salt,
        )

    def _body_with_terms(self, turn: LeaseTurn) -> bytes:
        terms = turn.terms_for(self._engine) if self._engine is not None else ""
        return with_terms(self._body, terms) if terms else self._body

    @property
    def _has_notes(self) -> bool:
        return self._request.asked.wants_cost or self._turn is not None

    def _conclude(self, then: Callable[[], None]) -> None:
        """The engine has answered; what it did with a lease is still to be heard."""
        if self._turn is None:
            then()
            return
        self._state = State.RECORDING
        self._set_deadline(self._plane.settings.durable_seconds)
        self._task = asyncio.create_task(self._concluding(self._turn, then))

    async def _concluding(self, turn: LeaseTurn, then: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(_CONCLUDE_SECONDS_MAX):
                await turn.conclude()
        except TimeoutError:
            _log.warning("request %s: nobody keeps its lease", self.request_id)
        finally:
            then()  # the call itself is billed in any case

    def _use(self, usage: Usage) -> Use:
        use = engine_use(
            usage, Outcome.COMPLETED if self._client else Outcome.CLIENT_GONE
        )
        return use if self._turn is None else self._turn.applied_to(use)

    def _noted(
        self,
        path: tuple[str, ...],
        use: Use,
        answer: bytes,
        *,
        shows_usage: bool = True,
    ) -> bytes:
        usage = use.usage
        if self._request.asked.wants_cost:
            cost = usd(cost_femto_usd(usage, self._admission.price))
            answer = with_note(answer, path, "cost", cost)
        if self._turn is None:
            return answer
        hidden = () if shows_usage else ("usage",)
        document = self._turn.document(usage)
        return with_note(
            answer, path[:-1], "kv_lease", document, without=(_RECEIPT, *hidden)
        )
