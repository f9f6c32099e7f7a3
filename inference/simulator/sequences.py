"""One choice of one call on its way through the engine, and who waits for it."""

from typing import Protocol

from inference.simulator.blocks import Allocation
from inference.simulator.faults import Fault, Kind
from inference.simulator.replies import Reply


class Listener(Protocol):
    is_streamed: bool

    def tokens_made(self, sequence: "Sequence") -> None:
        """`sequence.made` has grown; the sequence may have finished."""


class Sequence:
    """One choice of one call on its way through the engine."""

    __slots__ = (
        "allocation",
        "arrived_at",
        "fault",
        "index",
        "lease",
        "listener",
        "made",
        "next_token_at",
        "prompt",
        "reply",
        "salt",
        "seconds_per_token",
        "told",
        "turn_id",
    )

    def __init__(
        self,
        *,
        index: int,
        prompt: list[int],
        salt: str,
        reply: Reply,
        lease: object = None,
    ) -> None:
        """`lease`: signed terms, or whatever a caller wrote in their place."""
        self.index = index
        self.prompt = prompt
        self.salt = salt
        self.reply = reply
        self.lease = lease
        self.turn_id = ""
        """By which leases know its turn; empty: it takes part in none."""
        self.fault: Kind | None = None
        self.told: dict[str, object] | None = None
        """The answer's `kv_transfer_params`."""
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

    @property
    def token_ids(self) -> list[int]:
        return self.prompt + self.reply.token_ids[: self.made]

    @property
    def computed(self) -> list[int]:
        """Without the last token made: its KV comes when it is the next one's input."""
        return self.prompt + self.reply.token_ids[: max(0, self.made - 1)]

    def suffer(self, fault: Fault) -> None:
        self.fault = fault.kind
        if fault.kind is Kind.SLOW:
            self.seconds_per_token = fault.number / 1000

    def text_since(self, start: int) -> str:
        """What may be shown now and could not be after `start` tokens."""
        shown = self.reply.shown
        return self.reply.text[shown[start] : shown[self.made]]

    @property
    def cached_tokens(self) -> int:
        return self.allocation.cached_tokens if self.allocation else 0

    @property
    def restored_tokens(self) -> int:
        return self.allocation.restored_tokens if self.allocation else 0

    @property
    def cache_write_tokens(self) -> int:
        return self.allocation.cache_write_tokens if self.allocation else 0
