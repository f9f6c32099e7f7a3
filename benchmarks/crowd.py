"""Ten thousand API keys of a thousand tenants; some come and go."""

import http.client
import random

import msgspec

from benchmarks.control_plane import EVERY_LIMIT, MODEL, Key, make_key
from tenants.wire import LimitKind, Scope

_KEYS, _TENANTS = 10_000, 1_000
_UNSETTLED = 1_000
"""Keys that no load uses, the last of the list: they may be removed at any time."""
_CHURNED_AT_ONCE = 50
_PREPAID_EVERY = 10
_LIMITS = tuple(
    limit
    for limit in EVERY_LIMIT
    if limit.scope is Scope.KEY
    or (limit.scope is Scope.TENANT and limit.kind is LimitKind.TOKENS_PER_MINUTE)
)
_PROBE = msgspec.json.encode(
    {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8}
)


class Crowd:
    def __init__(self) -> None:
        self._chance = random.Random(2)  # noqa: S311  a load, not a secret
        self._next_id = 1
        self.keys = [self._new_key() for _ in range(_KEYS)]
        self.removed_count = 0
        self.version = 0

    def _new_key(self) -> Key:
        number, self._next_id = self._next_id, self._next_id + 1
        tenant_id = number % _TENANTS + 1
        return make_key(
            number,
            tenant_id=tenant_id,
            rate_limits=_LIMITS,
            has_money_limits=tenant_id % _PREPAID_EVERY == 0,
        )

    def settle(self) -> None:
        """Chooses anew who may go before the next call."""
        self._chance.shuffle(self.keys)

    def settled_secrets(self) -> list[str]:
        """Of keys that stay until the next `settle`."""
        return [key.secret for key in self.keys[:-_UNSETTLED]]

    def churn(self) -> tuple[str, str]:
        """Replaces unsettled keys; the secrets of a removed and of an added one."""
        removed, kept = self.keys[-_CHURNED_AT_ONCE:], self.keys[:-_CHURNED_AT_ONCE]
        added = [self._new_key() for _ in removed]
        # Not at the end, where they would be the next ones to go.
        self.keys = [*kept[: _KEYS - _UNSETTLED], *added, *kept[_KEYS - _UNSETTLED :]]
        self.removed_count += len(removed)
        self.version += 1
        return removed[0].secret, added[0].secret


def probe(port: int, secret: str) -> int:
    """The status of one call; 0: no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", body=_PROBE, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0
    finally:
        connection.close()
    return answer.status
