"""What a key may be used for: each path of the data plane needs one of its scopes."""

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.transform.endpoint import Endpoint
from tenants.wire import KeyPolicy, KeyScope

_BY_PREFIX = (
    (b"/v1/responses", KeyScope.GENERATE),
    (b"/v1/kv_leases", KeyScope.KV),
    (b"/v1/kv_quotes", KeyScope.KV),
    (b"/v1/cached_prompts", KeyScope.KV),
)


def check_scope(policy: KeyPolicy, path: bytes, endpoint: Endpoint | None) -> None:
    """Raises RefusedError. What models there are and what a call of the key's own
    project cost is told to any key.
    """
    if policy.scopes is None:
        return
    needed = _scope_of(path, endpoint)
    if needed is None or needed in policy.scopes:
        return
    raise RefusedError(
        errors.SCOPE_MISSING,
        f"This API key is not for this endpoint: its scopes leave out `{needed}`.",
    )


def _scope_of(path: bytes, endpoint: Endpoint | None) -> KeyScope | None:
    if endpoint is not None:
        return None if endpoint.task is None else KeyScope(endpoint.task.value)
    for prefix, scope in _BY_PREFIX:
        if path.startswith(prefix):
            return scope
    return None
