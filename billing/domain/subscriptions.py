"""When a tenant may come to a plan, and leave it."""

from datetime import datetime

from billing.errors import ChangeInThePastError, CommitmentRunsError


def whole_second(instant: datetime) -> datetime:
    """Plans are shared out by whole seconds, so they begin and end at such."""
    return instant.replace(microsecond=0)


def check_start(at: datetime, *, now: datetime) -> None:
    """What a time that is over costs is not changed any more. Raises
    ChangeInThePastError.
    """
    if at < whole_second(now):
        raise ChangeInThePastError("A plan cannot begin or end before now.")


def check_leaving(at: datetime, commitment_ends_at: datetime | None) -> None:
    """Raises CommitmentRunsError."""
    if commitment_ends_at is not None and at < commitment_ends_at:
        raise CommitmentRunsError(
            f"The plan is committed to until {commitment_ends_at:%Y-%m-%d %H:%M} UTC;"
            " it can end then."
        )
