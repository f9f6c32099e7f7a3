"""What the simulated engine makes of leases: `python -m benchmarks.simulated_leases`.

First a flood, 100 times: one conversation with a lease and one without are left alone
while foreign prompts fill the whole pool eight times. Then 10,000 leases on one engine:
what it costs when terms arrive, when a turn ends (its blocks are hashed and held, and
the lease before is let go), and when leases run out. In CPU time, since other processes
of the machine are not meant; Python's garbage collector is at work and shows in the
maxima. The exit status is 1 if a lease was broken.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator

from inference.domain.block_hash import block_hashes
from inference.domain.lease_terms import LeaseTerms, PreviousLease, derive_key, sign
from inference.simulator.blocks import BLOCK_TOKENS, BlockPool
from inference.simulator.leases import Leases
from inference.simulator.metrics import Metrics
from inference.simulator.replies import Reply
from inference.simulator.scheduler import Scheduler
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

RUNS = 100
FLOOD_TIMES = 8
LEASES = 10_000
TENANTS = 100
TURNS = 5_000
SWEEPS = 50
FULL_BLOCKS = 40
"""1,280 tokens and an answer that fills no further block."""
SMALL = Settings(engine_id="e", key="k", block_count=64, context_tokens=512)
LARGE = Settings(engine_id="e", key="k", block_count=810_000)
_OUTPUT = [1] * 17
_WORDS = range(1_000, 5_000)
"""As many different tokens as a long text has."""
_LONG_MS = 86_400_000


class Silence:
    """A caller who listens to nothing."""

    is_streamed = False

    def tokens_made(self, sequence: Sequence) -> None:
        pass


class Engine:
    """Without HTTP and without a pace."""

    def __init__(self, settings: Settings) -> None:
        metrics = Metrics(model=settings.model, block_count=settings.block_count)
        self.pool = BlockPool(settings.block_count)
        self.leases = Leases(self.pool, settings)
        self._scheduler = Scheduler(
            self.pool,
            self.leases,
            metrics,
            max_sequences=settings.max_sequences,
            tokens_per_second=0,
            ttft_seconds=0,
        )

    def cached_tokens(
        self, prompt: list[int], *, tenant: str, terms: str | None = None
    ) -> int:
        """Of a whole call."""
        sequence = _sequence(prompt, tenant, terms)
        self._scheduler.submit([sequence], Silence())
        return sequence.cached_tokens


class Conversations:
    """Of many tenants, each with a lease, on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._prompts = [_tokens(FULL_BLOCKS * BLOCK_TOKENS) for _ in range(LEASES)]
        self._leases: list[PreviousLease | None] = [None] * LEASES

    def arrive(self, turn: int) -> Sequence:
        number, tenant = turn % LEASES, f"tenant-{turn % TENANTS}"
        terms = _terms(f"kvl_{turn}", tenant, self._leases[number])
        self._leases[number] = self._leases[number] or self._first(number, tenant)
        return _sequence(self._prompts[number], tenant, terms)

    def end(self, sequence: Sequence) -> Callable[[], None]:
        """Does all but the part that is returned."""
        pool = self._engine.pool
        found = pool.find(sequence.prompt, sequence.salt)
        allocation = pool.allocate(found, output_tokens=len(_OUTPUT))
        assert allocation, "the pool is large enough"
        sequence.made = len(_OUTPUT)
        computed = sequence.computed
        pool.learn(allocation, computed)

        def end() -> None:
            self._engine.leases.ended(sequence, computed)
            pool.release(allocation)

        return end

    def _first(self, number: int, tenant: str) -> PreviousLease:
        """That of the first round; its hash is that of all later ones."""
        tokens = FULL_BLOCKS * BLOCK_TOKENS
        lease_id = f"kvl_{number}"
        *_, last = _hashes(_sequence(self._prompts[number], tenant, None))
        return PreviousLease(lease_id=lease_id, tokens=tokens, last_hash=last.hex())


