"""How much of a turn a lease is to hold, and whether that may cost too much, before it
is asked for.
"""

import asyncio

import msgspec
from msgspec import Raw

from inference.errors import NotCountableError
from metering.proxy import errors
from metering.proxy.admission import Admission
from metering.proxy.counting import Counting
from metering.proxy.errors import RefusedError
from metering.proxy.lease_turn import LeaseTurn
from metering.proxy.prompts import ChatPrompt, read_prompt
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS
from metering.proxy.transform.lease_fields import OnFull
from metering.proxy.transform.request import ParsedRequest

_encode = msgspec.json.Encoder().encode


class LeaseSizing:
    """Of one call."""

    def __init__(
        self,
        counting: Counting,
        admission: Admission,
        request: ParsedRequest,
        *,
        cache_salt: str,
    ) -> None:
        self._counting = counting
        self._admission = admission
        self._request = request
        self._cache_salt = cache_salt

    async def size(self, turn: LeaseTurn) -> None:
        """After `turn` was prepared. Raises RefusedError."""
        asked = self._request.lease
        if asked is None or not turn.is_buying:
            return
        if self._request.lease_refused:
            turn.withhold(self._request.lease_refused)
            return
        if self._request.leased_prefix is not None:
            tokens = await self._count_prefix(self._request.leased_prefix)
            if tokens is None:
                turn.withhold("not_countable")
                return
            turn.tokens_max = tokens
        must_fit = asked.on_full is OnFull.FAIL
        if not must_fit and asked.max_charge_nanos is None:
            return
        counted = await self._count(self._request)
        if must_fit:
            await turn.check_room(counted or 0)
        if asked.max_charge_nanos is not None:
            self._check_charge(turn, asked.max_charge_nanos, counted, must_fit)

    async def _count_prefix(self, raw: dict[str, Raw]) -> int | None:
        """Without what a template adds so that an answer begins; None: nobody could."""
        try:
            prompt = read_prompt(msgspec.structs.replace(self._request, raw=raw))
        except NotCountableError:
            return None
        if not isinstance(prompt, ChatPrompt):
            return None
        fields = {
            "messages": prompt.messages,
            "tools": prompt.tools,
            "add_generation_prompt": False,
            "add_special_tokens": prompt.add_special_tokens,
        }
        chat = {
            name: Raw(_encode(value))
            for name, value in fields.items()
            if value is not None
        }
        return await self._count(
            msgspec.structs.replace(
                self._request,
                endpoint=CHAT_COMPLETIONS,
                raw=chat,
                prompt_bytes=sum(map(len, chat.values())),
            )
        )

    def _check_charge(
        self, turn: LeaseTurn, most_nanos: int, counted: int | None, must_fit: bool
    ) -> None:
        """Raises RefusedError."""
        if counted is None:
            route = self._admission.route
            counted = self._counting.most_input_tokens(route, self._request)
        tokens = counted + self._admission.most_output_tokens
        cost = turn.most_cost_nanos(tokens)
        if not turn.knows_engine:
            turn.withhold("engine_silent")
        elif cost > most_nanos and must_fit:
            raise RefusedError(
                errors.INVALID_VALUE,
                f"The lease may cost {cost} nanos, for up to {tokens} tokens, which "
                "is more than kv_retention.max_charge. Ask for a shorter time or "
                "fewer output tokens.",
                param="kv_retention.max_charge",
            )
        elif cost > most_nanos:
            turn.withhold("max_charge")

    async def _count(self, request: ParsedRequest) -> int | None:
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def on_counted(tokens: int | None) -> None:
            if not future.done():
                future.set_result(tokens)

        self._counting.count(
            self._admission.route, request, on_counted, cache_salt=self._cache_salt
        )
        return await future
