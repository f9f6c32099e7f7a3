"""What follows from an unpaid invoice, and when. The whole schedule is here.

Cards are tried again `RETRY_DAYS` after the first failure. Each level of restriction
comes so long after the due time, with a mail; all are lifted when nothing is overdue.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_DAYS = (1, 3, 5, 7)
"""After the first failed payment of the invoice."""


class Step(enum.StrEnum):
    """What is done once per invoice; the values of the levels are Restriction's."""

    PAYMENT_FAILED = "payment_failed"
    """A mail; then the card is tried again."""
    RETRY_1 = "retry_1"
    RETRY_2 = "retry_2"
    RETRY_3 = "retry_3"
    RETRY_4 = "retry_4"
    WARNED = "warned"
    NO_NEW_KEYS = "no_new_keys"
    NO_CALLS = "no_calls"


RETRIES = (Step.RETRY_1, Step.RETRY_2, Step.RETRY_3, Step.RETRY_4)
LEVELS = {
    Step.WARNED: timedelta(days=0),
    Step.NO_NEW_KEYS: timedelta(days=7),
    Step.NO_CALLS: timedelta(days=14),
}
"""Level -> how long after the due time; the mildest first."""


def level_at(due_at: datetime, now: datetime) -> Step | None:
    """The level that an unpaid invoice calls for; None: it is not overdue."""
    reached = [step for step, after in LEVELS.items() if now >= due_at + after]
    return reached[-1] if reached else None


def harshest(levels: Iterable[Step | None]) -> Step | None:
    order = list(LEVELS)
    found = [level for level in levels if level is not None]
    return max(found, key=order.index) if found else None


def retry_due(
    first_failed_at: datetime, taken: Iterable[Step], now: datetime
) -> Step | None:
    """The latest retry that is due and not taken. Those before it, which were missed
    while nothing ran, are not made up for.
    """
    due = [
        step
        for step, days in zip(RETRIES, RETRY_DAYS, strict=True)
        if now >= first_failed_at + timedelta(days=days)
    ]
    if not due or due[-1] in set(taken):
        return None
    return due[-1]


@dataclass(frozen=True, kw_only=True)
class DunningMail:
    subject: str
    text: str


_HAPPENS = {
    Step.WARNED: (
        "Nothing changes yet. If it is still unpaid on {no_new_keys}, no new API keys"
        " can be made, and on {no_calls} calls are refused."
    ),
    Step.NO_NEW_KEYS: (
        "From now on no new API keys can be made. If it is still unpaid on {no_calls},"
        " calls are refused."
    ),
    Step.NO_CALLS: "From now on calls are refused, and nothing is charged for them.",
}


def dunning_mail(
    level: Step, *, tenant_name: str, number: str, due: str, due_at: datetime, url: str
) -> DunningMail:
    """`due` is the amount as text."""
    days = {
        step.value: f"{due_at + after:%d %B %Y}"
        for step, after in LEVELS.items()
        if step is not Step.WARNED
    }
    return DunningMail(
        subject=f"Invoice {number} is overdue",
        text=(
            f"{due} of invoice {number} of {tenant_name} was due on"
            f" {due_at:%d %B %Y} and is not paid.\n\n"
            f"{_HAPPENS[level].format(**days)}\n\n"
            f"Pay it at {url}\n\nAll is as before within seconds of the payment.\n"
        ),
    )


def failure_mail(
    *, tenant_name: str, number: str, due: str, words: str, url: str
) -> DunningMail:
    """A card payment of an invoice failed."""
    return DunningMail(
        subject=f"The payment of invoice {number} failed",
        text=(
            f"{due} of invoice {number} of {tenant_name} could not be charged.\n\n"
            f"{words}\n\nPay it, or change the card, at {url}\n\n"
            "Otherwise the card is tried again in a few days.\n"
        ),
    )
