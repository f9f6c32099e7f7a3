"""The lease that a call's project has chosen for it, where the call says nothing."""

import hashlib

import msgspec
from msgspec import Raw

from inference.domain.lease_terms import Tier
from metering.proxy.transform.endpoint import Asked, Endpoint, OutputKind
from metering.proxy.transform.lease_fields import AskedLease, OnFull
from metering.proxy.transform.retention_hints import Hint, read_hint
from tenants.wire import Retention

_OF_TURNS = {"chat.completions", "messages", "responses"}
AFFINITY = "prompt_cache_key"
_AFFINITY_BYTES = 256
"""As long as the shortest beginning of a prompt by which calls are routed."""


def standing_lease(
    raw: dict[str, Raw],
    endpoint: Endpoint,
    asked: Asked,
    own: AskedLease | None,
    retention: Retention | None,
) -> Hint | None:
    """None: none, or `own` is all that is asked. `kv_retention`: null is a word, too.

    Raises msgspec.ValidationError and RefusedError for hints that mean nothing.
    """
    if retention is None or "kv_retention" in raw or (own and own.ttl_ms):
        return None
    if endpoint.output is not OutputKind.TOKENS or asked.samples > 1:
        return None
    found = read_hint(raw) if retention.honours_cache_hints else None
    if found is None and retention.timeout_seconds and endpoint.name in _OF_TURNS:
        found = Hint(_by_default(retention, retention.timeout_seconds))
    if found is None or own is None:
        return found
    lease_id = own.previous_lease_id
    lease = msgspec.structs.replace(found.asked, previous_lease_id=lease_id)
    return found._replace(asked=lease)


def _by_default(retention: Retention, seconds: int) -> AskedLease:
    return AskedLease(
        ttl_ms=seconds * 1000,
        tier=Tier(retention.tier.value),
        on_full=OnFull(retention.on_full.value),
        is_chosen=False,
    )


def affinity_of(raw: dict[str, Raw], *, cache_salt: str) -> bytes:
    """Calls with the same go to the same engine where they can; empty: they may go by
    how their prompts begin. Salted, so that tenants cannot crowd each other's engines.
    """
    key = raw.get(AFFINITY)
    if not key or bytes(key) in {b"null", b'""'}:
        return b""
    salted = b"%b:%b" % (cache_salt.encode(), bytes(key))
    return hashlib.shake_256(salted).digest(_AFFINITY_BYTES)
