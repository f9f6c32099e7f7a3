"""Which sequences run, and when each of them gets its next token."""

import asyncio
import math
from collections import deque

from inference.simulator.blocks import Allocation, BlockPool
from inference.simulator.leases import Leases
from inference.simulator.metrics import Metrics
from inference.simulator.sequences import Listener, Sequence

_STEP_SECONDS_MIN = 0.002
"""Faster paces make several tokens a step, so that a step stays worth its timer."""
_BACKLOG_SECONDS_MAX = 0.1
"""A step that is later than this is not made up for by a burst of tokens."""


class Scheduler:
    """First come, first served; one step serves every sequence that is due.

    Steps lie on a grid, so that all sequences get their tokens together and one timer
    serves them all, as one forward pass does in a real engine.
    """

    def __init__(
        self,
        pool: BlockPool,
        leases: Leases,
        metrics: Metrics,
        *,
        max_sequences: int,
        tokens_per_second: float,
        ttft_seconds: float,
    ) -> None:
        self._pool = pool
        self._leases = leases
        self._metrics = metrics
        self._max_sequences = max_sequences
        pace = 1 / tokens_per_second if tokens_per_second else 0.0
        self._tokens_per_step = math.ceil(_STEP_SECONDS_MIN / pace) if pace else 1
        self._step_seconds = self._tokens_per_step * pace
        self._ttft_seconds = ttft_seconds
        self._waiting: deque[Sequence] = deque()
        self._running: dict[Sequence, None] = {}
        self._timer: asyncio.Handle | None = None
        self._wakes_at = math.inf
        self._loop = asyncio.get_running_loop()

    def submit(self, sequences: list[Sequence], listener: Listener) -> None:
        now = self._loop.time()
        for sequence in sequences:
            sequence.listener = listener
            sequence.arrived_at = now
            self._leases.arrived(sequence)
            self._waiting.append(sequence)
        self._admit(now)
        if not listener.is_streamed and not self._step_seconds:
            # Nobody watches these tokens come: no need to go through the timer.
            self._step(sequences, now)
        self._wake(now)

    def abort(self, sequences: list[Sequence]) -> None:
        """Stop the sequences that have not finished; safe to repeat."""
        for sequence in sequences:
            if sequence in self._running:
                self._leave(sequence)
            elif not sequence.made and sequence in self._waiting:
                self._waiting.remove(sequence)
                self._leases.never_began(sequence)
        self.look_again()

    def look_again(self) -> None:
        """Blocks may have become free."""
        now = self._loop.time()
        self._admit(now)
        self._wake(now)

    def _admit(self, now: float) -> None:
        self._leases.sweep()
        while self._waiting and len(self._running) < self._max_sequences:
            sequence = self._waiting[0]
            sequence.allocation = self._allocate(sequence)
            if sequence.allocation is None:
                break
            self._waiting.popleft()
            self._running[sequence] = None
            sequence.next_token_at = self._on_grid(now + self._ttft_seconds)
            self._metrics.count_lookup(sequence)
        self._metrics.running = len(self._running)
        self._metrics.waiting = len(self._waiting)
        self._metrics.kv_cache_usage = self._pool.usage
        self._leases.tell()

    def _allocate(self, sequence: Sequence) -> Allocation | None:
        output_tokens = len(sequence.reply.token_ids)
        found = self._pool.find(sequence.prompt, sequence.salt)
        self._leases.make_room(found, output_tokens=output_tokens)
        below = self._leases.restorable_blocks(sequence, len(found.known))
        return self._pool.allocate(
            found, output_tokens=output_tokens, restored_blocks=below
        )

    def _on_grid(self, at: float) -> float:
        step = self._step_seconds
        return math.ceil(at / step) * step if step else at

    def _wake(self, now: float) -> None:
        """Have the timer point at the earliest next token. An early wake does no harm,
        so a timer that is early enough stays.
        """
        if not self._running:
            return
        due_at = min(sequence.next_token_at for sequence in self._running)
        if self._timer is not None:
            if self._wakes_at <= due_at:
                return
            self._timer.cancel()
        self._wakes_at = due_at
        if due_at <= now:
            self._timer = self._loop.call_soon(self._timed_step)
        else:
            self._timer = self._loop.call_at(due_at, self._timed_step)

    def _timed_step(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._step(list(self._running), now)
        self._wake(now)

    def _step(self, sequences: list[Sequence], now: float) -> None:
        # Timers have a resolution: what is due within it is due.
        horizon = now + _STEP_SECONDS_MIN / 4
        for sequence in sequences:
            if sequence.next_token_at <= horizon and sequence in self._running:
                self._make_tokens(sequence, now)
        self._admit(now)

    def _make_tokens(self, sequence: Sequence, now: float) -> None:
        missing = len(sequence.reply.token_ids) - sequence.made
        count = min(self._take_turn(sequence, now) or missing, missing)
        if not sequence.made:
            self._count_prompt(sequence, now)
        sequence.made += count
        self._metrics.generation_tokens += count
        if sequence.is_finished:
            self._finish(sequence, now)
        sequence.listener.tokens_made(sequence)

    def _take_turn(self, sequence: Sequence, now: float) -> int:
        """How many tokens it gets now; 0: all that are missing."""
        if (pace := sequence.seconds_per_token) is not None:
            sequence.next_token_at = now + pace
            return 1
        if not self._step_seconds:
            return int(sequence.listener.is_streamed)
        sequence.next_token_at += self._step_seconds
        if sequence.next_token_at < now - _BACKLOG_SECONDS_MAX:
            sequence.next_token_at = self._on_grid(now)
        return self._tokens_per_step

    def _count_prompt(self, sequence: Sequence, now: float) -> None:
        self._metrics.count_prompt(sequence)
        self._metrics.time_to_first_token.observe(now - sequence.arrived_at)

    def _finish(self, sequence: Sequence, now: float) -> None:
        self._leave(sequence)
        if sequence.reply.finish_reason == "stop":
            self._metrics.stopped += 1
        else:
            self._metrics.reached_length += 1
        self._metrics.request_latency.observe(now - sequence.arrived_at)
        self._metrics.request_prompt_tokens.observe(len(sequence.prompt))
        self._metrics.request_generation_tokens.observe(sequence.made)

    def _leave(self, sequence: Sequence) -> None:
        del self._running[sequence]
        if sequence.allocation is not None:
            computed = sequence.computed
            self._pool.learn(sequence.allocation, computed)
            self._leases.ended(sequence, computed)
            self._pool.release(sequence.allocation)
