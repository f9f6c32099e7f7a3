"""Rate limits: hold before the call, settle by the actual use, decided in Valkey."""

import hashlib
from collections.abc import Callable
from importlib.resources import files

import hiredis
import msgspec

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.valkey import Reply, Valkey, ValkeyUnavailableError
from tenants.wire import KeyPolicy, LimitKind

_SCRIPT = (files("metering.proxy") / "hold_settle.lua").read_bytes()
_SCRIPT_DIGEST = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()
_UNAVAILABLE = RefusedError(
    errors.LIMITER_UNAVAILABLE,
    "The rate limits cannot be checked right now. Please retry in a second.",
    retry_after_seconds=1,
)


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has claimed of its key's limits."""

    policy: KeyPolicy
    second: int
    """Of Valkey's clock; names the part of the window that holds it."""
    tokens: int
    requests_left: int
    """-1: no such limit."""
    tokens_left: int
    """-1: no such limit."""

    def headers(self) -> bytes:
        """The `x-ratelimit-*` lines, each ended by CRLF."""
        return _rate_limit_headers(
            self.policy, requests_left=self.requests_left, tokens_left=self.tokens_left
        )


HoldCallback = Callable[[Hold | RefusedError], None]


class Limits:
    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    def hold(
        self, policy: KeyPolicy, *, least: int, most: int, callback: HoldCallback
    ) -> None:
        """Claims one request and between `least` and `most` tokens, all or nothing.

        `most` is claimed as far as there is room; a call without an output ceiling
        could otherwise never pass a limit below the model's context.
        """
        requests, tokens = (
            _limit(policy, LimitKind.REQUESTS_PER_MINUTE),
            _limit(policy, LimitKind.TOKENS_PER_MINUTE),
        )
        if requests is None and tokens is None:
            hold = Hold(
                policy=policy, second=0, tokens=0, requests_left=-1, tokens_left=-1
            )
            callback(hold)
            return
        if tokens is not None and least > tokens:
            callback(_never_fits(policy, least))
            return

        def decided(reply: Reply | ValkeyUnavailableError) -> None:
            callback(_decision(policy, reply))

        self._evaluate(
            policy, decided, b"hold", requests or 0, tokens or 0, least, most
        )

    def settle(self, hold: Hold, *, tokens: int) -> None:
        """The call used `tokens`; the rest of the hold returns. Nobody waits for it: a
        lost settle leaves the higher hold in the window for at most a minute.
        """
        if hold.second and tokens != hold.tokens:
            self._settle(hold, requests=0, tokens=tokens - hold.tokens)

    def void(self, hold: Hold) -> None:
        """The call used nothing: all of the hold returns."""
        if hold.second:
            self._settle(hold, requests=-1, tokens=-hold.tokens)

    def _settle(self, hold: Hold, *, requests: int, tokens: int) -> None:
        policy = hold.policy
        self._evaluate(
            policy,
            _ignore,
            b"settle",
            hold.second,
            requests if _limit(policy, LimitKind.REQUESTS_PER_MINUTE) else 0,
            tokens if _limit(policy, LimitKind.TOKENS_PER_MINUTE) else 0,
        )

    def _evaluate(
        self,
        policy: KeyPolicy,
        callback: Callable[[Reply | ValkeyUnavailableError], None],
        *arguments: bytes | int,
    ) -> None:
        # The hash tag keeps the keys of one tenant in one slot of a cluster.
        key = f"tokenfab:limit:{{{policy.tenant_id}}}:key:{policy.api_key_id}"
        keys = (2, f"{key}:requests", f"{key}:tokens")

        def or_load(reply: Reply | ValkeyUnavailableError) -> None:
            if isinstance(reply, hiredis.ReplyError) and "NOSCRIPT" in str(reply):
                self._valkey.call(callback, b"EVAL", _SCRIPT, *keys, *arguments)
            else:
                callback(reply)

        self._valkey.call(or_load, b"EVALSHA", _SCRIPT_DIGEST, *keys, *arguments)


def _ignore(reply: Reply | ValkeyUnavailableError) -> None:
    del reply


def _decision(
    policy: KeyPolicy, reply: Reply | ValkeyUnavailableError
) -> Hold | RefusedError:
    if not isinstance(reply, list):
        return _UNAVAILABLE
    if reply[0] == 1:
        _, second, held, requests_left, tokens_left = reply
        return Hold(
            policy=policy,
            second=second,
            tokens=held,
            requests_left=requests_left,
            tokens_left=tokens_left,
        )
    _, which, wait_ms, requests_left, tokens_left = reply
    return _rate_limited(
        policy,
        which=which.decode(),
        wait_seconds=-(-wait_ms // 1000),
        requests_left=requests_left,
        tokens_left=tokens_left,
    )


class RateLimitedError(RefusedError):
    """A refusal that carries the state of the limits in its headers."""

    def __init__(
        self, message: str, *, retry_after_seconds: int | None, headers: bytes
    ) -> None:
        super().__init__(
            errors.NEVER_FITS if retry_after_seconds is None else errors.RATE_LIMITED,
            message,
            retry_after_seconds=retry_after_seconds,
        )
        self._rate_limit_headers = headers

    def headers(self) -> bytes:
        lines = super().headers() + self._rate_limit_headers
        if self.refusal is errors.NEVER_FITS:
            lines += b"x-should-retry: false\r\n"  # heeded by OpenAI's clients
        return lines


def _rate_limited(
    policy: KeyPolicy,
    *,
    which: str,
    wait_seconds: int,
    requests_left: int,
    tokens_left: int,
) -> RateLimitedError:
    limit = (
        _limit(policy, LimitKind.REQUESTS_PER_MINUTE)
        if which == "requests"
        else _limit(policy, LimitKind.TOKENS_PER_MINUTE)
    )
    return RateLimitedError(
        f"Rate limit reached for this API key: {limit} {which} per minute. "
        f"Please retry in {wait_seconds} s.",
        retry_after_seconds=wait_seconds,
        headers=_rate_limit_headers(
            policy, requests_left=requests_left, tokens_left=tokens_left
        ),
    )


def _never_fits(policy: KeyPolicy, least: int) -> RateLimitedError:
    limit = _limit(policy, LimitKind.TOKENS_PER_MINUTE)
    return RateLimitedError(
        f"This request asks for up to {least} tokens, more than this API key's limit "
        f"of {limit} tokens per minute. Lower max_tokens or shorten the prompt.",
        retry_after_seconds=None,
        headers=_rate_limit_headers(policy, requests_left=-1, tokens_left=-1),
    )


def _rate_limit_headers(
    policy: KeyPolicy, *, requests_left: int, tokens_left: int
) -> bytes:
    lines = b""
    for name, limit, left in (
        (b"requests", _limit(policy, LimitKind.REQUESTS_PER_MINUTE), requests_left),
        (b"tokens", _limit(policy, LimitKind.TOKENS_PER_MINUTE), tokens_left),
    ):
        if limit is not None:
            lines += b"x-ratelimit-limit-%b: %d\r\n" % (name, limit)
            if left >= 0:
                # A window of a minute is as good as new when its newest use has left.
                reset = b"0s" if left == limit else b"60s"
                lines += b"x-ratelimit-remaining-%b: %d\r\n" % (name, left)
                lines += b"x-ratelimit-reset-%b: %b\r\n" % (name, reset)
    return lines


def _limit(policy: KeyPolicy, kind: LimitKind) -> int | None:
    for limit in policy.rate_limits:
        if limit.kind is kind:
            return limit.amount
    return None
