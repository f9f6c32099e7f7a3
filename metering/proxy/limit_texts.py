"""What a caller is told of its limits: refusals and `x-ratelimit-*` headers."""

from metering.domain.amounts import decimal_amount
from metering.domain.limits import BUCKET_MS, WINDOW_BUCKETS
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.limit_plan import Claim, Plan
from tenants.wire import LimitKind, RateLimit, Scope, SpendLimit

_KINDS = {
    LimitKind.REQUESTS_PER_MINUTE: "requests per minute",
    LimitKind.TOKENS_PER_MINUTE: "tokens per minute",
    LimitKind.IMAGES_PER_MINUTE: "images per minute",
    LimitKind.REQUESTS_PER_DAY: "requests per day (UTC)",
    LimitKind.REQUESTS_PER_MONTH: "requests per month (UTC)",
    LimitKind.CONCURRENT_REQUESTS: "requests at the same time",
}
_SCOPES = {Scope.KEY: "API key", Scope.PROJECT: "project", Scope.TENANT: "account"}
_MINUTE_KINDS = {
    LimitKind.REQUESTS_PER_MINUTE,
    LimitKind.TOKENS_PER_MINUTE,
    LimitKind.IMAGES_PER_MINUTE,
}
_CONCURRENCY_RETRY_MS = 1000
_SECOND_MS = 1000
UNAVAILABLE = RefusedError(
    errors.LIMITER_UNAVAILABLE,
    "The limits of this API key cannot be checked right now. Please retry in a second.",
    retry_after_seconds=1,
)
MONEY_UNKNOWN = RefusedError(
    errors.LIMITER_UNAVAILABLE,
    "What this account has spent cannot be checked right now. "
    "Please retry in a few seconds.",
    retry_after_seconds=2,
)


