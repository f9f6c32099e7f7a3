"""The key policies of the present snapshot.

There may be ten thousand of them, 1 kB each, and a new snapshot whenever one changes:
what did not change is not read again, and equal limits are one object.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec

from tenants.wire import KeyPolicy, RateLimit

_STEP_ITEMS = 250
"""Read in 1 to 3 ms, for which calls have to wait."""
_SHARED_LIMITS_MAX = 10_000

_decode = msgspec.json.Decoder(KeyPolicy).decode


class KeyPolicies:
    def __init__(self) -> None:
        self._by_digest: dict[bytes, KeyPolicy] = {}
        self._by_mark: dict[bytes, KeyPolicy] = {}
        self._limits: dict[tuple[RateLimit, ...], tuple[RateLimit, ...]] = {}

    def find(self, digest: bytes) -> KeyPolicy | None:
        """`digest`: SHA-256 of the whole secret."""
        return self._by_digest.get(digest)

    def take(self, items: Sequence[msgspec.Raw]) -> Iterator[None]:
        """Replaces all when the iterator has ended; calls may go on between its steps.

        A policy that did not change stays the same object: what was worked out for it
        stays good. Raises msgspec.MsgspecError, and then nothing has changed.
        """
        by_digest: dict[bytes, KeyPolicy] = {}
        by_mark: dict[bytes, KeyPolicy] = {}
        for number, item in enumerate(items, start=1):
            mark = blake2b(item, digest_size=16).digest()
            policy = self._by_mark.get(mark) or self._read(item)
            by_mark[mark] = by_digest[bytes.fromhex(policy.digest)] = policy
            if number % _STEP_ITEMS == 0:
                yield
        self._by_digest, self._by_mark = by_digest, by_mark

    def _read(self, item: msgspec.Raw) -> KeyPolicy:
        policy = _decode(item)
        if len(self._limits) >= _SHARED_LIMITS_MAX:
            self._limits.clear()
        shared = self._limits.setdefault(policy.rate_limits, policy.rate_limits)
        msgspec.structs.force_setattr(policy, "rate_limits", shared)
        return policy
