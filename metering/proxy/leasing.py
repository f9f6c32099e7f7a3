"""What a lease or a cached prompt adds to a call: a look before it is held, terms for
the engine, and the engine's word on them after its answer; and what is noted in it.
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
from metering.proxy.upstream import Engine
from metering.proxy.usage import Usage, amount_text, cost_femtos
from metering.wire import Outcome

_log = logging.getLogger(__name__)
_CONCLUDE_SECONDS_MAX = 0.25
_RECEIPT = "kv_transfer_params"
"""Member of an answer: the engine's word on a lease, meant for us."""


class LeasingCall(EndingCall):
    __slots__ = ()

    def _prepare(self, then: Callable[[], None]) -> None:
        self._task = asyncio.create_task(self._preparing(then))

    async def _preparing(self, then: Callable[[], None]) -> None:
        refusal: RefusedError | None = None
        try:
            if self._request.prompt_name:
                await self._find_prompt()
            if self._turn is not None:
                await self._turn.prepare(self._engines)
                await self._sizing().size(self._turn)
        except RefusedError as error:
            refusal = error
        if self._state is not State.HOLDING:  # it was cut short meanwhile
            if self._turn is not None:
                self._turn.stop_waiting()
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

    async def _find_prompt(self) -> None:
        """Raises RefusedError."""
        found = await self._plane.prompts.named(
            self._request,
            self._policy,
            model=self._admission.route.model,
            at_ms=self._received_at_us // 1000,
        )
        self._take_up(found)

    def _engines(self) -> list[Engine]:
        """Those that the call may go to, the best first."""
        turn, router = self._turn, self._plane.router
        held_tokens = turn.held_tokens if turn is not None else {}
        return router.ranked(self._admission.route, held_tokens)

    def _body_with_terms(self, turn: LeaseTurn) -> bytes:
        terms = turn.terms_for(self._engine) if self._engine is not None else ""
        return with_terms(self._body, terms) if terms else self._body

    @property
    def _has_notes(self) -> bool:
        return self._request.asked.wants_cost or self._turn is not None

    @property
    def _is_unasked(self) -> bool:
        """There is nothing to note but a cached prompt that the caller did not name: in
        a stream that would be an event that no client waits for.
        """
        request = self._request
        is_asked = request.lease or request.prompt_name or request.asked.wants_usage
        return not is_asked

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
            femtos = cost_femtos(use.charged_usage, self._admission.price)
            answer = with_note(answer, path, "cost", amount_text(femtos))
            answer = with_note(answer, path, "currency", self._policy.currency)
        if self._turn is None:
            return answer
        result = self._turn.result
        notes: dict[str, object] = {"cached_prompt": result.prompt_document(usage)}
        if self._request.lease is not None:
            notes["kv_lease"] = result.lease_document(usage)
        without = (_RECEIPT,) if shows_usage else (_RECEIPT, "usage")
        for name, note in notes.items():
            if note is not None:
                answer = with_note(answer, path[:-1], name, note, without=without)
        return answer

    def _is_warmed(self, turn: LeaseTurn) -> bool:
        """What nobody is told of any more is nobody's."""
        return turn.is_granted and self._client is not None
