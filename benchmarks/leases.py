"""What 10,000 live leases cost an engine: `python -m benchmarks.leases`.

The rules alone, as the plugin and the simulator call them within a step: a grant that
takes another's place, a sweep that ends some, and room made under pressure. In CPU
time, since other processes of the machine are not meant.
"""

import statistics
import time
from collections.abc import Callable

from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_table import LeaseTable
from inference.domain.lease_terms import LeaseTerms, PreviousLease

LEASES = 10_000
TENANTS = 100
BLOCKS_EACH = 40
"""1,280 tokens of 32."""
ROUNDS = 5_000
_MANY = 10**9


def _terms(number: int, *, previous: PreviousLease | None = None) -> LeaseTerms:
    return LeaseTerms(
        lease_id=f"kvl_{number}",
        tenant_id=f"tenant-{number % TENANTS}",
        engine_id="e",
        ttl_ms=1_000_000 + number,
        grace_ms=0,
        value=number * 7919 % 1000,
        previous=previous,
        issued_at_ms=0,
    )


def _blocks(number: int) -> range:
    start = number % LEASES * BLOCKS_EACH
    return range(start, start + BLOCKS_EACH)


def _take_turn(table: LeaseTable, number: int, *, now_ms: int) -> None:
    """The conversation's first lease, or the one that takes its place."""
    blocks = _blocks(number)
    hashes = [block.to_bytes(32, "big") for block in blocks]
    last = PreviousLease(
        lease_id=f"kvl_{number - LEASES}",
        tokens=32 * BLOCKS_EACH,
        last_hash=hashes[-1].hex(),
    )
    asked = _terms(number, previous=last if number >= LEASES else None)
    turn = table.arrive(asked, now_ms=now_ms)
    table.commit(turn, blocks=blocks, hashes=hashes, now_ms=now_ms)


def _full_table() -> LeaseTable:
    caps = LeaseCaps(all_leases=_MANY, guaranteed=_MANY, per_tenant=_MANY)
    feed = LeaseFeed(engine_id="e", epoch="1", block_tokens=32, block_bytes=1)
    table = LeaseTable(caps=caps, feed=feed)
    for number in range(LEASES):
        _take_turn(table, number, now_ms=0)
    return table


def _measure(name: str, act: Callable[[int], object], rounds: int) -> None:
    taken = []
    for number in range(rounds):
        start = time.thread_time()
        act(number)
        taken.append((time.thread_time() - start) * 1e3)
    p99 = statistics.quantiles(taken, n=100)[98]
    print(f"{name:<44} {statistics.median(taken):8.3f} {p99:8.3f} {max(taken):8.3f}")


def main() -> None:
    table = _full_table()
    print(f"{LEASES:,} live leases of {BLOCKS_EACH} blocks".ljust(44), end="")
    print("   p50 ms   p99 ms   max ms")
    _measure(
        "grant in place of another",
        lambda number: _take_turn(table, LEASES + number, now_ms=0),
        ROUNDS,
    )
    _measure("sweep that ends none", lambda _: table.sweep(now_ms=0), ROUNDS)
    _measure(
        "room for 256 blocks by revoking",
        lambda _: table.make_room(256, now_ms=0),
        200,
    )
    # Everything is overdue at once, the worst there is.
    _measure(
        "sweep that ends all it may at once", lambda _: table.sweep(now_ms=_MANY), 10
    )


if __name__ == "__main__":
    main()
