"""What follows from an unpaid invoice, and when. The whole schedule is here.

Cards are tried again `RETRY_DAYS` after the first failure. Each level of restriction
comes so long after the due time, with a mail; all are lifted when nothing is overdue.
"""

import enum
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from tenants.domain.letters import Letter, Text, gettext_noop

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


_HAPPENS = {
    Step.WARNED: gettext_noop(
        "Nothing changes yet. If it is still unpaid on %(no_new_keys)s, no new API keys"
        " can be made, and on %(no_calls)s calls are refused."
    ),
    Step.NO_NEW_KEYS: gettext_noop(
        "From now on no new API keys can be made. If it is still unpaid on"
        " %(no_calls)s, calls are refused."
    ),
    Step.NO_CALLS: gettext_noop(
        "From now on calls are refused, and nothing is charged for them."
    ),
}


def dunning_mail(
    level: Step,
    *,
    tenant_name: str,
    number: str,
    due: Decimal,
    currency: str,
    due_at: datetime,
    url: str,
) -> Letter:
    days = {
        step.value: due_at + after
        for step, after in LEVELS.items()
        if step is not Step.WARNED
    }
    return Letter(
        subject=gettext_noop("Invoice %(number)s is overdue", number=number),
        paragraphs=(
            gettext_noop(
                "%(due)s %(currency)s of invoice %(number)s of %(tenant)s was due on"
                " %(day)s and is not paid.",
                due=due,
                currency=currency,
                number=number,
                tenant=tenant_name,
                day=due_at,
            ),
            Text(_HAPPENS[level].english, days),
            gettext_noop(
                "Pay it here. All is as before within seconds of the payment:"
            ),
            url,
        ),
    )


def failure_mail(
    *,
    tenant_name: str,
    number: str,
    due: Decimal,
    currency: str,
    words: str,
    url: str,
) -> Letter:
    """A card payment of an invoice failed."""
    return Letter(
        subject=gettext_noop("The payment of invoice %(number)s failed", number=number),
        paragraphs=(
            gettext_noop(
                "%(due)s %(currency)s of invoice %(number)s of %(tenant)s could not be"
                " charged.",
                due=due,
                currency=currency,
                number=number,
                tenant=tenant_name,
            ),
            Text(words, {}),
            gettext_noop("Pay it, or change the card, here:"),
            url,
            gettext_noop("Otherwise the card is tried again in a few days."),
        ),
    )