def _hashes(sequence: Sequence) -> Iterator[bytes]:
    """As a turn's end computes them."""
    tokens, salt = sequence.token_ids, sequence.salt
    return block_hashes(tokens, salt=salt, block_tokens=BLOCK_TOKENS)


def _sequence(prompt: list[int], tenant: str, terms: str | None) -> Sequence:
    shown = [0] * (len(_OUTPUT) + 1)
    reply = Reply(token_ids=_OUTPUT, text="", shown=shown, finish_reason="length")
    return Sequence(index=0, prompt=prompt, salt=tenant, reply=reply, lease=terms)


def _terms(lease_id: str, tenant: str, previous: PreviousLease | None = None) -> str:
    terms = LeaseTerms(
        lease_id=lease_id,
        tenant_id=tenant,
        engine_id="e",
        ttl_ms=_LONG_MS,
        value=1,
        previous=previous,
        issued_at_ms=time.time_ns() // 1_000_000,
    )
    return sign(terms, key=derive_key("k"))


def _tokens(count: int) -> list[int]:
    return random.choices(_WORDS, k=count)  # noqa: S311 - no secret


def flood() -> bool:
    """Whether every lease was kept, and nothing else."""
    kept, lucky = 0, 0
    for run in range(RUNS):
        engine, leased, plain = Engine(SMALL), _tokens(300), _tokens(300)
        engine.cached_tokens(leased, tenant="a", terms=_terms(f"kvl_{run}", "a"))
        engine.cached_tokens(plain, tenant="a")
        for _ in range(FLOOD_TIMES * SMALL.block_count * BLOCK_TOKENS // 400 + 1):
            engine.cached_tokens(_tokens(400), tenant="b")
        again = _OUTPUT + _tokens(19)
        kept += engine.cached_tokens(leased + again, tenant="a") == 288
        lucky += engine.cached_tokens(plain + again, tenant="a") > 0
    print(f"flood of {FLOOD_TIMES} pools: {kept} of {RUNS} leases kept whole, ", end="")
    print(f"{lucky} of {RUNS} unleased conversations found anything")
    return (kept, lucky) == (RUNS, 0)


def crowd() -> None:
    engine = Engine(LARGE)
    talks, keeper = Conversations(engine), engine.leases.keeper
    arrivals, hashing, ends = [], [], []
    for turn in range(LEASES + TURNS):
        sequence = talks.arrive(turn)
        arrivals.append(_milliseconds(lambda: engine.leases.arrived(sequence)))  # noqa: B023 - called at once
        ends.append(_milliseconds(talks.end(sequence)))
        hashing.append(_milliseconds(lambda: list(_hashes(sequence))))  # noqa: B023 - called at once
    assert len(keeper.table) == LEASES, "no lease was refused"
    print(f"{LEASES:,} live leases of {FULL_BLOCKS} blocks".ljust(44), end="")
    print("   p50 ms   p99 ms   max ms")
    _tell("terms arrive", arrivals[LEASES:])
    _tell("a turn ends, its lease takes another's place", ends[LEASES:])
    _tell("of it, the hashes of its blocks", hashing[LEASES:])
    _tell("sweep that ends none", [_milliseconds(keeper.sweep) for _ in range(TURNS)])
    later = keeper.clock_ms() + 2 * _LONG_MS

    def overdue() -> None:
        keeper.carry_out(keeper.table.sweep(now_ms=later))

    _tell(
        "sweep that ends all it may at once",
        [_milliseconds(overdue) for _ in range(SWEEPS)],
    )


def _milliseconds(act: Callable[[], object]) -> float:
    start = time.thread_time()
    act()
    return (time.thread_time() - start) * 1e3


def _tell(name: str, taken: list[float]) -> None:
    p99 = statistics.quantiles(taken, n=100)[98]
    print(f"{name:<44} {statistics.median(taken):8.3f} {p99:8.3f} {max(taken):8.3f}")


async def main() -> int:
    is_kept = flood()
    crowd()
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
