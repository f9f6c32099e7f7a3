"""A call of ours through the proxy, metered as any other of its tenant."""

from typing import Any

import httpx
import msgspec
from django.conf import settings
from django.utils.translation import gettext

from inference.errors import CachedPromptsUnavailableError, ProxyRefusedError

ANSWER_SECONDS_MAX = 55.0
"""Less than a minute, after which the caller who waits for it is told so."""
CONNECT_SECONDS_MAX = 3.0


class WarmFacts(msgspec.Struct, frozen=True):
    """What only the control plane is told of a lease."""

    engine_id: int
    epoch: str
    last_hash: str
    block_tokens: int
    block_bytes: int


class WarmLease(msgspec.Struct, frozen=True):
    """The answer's `kv_lease`."""

    id: str
    tokens: int
    bytes: int
    tier: str
    expires_at: str
    """RFC 3339."""
    warm: WarmFacts


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int


class WarmAnswer(msgspec.Struct, frozen=True):
    usage: _Usage
    kv_lease: WarmLease


def ask_proxy(body: bytes, *, order: str) -> WarmAnswer:
    """`POST /v1/chat/completions` with a warm order in place of a key.

    Raises ProxyRefusedError with its words, and CachedPromptsUnavailableError.
    """
    try:
        with httpx.Client(trust_env=False, timeout=_timeout()) as client:
            answer = client.post(
                f"{settings.PROXY_URL}/v1/chat/completions",
                content=body,
                headers={
                    "authorization": f"Bearer {order}",
                    "content-type": "application/json",
                },
            )
        if not answer.is_success:
            raise _refusal(answer)
        return msgspec.json.decode(answer.content, type=WarmAnswer)
    except (httpx.HTTPError, OSError, msgspec.MsgspecError) as error:
        raise CachedPromptsUnavailableError(
            gettext(
                "The prompt could not be computed in time. Please retry in a few"
                " seconds."
            )
        ) from error


def _timeout() -> httpx.Timeout:
    return httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)


def _refusal(answer: httpx.Response) -> ProxyRefusedError:
    try:
        error: Any = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = None
    if not isinstance(error, dict):
        raise httpx.RemoteProtocolError(
            gettext("the proxy answered %(status_code)s")
            % {"status_code": answer.status_code}
        )
    return ProxyRefusedError(
        status=answer.status_code,
        error=error,
        retry_after=answer.headers.get("retry-after"),
    )
