"""The tenants of a chaos run, one for each way in which a call can be decided over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.chaos.money import Purse
from benchmarks.chaos.operations import Lane
from benchmarks.chaos.product import NotUpError, Product

CREDIT_NANOS = 1_500_000
"""A hundred and fifty calls or so: it is used up again and again."""
LIMITS = {
    "requests_per_minute": 90,
    "tokens_per_minute": 30_000,
    "concurrent_requests": 2,
}


@dataclass(frozen=True, kw_only=True)
class WantedTenant:
    name: str
    lanes: int
    is_prepaid: bool = False
    refuses_without_limiter: bool = False
    day_nanos: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


TENANTS = (
    WantedTenant(name="Chaos free", lanes=3),
    WantedTenant(name="Chaos prepaid", lanes=4, is_prepaid=True),
    WantedTenant(name="Chaos capped", lanes=3, day_nanos=CREDIT_NANOS),
    WantedTenant(name="Chaos limited", lanes=2, limits=LIMITS),
    WantedTenant(
        name="Chaos strict", lanes=2, limits=LIMITS, refuses_without_limiter=True
    ),
)


@dataclass(frozen=True, kw_only=True)
class Opened:
    lanes: Sequence[Lane]
    purses: list[Purse]
    limited: Mapping[int, str]
    """Tenants with rate limits, and their names."""


def open_tenants(product: Product) -> Opened:
    """Through the services, in a second terminal. Raises NotUpError."""
    wanted = json.dumps([asdict(one) for one in TENANTS])
    done = product.manage(
        *("shell", "--no-imports", "-c"),
        f"from benchmarks.chaos.opening import open_all; open_all({wanted!r})",
    )
    if done.returncode:
        raise NotUpError(f"The tenants cannot be opened:\n{done.stderr[-2000:]}")
    rows = json.loads(done.stdout.splitlines()[-1])
    ids = {row["name"]: row["tenant_id"] for row in rows}
    keys = [(row["tenant_id"], key) for row in rows for key in row["keys"]]
    return Opened(
        lanes=[
            Lane(number=number, tenant_id=tenant_id, **key)
            for number, (tenant_id, key) in enumerate(keys)
        ],
        purses=[
            Purse(
                tenant_id=ids[one.name],
                name=one.name,
                is_prepaid=one.is_prepaid,
                step_nanos=CREDIT_NANOS,
                amount_max_nanos=one.day_nanos or 0,
            )
            for one in TENANTS
            if one.is_prepaid or one.day_nanos
        ],
        limited={ids[one.name]: one.name for one in TENANTS if one.limits},
    )
