"""Which terms are the best for what was used, and when it pays to keep what is read."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from billing.domain.replay import Replay


@dataclass(frozen=True, kw_only=True)
class Option:
    """Terms that a tenant holds or may come to."""

    code: str
    """Of the plan; empty: list prices without one."""
    name: str
    """Of the plan; empty without one."""
    is_held: bool
    replay: Replay | None
    """None: it does not sell something that was used."""

    @property
    def cost_nanos(self) -> int | None:
        return self.replay.cost_nanos if self.replay else None


def ranked(options: Iterable[Option]) -> list[Option]:
    """The least cost first; what is held before what costs the same, and what cannot
    be compared last.
    """
    return sorted(
        options,
        key=lambda one: (
            one.cost_nanos is None,
            one.cost_nanos or 0,
            not one.is_held,
            one.name,
        ),
    )


def better_than_held(options: Iterable[Option]) -> Option | None:
    """The one to come to: that costs less than what is held. None: stay."""
    in_order = ranked(options)
    held = next((one for one in in_order if one.is_held), None)
    best = in_order[0] if in_order else None
    if best is None or held is None or held.cost_nanos is None:
        return None
    if best.cost_nanos is None or best.cost_nanos >= held.cost_nanos:
        return None
    return best


class Verdict(StrEnum):
    PAID = "paid"
    """It cost less than reading anew, even if the cache had held all by itself."""
    OPEN = "open"
    """That hangs on what the cache would have held by itself."""
    LOST = "lost"
    """It cost more than reading all of it anew."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What a span came to with something kept, and would have come to without."""

    with_nanos: int
    least_without_nanos: int
    """If the cache had held all of it by itself."""
    most_without_nanos: int
    """If nothing of it had been in the cache."""

    @property
    def verdict(self) -> Verdict:
        if self.with_nanos <= self.least_without_nanos:
            return Verdict.PAID
        return (
            Verdict.OPEN if self.with_nanos < self.most_without_nanos else Verdict.LOST
        )

    @property
    def least_saved_nanos(self) -> int:
        """Below zero: it may have cost more."""
        return self.least_without_nanos - self.with_nanos

    @property
    def most_saved_nanos(self) -> int:
        return self.most_without_nanos - self.with_nanos


def keeping(with_: Replay, *without: Replay) -> Keeping:
    amounts = [one.cost_nanos for one in without]
    return Keeping(
        with_nanos=with_.cost_nanos,
        least_without_nanos=min(amounts),
        most_without_nanos=max(amounts),
    )
