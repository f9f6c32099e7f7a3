"""Who calls: the API key of a request, found in the present snapshot."""

import time
from collections.abc import Callable

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.request_head import RequestHead
from metering.proxy.snapshots import Snapshots
from tenants.domain import api_keys
from tenants.wire import KeyPolicy

_HOW = (
    "Send it as `Authorization: Bearer tf_live_…` or `x-api-key`; keys are made in the "
    "portal."
)
_CALLERS_MAX = 10_000
"""Whose headers are remembered: a look-up costs ten times as much as to remember."""
_HEADER_BYTES_MAX = 128
"""One padded with blanks is looked up each time instead of filling the memory."""


class StaleSnapshotError(RefusedError):
    """What the present snapshot says; a fresher one may decide otherwise."""


def authenticate(head: RequestHead, snapshots: Snapshots) -> KeyPolicy:
    """Raises RefusedError; StaleSnapshotError where a fresher snapshot may help."""
    known = snapshots.callers.get(head.authorization or b"")
    if known is not None and snapshots.is_current and not _has_expired(known):
        return known
    policy = _look_up(secret_of(head), snapshots)
    if head.authorization and len(head.authorization) <= _HEADER_BYTES_MAX:
        if len(snapshots.callers) >= _CALLERS_MAX:
            snapshots.callers.clear()
        snapshots.callers[head.authorization] = policy
    return policy


def _look_up(secret: str, snapshots: Snapshots) -> KeyPolicy:
    if not api_keys.is_well_formed(secret):
        raise RefusedError(
            errors.MALFORMED_KEY,
            "This is not a Tokenfab API key: its prefix, length or check characters "
            "are wrong. Was it cut short or mistyped?",
        )
    return authenticate_digest(api_keys.digest(secret), snapshots)


def authenticate_digest(digest: bytes, snapshots: Snapshots) -> KeyPolicy:
    """Of the key with this digest. Raises as `authenticate`."""
    if not snapshots.is_current:
        raise _unavailable()
    policy = snapshots.policy(digest)
    if policy is None:
        raise StaleSnapshotError(
            errors.UNKNOWN_KEY, "This API key does not exist. It may have been deleted."
        )
    if policy.state == "revoked":
        raise RefusedError(errors.REVOKED_KEY, "This API key was revoked.")
    if _has_expired(policy):
        raise RefusedError(errors.EXPIRED_KEY, "This API key has expired.")
    if policy.is_suspended_by_staff:
        raise RefusedError(
            errors.TENANT_SUSPENDED,
            "The operator has suspended this tenant, so its calls are refused. Its "
            "owners were told why by mail; the portal says it too.",
        )
    if policy.is_suspended:
        raise RefusedError(
            errors.PAYMENT_OVERDUE,
            "An invoice is overdue, so calls are refused. Pay it under Billing in the "
            "portal: calls are answered again within seconds of the payment.",
        )
    return policy


def _has_expired(policy: KeyPolicy) -> bool:
    return policy.expires_at is not None and policy.expires_at <= time.time()


def authenticate_again(
    authenticate: Callable[[], KeyPolicy], *, is_fresh: bool
) -> KeyPolicy:
    """After a look at the newest snapshot; not `is_fresh`: it could not be had, and so
    a key that is not in ours may be a new one. Raises RefusedError.
    """
    try:
        return authenticate()
    except StaleSnapshotError as error:
        raise error if is_fresh else _unavailable() from None


def _unavailable() -> StaleSnapshotError:
    return StaleSnapshotError(
        errors.KEYS_UNAVAILABLE,
        "API keys cannot be checked right now. Please retry in a few seconds.",
        retry_after_seconds=2,
    )


def secret_of(head: RequestHead) -> str:
    """Raises RefusedError when there is none."""
    if not head.authorization:
        if head.api_key:
            return head.api_key.strip().decode("latin-1")
        raise RefusedError(errors.MISSING_KEY, f"You sent no API key. {_HOW}")
    scheme, _, value = head.authorization.partition(b" ")
    secret = value.strip().decode("latin-1")
    if scheme.lower() != b"bearer" or not secret:
        raise RefusedError(
            errors.MISSING_KEY, f"The Authorization header holds no key. {_HOW}"
        )
    return secret