class RateLimitedError(RefusedError):
    """A refusal that carries the state of the limits in its headers."""

    def __init__(
        self,
        refusal: errors.Refusal,
        message: str,
        *,
        wait_ms: int | None,
        headers: bytes,
        tokens_left: int | None = None,
    ) -> None:
        """`wait_ms` None: no wait will help. `tokens_left` None: fewer tokens would not
        have helped either.
        """
        super().__init__(
            refusal,
            message,
            retry_after_seconds=None if wait_ms is None else -(-wait_ms // 1000),
        )
        self._wait_ms = wait_ms
        self.tokens_left = tokens_left
        self._rate_limit_headers = headers

    def headers(self) -> bytes:
        lines = super().headers() + self._rate_limit_headers
        if self._wait_ms is None:
            return lines + b"x-should-retry: false\r\n"  # heeded by OpenAI's clients
        return lines + b"retry-after-ms: %d\r\n" % self._wait_ms


class Tightest:
    """The tightest limit of requests and of tokens, and what is left of them."""

    __slots__ = ("_now_ms", "_plan", "_requests", "_resets", "_tokens")

    def __init__(
        self,
        plan: Plan,
        now_ms: int,
        requests: tuple[int, int],
        tokens: tuple[int, int],
        resets_ms: tuple[int, int] | None = None,
    ) -> None:
        """Each a limit's number, 0: none, and what is left. `resets_ms` None: both were
        used just now.
        """
        self._plan = plan
        self._now_ms = now_ms
        self._requests, self._tokens = requests, tokens
        self._resets = resets_ms

    @property
    def tokens_left(self) -> int | None:
        """None: no limit of tokens."""
        number, left = self._tokens
        return left if number else None

    def headers(self) -> bytes:
        """The `x-ratelimit-*` lines, each ended by CRLF."""
        resets = self._resets or (None, None)
        return self._lines(b"requests", self._requests, resets[0]) + self._lines(
            b"tokens", self._tokens, resets[1]
        )

    def _lines(
        self, name: bytes, number_left: tuple[int, int], reset_ms: int | None
    ) -> bytes:
        number, left = number_left
        if number == 0:
            return b""
        limit = self._plan.limit(number)
        if not isinstance(limit, RateLimit):
            return b""
        if limit.kind not in _MINUTE_KINDS:
            reset_ms = self._plan.ends_in_ms(limit, self._now_ms)
        elif reset_ms is None:
            bucket = self._now_ms // BUCKET_MS
            reset_ms = (bucket + WINDOW_BUCKETS + 1) * BUCKET_MS - self._now_ms
        return (
            b"x-ratelimit-limit-%b: %d\r\n"
            b"x-ratelimit-remaining-%b: %d\r\n"
            b"x-ratelimit-reset-%b: %b\r\n"
            % (name, limit.amount, name, left, name, duration(reset_ms))
        )


def duration(milliseconds: int) -> bytes:
    """As Go writes it, and OpenAI: `250ms`, `1.5s`, `6m0s`, `2h0m1s`."""
    if milliseconds <= 0:
        return b"0s"
    if milliseconds < _SECOND_MS:
        return b"%dms" % milliseconds
    whole_minutes, rest_ms = divmod(milliseconds, 60_000)
    seconds = f"{rest_ms / _SECOND_MS:.3f}".rstrip("0").rstrip(".").encode() + b"s"
    hours, minutes = divmod(whole_minutes, 60)
    if hours:
        return b"%dh%dm%b" % (hours, minutes, seconds)
    return b"%dm%b" % (minutes, seconds) if minutes else seconds


def rate_limited(
    limit: RateLimit, claim: Claim, *, wait_ms: int, tightest: Tightest
) -> RateLimitedError:
    if limit.kind is LimitKind.CONCURRENT_REQUESTS:
        return RateLimitedError(
            errors.CONCURRENCY_LIMITED,
            f"Concurrency limit reached: {_whose(limit)} may have {limit.amount} "
            f"{_KINDS[limit.kind]}. Retry when one of them has ended.",
            wait_ms=_CONCURRENCY_RETRY_MS,
            headers=tightest.headers(),
        )
    seconds = -(-wait_ms // 1000)
    is_of_tokens = limit.kind is LimitKind.TOKENS_PER_MINUTE
    return RateLimitedError(
        errors.RATE_LIMITED,
        f"Rate limit reached: {_whose(limit)} may use {limit.amount} "
        f"{_KINDS[limit.kind]}{_asked(limit, claim)}. Please retry in {seconds} s.",
        wait_ms=wait_ms,
        headers=tightest.headers(),
        tokens_left=tightest.tokens_left if is_of_tokens else None,
    )


def _never_fits(limit: RateLimit, asked: int) -> RateLimitedError:
    advice = (
        "Lower max_tokens or shorten the prompt."
        if limit.kind is LimitKind.TOKENS_PER_MINUTE
        else "Ask for fewer at once."
    )
    unit = _KINDS[limit.kind].partition(" ")[0]
    return RateLimitedError(
        errors.NEVER_FITS,
        f"This request asks for up to {asked} {unit}, more than the {limit.amount} "
        f"{_KINDS[limit.kind]} that {_whose(limit)} may use. {advice}",
        wait_ms=None,
        headers=b"x-ratelimit-limit-%b: %d\r\n" % (unit.encode(), limit.amount),
        tokens_left=limit.amount if unit == "tokens" else None,
    )


def not_payable(
    limit: SpendLimit | None, claim: Claim, *, available_nanos: int, currency: str
) -> RefusedError:
    """`limit` None: the credit."""
    cost = _money(claim.least_cost_nanos, currency)
    available = _money(available_nanos, currency)
    if limit is None:
        return RateLimitedError(
            errors.INSUFFICIENT_CREDIT,
            f"This call might cost up to {cost}, and {available} of credit is "
            "available. Lower max_tokens, shorten the prompt, or add credit.",
            wait_ms=None,
            headers=b"",
        )
    most = _money(limit.amount_nanos, currency)
    return RateLimitedError(
        errors.SPEND_LIMITED,
        f"This call might cost up to {cost}, and {available} is left of the "
        f"{most} that this {_SCOPES[limit.scope]} may spend a "
        f"{limit.period} (UTC). Lower max_tokens, raise the limit, or wait for the "
        f"next {limit.period}.",
        wait_ms=None,
        headers=b"",
    )


def _money(amount_nanos: int, currency: str) -> str:
    """At least cents; more digits where the amount has them."""
    return f"{decimal_amount(max(0, amount_nanos), digits=9)} {currency}"


def _whose(limit: RateLimit) -> str:
    of_model = f" with the model {limit.model}" if limit.model else ""
    return f"this {_SCOPES[limit.scope]}{of_model}"


def _asked(limit: RateLimit, claim: Claim) -> str:
    if limit.kind is LimitKind.TOKENS_PER_MINUTE:
        return f", and this request may use {claim.least_tokens}"
    if limit.kind is LimitKind.IMAGES_PER_MINUTE:
        return f", and this request asks for {claim.images}"
    return ""


def refuse_never_fitting(plan: Plan, claim: Claim) -> RateLimitedError | None:
    """What no empty window could hold."""
    if claim.least_tokens > plan.tokens_max:
        kind, asked = LimitKind.TOKENS_PER_MINUTE, claim.least_tokens
    elif claim.images > plan.images_max:
        kind, asked = LimitKind.IMAGES_PER_MINUTE, claim.images
    else:
        return None
    limit = plan.smallest[kind]
    return None if limit is None else _never_fits(limit, asked)
