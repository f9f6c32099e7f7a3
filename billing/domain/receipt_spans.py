"""Which receipts of a tenant's month an invoice bills: spans of time and of places."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, kw_only=True, order=True)
class ReceiptSpan:
    """The receipts of what happened in [starts_at, ends_at), if their sequence lies
    above `after_sequence` and not above `last_sequence`.
    """

    starts_at: datetime
    ends_at: datetime
    after_sequence: int
    last_sequence: int

    @property
    def is_empty(self) -> bool:
        return (
            self.starts_at >= self.ends_at or self.after_sequence >= self.last_sequence
        )


def unbilled_spans(
    wanted: ReceiptSpan, billed: Iterable[ReceiptSpan]
) -> list[ReceiptSpan]:
    """What of `wanted` is in none of `billed`: spans that share no receipt.

    A late event has a later place than what was billed before, so it is in what is
    left, however old it is.
    """
    left = [] if wanted.is_empty else [wanted]
    for taken in billed:
        left = [part for span in left for part in _without(span, taken)]
    return sorted(left)


def _without(span: ReceiptSpan, taken: ReceiptSpan) -> Iterator[ReceiptSpan]:
    starts_at = max(span.starts_at, taken.starts_at)
    ends_at = min(span.ends_at, taken.ends_at)
    after = max(span.after_sequence, taken.after_sequence)
    last = min(span.last_sequence, taken.last_sequence)
    if starts_at >= ends_at or after >= last:
        yield span
        return
    inside = replace(span, starts_at=starts_at, ends_at=ends_at)
    parts = (
        replace(span, ends_at=starts_at),
        replace(span, starts_at=ends_at),
        replace(inside, last_sequence=after),
        replace(inside, after_sequence=last),
    )
    yield from (part for part in parts if not part.is_empty)
