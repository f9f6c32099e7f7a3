"""What a call has claimed of its limits."""

import enum

from metering.proxy.limit_plan import Plan
from metering.proxy.limit_texts import Tightest
from metering.proxy.places import Places
from tenants.wire import KeyPolicy


class Source(enum.Enum):
    """Where a hold is booked."""

    NOWHERE = enum.auto()
    """Nothing limits the call."""
    VALKEY = enum.auto()
    SLICE = enum.auto()
    PROCESS = enum.auto()
    """In the share of this process, while Valkey is away."""


class Lender:
    """A slice, as its holds see it."""

    __slots__ = ()

    def settle(self, hold: "Hold", requests: int, tokens: int, images: int) -> None:
        """The hold became this use; `requests` is 0 or -1."""
        raise NotImplementedError


class Hold:
    """Ends once: settled or voided."""

    __slots__ = (
        "bucket", "call_id", "cost_nanos", "held_at_ms", "images", "is_ended",
        "lender", "made_on", "member", "places", "plan", "reports", "source",
        "tightest", "tokens",
    )  # fmt: skip

    def __init__(self, plan: Plan, source: Source) -> None:
        self.plan = plan
        self.source = source
        self.call_id = ""
        """Its place in the sets of running calls; "" where no limit asks for one."""
        self.bucket = 0
        """Of Valkey's clock; names the part of the window that holds it."""
        self.held_at_ms = 0
        self.tokens = 0
        self.images = 0
        self.cost_nanos = 0
        self.member = ""
        """Of the set of open money holds."""
        self.made_on = ""
        """Run id of the Valkey that the money hold is known to."""
        self.lender: Lender | None = None
        self.places: Places | None = None
        """Where its place may stay for the next call."""
        self.tightest: Tightest | None = None
        self.is_ended = False
        self.reports = 0
        """How many this process had made when it held this by itself."""

    @property
    def policy(self) -> KeyPolicy:
        return self.plan.policy

    @property
    def tokens_left(self) -> int | None:
        """Behind this hold; None: no limit of tokens, or one that is far."""
        if self.source is not Source.VALKEY or self.tightest is None:
            return None
        return self.tightest.tokens_left

    def headers(self) -> bytes:
        """The `x-ratelimit-*` lines, each ended by CRLF."""
        return self.tightest.headers() if self.tightest is not None else b""
