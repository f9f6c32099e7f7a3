"""From where each API key was last used, for a person who asks whether it leaked.

A request costs one write to a dict; what its headers mean is worked out when the latest
of each key goes to Valkey. Nobody waits for that: what a silent Valkey does not take is
gone, and the next use says it again.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice

import msgspec

from metering.domain.caller_address import Network, caller_address
from metering.proxy.called_script import CalledScript
from metering.proxy.snapshots import Snapshots
from metering.proxy.valkey import Reply, Valkey
from metering.wire import LAST_CALLER_SECONDS, LastCaller, last_caller_key
from tenants.wire import KeyPolicy

_WRITE_SECONDS = 2.0
ROWS_MAX = 200
"""Written at once, which holds calls up for some milliseconds. With more keys at work
each one's turn comes later, and the latest is written then."""
_MODEL_CHARACTERS_MAX = 100
"""Of a model that a caller may have made up."""

_Use = tuple[KeyPolicy, int, object, bytes, str, str]
_encode = msgspec.json.Encoder().encode


class LastCallers:
    def __init__(
        self, valkey: Valkey, snapshots: Snapshots, fronts: Sequence[Network]
    ) -> None:
        self._valkey = valkey
        self._script = CalledScript(valkey, "last_caller.lua")
        self._snapshots = snapshots
        self._fronts = fronts
        self._latest: dict[int, _Use] = {}
        """By id of the key; those whose turn to be written is next come first."""

    def note(
        self,
        policy: KeyPolicy,
        used_at_us: int,
        peer: object,
        forwarded_for: bytes,
        *,
        endpoint: str,
        model: str,
    ) -> None:
        """`peer` is what the socket says of its other end. Every request comes here."""
        self._latest[policy.api_key_id] = (
            policy, used_at_us, peer, forwarded_for, endpoint,
            model[:_MODEL_CHARACTERS_MAX],
        )  # fmt: skip

    async def keep_writing(self) -> None:
        """Runs for ever."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            self.write()

    def write(self) -> None:
        if not self._valkey.is_connected:
            return  # at most one for each key waits
        for api_key_id in list(islice(self._latest, ROWS_MAX)):
            policy, used_at_us, peer, forwarded_for, endpoint, model = self._latest.pop(
                api_key_id
            )
            host = peer[0] if isinstance(peer, tuple) else ""
            address = caller_address(host, forwarded_for, self._fronts)
            if policy.is_of_playground or not address:
                continue
            self._script.call(
                _no_one_waits,
                (last_caller_key(policy.tenant_id, api_key_id),),
                used_at_us,
                _encode(
                    LastCaller(
                        used_at_us=used_at_us,
                        address=address,
                        endpoint=endpoint,
                        model=self._public_name(model),
                    )
                ),
                LAST_CALLER_SECONDS,
            )

    def _public_name(self, model: str) -> str:
        route = self._snapshots.routes.get(model)
        return route.model if route is not None else ""


def _no_one_waits(reply: Reply | None) -> None:
    del reply
