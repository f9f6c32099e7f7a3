"""What PostgreSQL and Valkey know after the run."""

from dataclasses import dataclass

import psycopg
import redis


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    event_id: str
    tenant_id: int
    api_key_id: int
    outcome: str
    usage_source: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_nanos: int
    received_at_us: int
    day: str
    engine_id: int
    lease_id: str
    """That the call was granted; empty: none."""
    lease_expires_at_ms: int
    leased_input_tokens: int
    lease_cost_nanos: int
    """Part of the cost."""

    @property
    def is_billed(self) -> bool:
        return self.outcome != "unbilled"


_EVENTS = """
    SELECT replace(event_id::text, '-', ''), tenant_id, api_key_id, outcome,
        usage_source, input_tokens, cached_input_tokens, output_tokens, cost_nanos,
        (extract(epoch FROM received_at) * 1000000)::bigint,
        to_char(happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), engine_id,
        coalesce(replace(lease_id::text, '-', ''), ''),
        coalesce((extract(epoch FROM lease_expires_at) * 1000)::bigint, 0),
        leased_input_tokens, lease_cost_nanos
    FROM usage_event ORDER BY received_at
"""


def read_events(database_url: str) -> list[Event]:
    """In the order in which they were received."""
    names = Event.__dataclass_fields__
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        rows = connection.execute(_EVENTS).fetchall()
    return [Event(**dict(zip(names, row, strict=True))) for row in rows]


def read_rolled_up(database_url: str) -> dict[str, int]:
    """Meter -> quantity over all rollups."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        rows = connection.execute(
            "SELECT meter, sum(quantity)::bigint FROM usage_rollup GROUP BY 1"
        ).fetchall()
    return dict(rows)


def has_open_hours(database_url: str) -> bool:
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute("SELECT count(*) FROM open_hour").fetchone()
    return row is None or row[0] > 0


def is_money_settled(valkey_url: str, tenant_ids: list[int]) -> bool:
    """Nothing is held, and what was held by dead processes was counted anew."""
    with redis.Redis.from_url(
        valkey_url, socket_timeout=5, decode_responses=True
    ) as valkey:
        server = valkey.info("server")["run_id"]
        unsure = valkey.scard("tokenfab:money:unsure")
        return (
            not unsure
            and not valkey.hlen("tokenfab:money:seeding")
            and all(
                not valkey.zcard(f"tokenfab:held:{{{tenant}}}")
                and valkey.hget(f"tokenfab:money:{{{tenant}}}", "server") == server
                for tenant in tenant_ids
            )
        )


def read_spent(valkey_url: str, tenant_id: int) -> dict[str, int]:
    """Name of the counter behind the tenant's tag -> nanos."""
    prefix = f"tokenfab:spent:{{{tenant_id}}}:"
    with redis.Redis.from_url(
        valkey_url, socket_timeout=5, decode_responses=True
    ) as valkey:
        names = sorted(valkey.scan_iter(match=prefix + "*", count=1000))
        values = valkey.mget(names) if names else []
    return {
        name.removeprefix(prefix): int(value)
        for name, value in zip(names, values, strict=True)
    }
