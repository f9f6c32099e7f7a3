"""Faults on request: an engine that hangs, fails, lies or dies in the middle.

Written as `kind` or `kind:number`, for example `die:300`. They befall every call to
`/v1` (SIMULATOR_FAULT), the next calls (`POST /simulator/fault`), or one call (header
`x-simulator-fault`); the last two only with SIMULATOR_FAULTS=1.
"""

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    HANG = "hang"
    """Says nothing more after `number` bytes of the answer, head included; the
    connection stays open."""
    DIE = "die"
    """Closes the connection after `number` bytes of the answer, head included."""
    STATUS = "status"
    """Answers with this status, and an error body, before any work."""
    GARBAGE = "garbage"
    """Answers 200 with a body that is no JSON and no event stream."""
    NOT_HTTP = "not-http"
    """Answers with bytes that are no HTTP."""
    SLOW = "slow"
    """Makes one token every `number` milliseconds."""
    BREAK = "break"
    """The engine dies after `number` tokens, at least one; the answer ends as vLLM
    ends it then, each dialect in its own way."""
    NO_USAGE = "no-usage"
    """Answers well, but leaves every usage object out."""
    RESTART = "restart"
    """Begins anew instead of an answer: another engine epoch, in which nothing is
    cached, leased or counted."""
    LOSE = "lose"
    """Loses its cache and with it all leases, and then answers well."""
    UNPIN = "unpin"
    """Loses what its leases hold and does not notice, and then answers well."""
    FULL = "full"
    """Has no room for the call's lease but what its conversation holds already."""
    GAP = "gap"
    """Never tells the receipts of the call's turn to those who ask for receipts."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    number: int = 0


_NUMBERS = {Kind.STATUS: 500, Kind.SLOW: 1000}


def parse_fault(text: str) -> Fault | None:
    """None for an empty text. Raises ValueError for a fault that does not exist."""
    if not text:
        return None
    name, _, number = text.partition(":")
    kind = Kind(name.strip())
    return Fault(kind, int(number) if number else _NUMBERS.get(kind, 0))


class FaultPlan:
    """Which fault befalls the next call to `/v1`."""

    def __init__(self, fault: str, *, takes_orders: bool) -> None:
        self._always = parse_fault(fault)
        self.takes_orders = takes_orders
        self._next: Fault | None = None
        self._times = 0

    def order(self, fault: str, times: int) -> None:
        """Let `fault` befall the next `times` calls. Raises ValueError."""
        self._next = parse_fault(fault)
        self._times = times

    def draw(self, header: str) -> Fault | None:
        """The fault of a call that brings this header; raises ValueError for an
        unknown one.
        """
        if header and self.takes_orders:
            return parse_fault(header)
        if self._times > 0:
            self._times -= 1
            return self._next
        return self._always
