"""Which numbers are missing in what an engine told of its lease receipts."""

from dataclasses import dataclass

from inference.domain.lease_control import EVENTS_MAX, LeaseEvents


@dataclass(frozen=True, kw_only=True)
class Continuation:
    sequence: int
    """Up to here nothing more will be told."""
    is_whole: bool
    """No number is missing."""
    is_last: bool
    """There was nothing after it when the engine answered."""


def continuation(after: int, told: LeaseEvents) -> Continuation:
    """Of the receipts that an engine told when asked for those after a number."""
    expected, is_whole = after + 1, True
    for receipt in told.receipts:
        is_whole = is_whole and receipt.sequence == expected
        expected = receipt.sequence + 1
    is_last = len(told.receipts) < EVENTS_MAX
    if is_last and told.last_sequence >= expected:
        return Continuation(
            sequence=told.last_sequence, is_whole=False, is_last=is_last
        )
    return Continuation(sequence=expected - 1, is_whole=is_whole, is_last=is_last)
