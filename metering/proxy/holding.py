"""Claims the limits of one call: by an estimate of its prompt, and where that decides
between yes and no, by the exact count.
"""

from bisect import bisect_right
from collections.abc import Callable

from metering.proxy import errors
from metering.proxy.admission import Admission
from metering.proxy.counting import Counting
from metering.proxy.errors import RefusedError
from metering.proxy.lease_turn import LeaseTurn
from metering.proxy.limits import Claim, Hold, Limits, RateLimitedError
from metering.proxy.prompts import prompts_at_most
from metering.proxy.transform.request import ParsedRequest
from tenants.wire import KeyPolicy

_TOKENS_PER_BYTE_MIN = 0.01
"""Long runs of blanks have hardly more. What does not fit is not worth a count."""


class Holding:
    __slots__ = (
        "_admission", "_callback", "_claimed", "_counting", "_hold", "_input_tokens",
        "_limits", "_policy", "_refusal", "_request", "_turn",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits,
        counting: Counting,
        *,
        policy: KeyPolicy,
        request: ParsedRequest,
        admission: Admission,
        callback: Callable[[Hold | RefusedError, int | None], None],
        turn: LeaseTurn | None = None,
    ) -> None:
        """`callback` gets the hold, and how many tokens per sample its money is enough
        for; None: for all that the caller asked.
        """
        self._limits = limits
        self._counting = counting
        self._policy = policy
        self._request = request
        self._admission = admission
        self._callback = callback
        self._turn = turn
        self._input_tokens = 0
        self._claimed: Claim | None = None
        self._hold: Hold | None = None
        self._refusal: RefusedError | None = None

    def _decide(self, outcome: Hold | RefusedError) -> None:
        ceiling = None
        if isinstance(outcome, Hold):
            ceiling = self._output_ceiling(outcome)
        self._callback(outcome, ceiling)

    def _output_ceiling(self, hold: Hold) -> int | None:
        claim = self._claimed
        if claim is None or hold.cost_nanos >= claim.most_cost_nanos:
            return None
        whole = self._input_tokens
        paid = whole - self._free_tokens(whole)

        def cost_nanos(output_tokens: int) -> int:
            tokens_cost = self._admission.cost_nanos(
                input_tokens=paid, output_tokens=output_tokens, images=0
            )
            return tokens_cost + self._lease_cost_nanos(whole + output_tokens)

        # Searched for, since a lease is sold by the block, and output may be free.
        outputs = range(self._admission.most_output_tokens + 1)
        tokens = bisect_right(outputs, hold.cost_nanos, key=cost_nanos) - 1
        answers = self._request.asked.samples * prompts_at_most(self._request)
        return max(1, tokens // answers)

    def start(self) -> None:
        self._limits.hold(self._policy, self._claim(None), self._on_estimated)

    def _claim(self, counted: int | None) -> Claim:
        """`counted` input tokens, or None: the estimate, and money at its worst."""
        admission, asked = self._admission, self._request.asked
        tokens = admission.input_tokens_estimate if counted is None else counted
        if self._turn is not None and not self._policy.are_cached_tokens_limited:
            tokens -= self._free_tokens(tokens)
        least, most = admission.least_output_tokens, admission.most_output_tokens
        least_cost = most_cost = 0
        if self._policy.is_prepaid or self._policy.spend_limits:
            whole = self._most_input_tokens if counted is None else counted
            self._input_tokens = whole
            paid = whole - self._free_tokens(whole)
            least_cost = admission.cost_nanos(
                input_tokens=paid, output_tokens=least, images=asked.images
            ) + self._lease_cost_nanos(whole + least)
            most_cost = admission.cost_nanos(
                input_tokens=paid, output_tokens=most, images=asked.images
            ) + self._lease_cost_nanos(whole + most)
        claim = self._claimed = Claim(
            model=admission.route.model,
            least_tokens=tokens + least,
            most_tokens=tokens + most,
            images=asked.images,
            least_cost_nanos=least_cost,
            most_cost_nanos=most_cost,
        )
        return claim

    def _free_tokens(self, tokens: int) -> int:
        return 0 if self._turn is None else self._turn.free_tokens(tokens)

    def _lease_cost_nanos(self, tokens: int) -> int:
        return 0 if self._turn is None else self._turn.most_cost_nanos(tokens)

    @property
    def _most_input_tokens(self) -> int:
        if not self._request.endpoint.uses_input_tokens:
            return 0
        return self._counting.most_input_tokens(self._admission.route, self._request)

    def _on_estimated(self, outcome: Hold | RefusedError) -> None:
        if isinstance(outcome, RefusedError):
            self._refusal = outcome
            is_worth_it = self._may_fit(outcome)
        else:
            self._hold = outcome
            is_worth_it = self._may_not_fit(outcome)
        if is_worth_it:
            self._counting.count(
                self._admission.route,
                self._request,
                self._on_counted,
                cache_salt=self._policy.cache_salt,
            )
        else:
            self._decide(outcome)

    def _may_fit(self, refusal: RefusedError) -> bool:
        if refusal.refusal in (errors.INSUFFICIENT_CREDIT, errors.SPEND_LIMITED):
            return True
        if not isinstance(refusal, RateLimitedError) or refusal.tokens_left is None:
            return False
        least_input = int(self._request.prompt_bytes * _TOKENS_PER_BYTE_MIN)
        return refusal.tokens_left >= least_input + self._admission.least_output_tokens

    def _may_not_fit(self, hold: Hold) -> bool:
        left, context = hold.tokens_left, self._admission.route.context_tokens
        if left is None or left >= context * prompts_at_most(self._request):
            return False
        return left < self._most_input_tokens - self._admission.input_tokens_estimate

    def _on_counted(self, counted: int | None) -> None:
        if self._hold is not None:
            if counted is None:
                self._decide(self._hold)
            else:
                self._limits.adjust(self._hold, self._claim(counted), self._on_adjusted)
        elif counted is None and self._refusal is not None:
            self._decide(self._refusal)
        else:
            self._limits.hold(self._policy, self._claim(counted), self._decide)

    def _on_adjusted(self, outcome: Hold | RefusedError) -> None:
        if isinstance(outcome, RefusedError) and self._hold is not None:
            self._limits.void(self._hold)
        self._decide(outcome)
