"""What the control plane would have written: keys, routes, prices, credit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import redis

from inference import wire as inference_wire
from inference.wire import EngineAddress, Route, Task
from metering import wire as metering_wire
from metering.wire import PriceVector
from tenants import wire as tenants_wire
from tenants.domain import api_keys, snapshot
from tenants.wire import (
    KeyPolicy,
    LimitKind,
    RateLimit,
    Scope,
    SpendLimit,
    SpendPeriod,
)

MODEL = "bench"
SNAPSHOT_KEY = "snapshot-key-of-the-benchmark"
NEVER_REACHED = 1_000_000_000
"""A limit: it is counted exactly and refuses nobody."""
_NEVER_SPENT_NANOS = 10**15

EVERY_LIMIT = tuple(
    RateLimit(scope=scope, kind=kind, model=None, amount=NEVER_REACHED)
    for scope in Scope
    for kind in LimitKind
)
"""All six kinds, each for the key, its project and its tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    secret: str
    policy: KeyPolicy


def make_key(
    api_key_id: int,
    *,
    tenant_id: int,
    rate_limits: tuple[RateLimit, ...] = EVERY_LIMIT,
    has_money_limits: bool = False,
) -> Key:
    """With money limits the tenant is prepaid and the key has a limit for each day."""
    secret = api_keys.make("live")
    daily = SpendLimit(
        scope=Scope.KEY,
        period=SpendPeriod.DAY,
        amount_nanos=_NEVER_SPENT_NANOS,
    )
    policy = KeyPolicy(
        api_key_id=api_key_id,
        tenant_id=tenant_id,
        project_id=tenant_id,
        digest=api_keys.digest(secret).hex(),
        state="active",
        expires_at=None,
        allowed_models=None,
        rate_limits=rate_limits,
        spend_limits=(daily,) if has_money_limits else (),
        is_prepaid=has_money_limits,
        counts_spend=has_money_limits,
        are_cached_tokens_limited=False,
        refuses_without_limiter=False,
        cache_salt=f"salt-of-tenant-{tenant_id}",
    )
    return Key(secret=secret, policy=policy)


class ControlPlane:
    """Writes into Valkey what the proxies read there."""

    def __init__(self, valkey_url: str) -> None:
        self._valkey = redis.Redis.from_url(valkey_url, db=0)
        self._version = 0

    def close(self) -> None:
        self._valkey.close()

    def publish_route(self, engine_socket: Path) -> None:
        address = f"unix:{engine_socket}"
        engine = EngineAddress(engine_id=1, name="bench", address=address)
        route = Route(
            model=MODEL,
            is_default=True,
            context_tokens=4096,
            created_at=1_790_000_000,
            engines=(engine,),
            task=Task.GENERATE,
            tokenizer_folder=None,
        )
        self._publish(inference_wire.SNAPSHOT_KIND, [route])

    def publish_price(self) -> None:
        price = PriceVector(
            price_version_id=1,
            model=MODEL,
            new_input_nanos_per_million=100_000_000,
            cached_input_nanos_per_million=20_000_000,
            output_nanos_per_million=400_000_000,
            image_nanos_per_million=None,
            effective_from=0,
            effective_to=None,
        )
        self._publish(metering_wire.SNAPSHOT_KIND, [price])

    def publish_keys(self, keys: Sequence[Key]) -> None:
        """All that there are: a key of an earlier call that is missing now dies."""
        self._publish(tenants_wire.SNAPSHOT_KIND, [key.policy for key in keys])

    def grant_credit(self, tenant_id: int) -> None:
        """As seeding does it: counted on this run of Valkey, nothing spent so far."""
        tag = f"{{{tenant_id}}}"
        server: dict[str, str] = self._valkey.info("server")
        pipeline = self._valkey.pipeline(transaction=True)
        pipeline.set(f"tokenfab:spent:{tag}:tenant:total", 0)
        pipeline.hset(
            f"tokenfab:money:{tag}",
            mapping={
                "server": server["run_id"],
                "credit": _NEVER_SPENT_NANOS,
                "counted_at_us": time.time_ns() // 1000,
            },
        )
        pipeline.execute()

    def spent_nanos(self, tenant_id: int) -> int:
        return int(
            self._valkey.get(f"tokenfab:spent:{{{tenant_id}}}:tenant:total") or 0
        )

    def _publish(self, kind: str, items: Sequence[msgspec.Struct]) -> None:
        self._version += 1
        now = time.time()
        document = {
            "kind": kind,
            "version": self._version,
            "issued_at": now,
            "expires_at": now + 86_400,
            "items": items,
        }
        blob = snapshot.sign(
            msgspec.json.encode(document), secret=SNAPSHOT_KEY.encode()
        )
        pipeline = self._valkey.pipeline(transaction=True)
        pipeline.set(snapshot.valkey_key(kind), blob)
        pipeline.set(snapshot.valkey_version_key(kind), self._version)
        pipeline.execute()
