"""Which sequences run, and when each of them gets its next token."""

import asyncio
import math
from collections import deque
from typing import Protocol

from inference.simulator.blocks import Allocation, BlockPool
from inference.simulator.metrics import Metrics
from inference.simulator.replies import Reply

_STEP_SECONDS_MIN = 0.002
"""Faster paces make several tokens a step, so that a step stays worth its timer."""
_BACKLOG_SECONDS_MAX = 0.1
"""A step that is later than this is not made up for by a burst of tokens."""


class Listener(Protocol):
    is_streamed: bool

    def tokens_made(self, sequence: "Sequence") -> None:
        """`sequence.made` has grown; the sequence may have finished."""


class Sequence:
    """One choice of one call on its way through the engine."""

    __slots__ = (
        "allocation",
        "arrived_at",
        "index",
        "listener",
        "made",
        "next_token_at",
        "prompt",
        "reply",
        "salt",
        "seconds_per_token",
    )

    def __init__(
        self, *, index: int, prompt: list[int], salt: str, reply: Reply
    ) -> None:
        self.index = index
        self.prompt = prompt
        self.salt = salt
        self.reply = reply
        self.made = 0
        """Tokens made so far; output tokens in the end."""
        self.seconds_per_token: float | None = None
        """Its own pace, where a fault slows it down; None: the engine's."""
        self.allocation: Allocation | None = None
        self.arrived_at = 0.0
        self.next_token_at = 0.0
        self.listener: Listener

    @property
    def is_finished(self) -> bool:
        return self.made == len(self.reply.token_ids)

    def text_since(self, start: int) -> str:
        """What may be shown now and could not be after `start` tokens."""
        shown = self.reply.shown
        return self.reply.text[shown[start] : shown[self.made]]

    @property
    def cached_tokens(self) -> int:
        return self.allocation.cached_tokens if self.allocation else 0

    @property
    def cache_write_tokens(self) -> int:
        return self.allocation.cache_write_tokens if self.allocation else 0


class Scheduler:
    """First come, first served; one step serves every sequence that is due.

    Steps lie on a grid, so that all sequences get their tokens together and one timer
    serves them all, as one forward pass does in a real engine.
    """

    def __init__(
        self,
        pool: BlockPool,
        metrics: Metrics,
        *,
        max_sequences: int,
        tokens_per_second: float,
        ttft_seconds: float,
    ) -> None:
        self._pool = pool
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
        now = self._loop.time()
        self._admit(now)
        self._wake(now)

    def _admit(self, now: float) -> None:
        while self._waiting and len(self._running) < self._max_sequences:
            sequence = self._waiting[0]
            sequence.allocation = self._pool.allocate(
                sequence.prompt,
                output_tokens=len(sequence.reply.token_ids),
                salt=sequence.salt,
            )
            if sequence.allocation is None:
                break
            self._waiting.popleft()
            self._running[sequence] = None
            sequence.next_token_at = self._on_grid(now + self._ttft_seconds)
            self._metrics.prefix_cache_queries += len(sequence.prompt)
            self._metrics.prefix_cache_hits += sequence.allocation.cached_tokens
        self._metrics.running = len(self._running)
        self._metrics.waiting = len(self._waiting)
        self._metrics.kv_cache_usage = self._pool.usage

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
        # As in vLLM the prompt is counted with the first token, not on admission.
        self._metrics.prompt_tokens += len(sequence.prompt)
        self._metrics.cached_prompt_tokens += sequence.cached_tokens
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
            # The last token made has no KV yet: it would be the next one's input.
            output = sequence.reply.token_ids[: max(0, sequence.made - 1)]
            self._pool.release(sequence.allocation, sequence.prompt + output)
