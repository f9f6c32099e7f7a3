"""The schedule, to the second."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.domain.dunning import (
    RETRIES,
    Step,
    dunning_mail,
    failure_mail,
    harshest,
    level_at,
    retry_due,
)

DUE = datetime(2026, 12, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("after", "level"),
    [
        (timedelta(days=-30), None),
        (-SECOND, None),
        (timedelta(0), Step.WARNED),
        (timedelta(days=7) - SECOND, Step.WARNED),
        (timedelta(days=7), Step.NO_NEW_KEYS),
        (timedelta(days=14) - SECOND, Step.NO_NEW_KEYS),
        (timedelta(days=14), Step.NO_CALLS),
        (timedelta(days=400), Step.NO_CALLS),
    ],
)
def test_levels(after, level):
    assert level_at(DUE, DUE + after) == level


def test_the_harshest_level_of_several_invoices_holds():
    assert harshest([None, Step.NO_NEW_KEYS, Step.WARNED]) == Step.NO_NEW_KEYS
    assert harshest([None]) is None
    assert harshest([]) is None


@pytest.mark.parametrize(
    ("days", "step"),
    [(0, None), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3), (100, 3)],
)
def test_retries(days, step):
    expected = None if step is None else RETRIES[step]

    assert retry_due(DUE, [], DUE + timedelta(days=days)) == expected


def test_a_retry_comes_once():
    now = DUE + timedelta(days=3)

    assert retry_due(DUE, [Step.RETRY_1, Step.RETRY_2], now) is None


def test_what_was_missed_is_not_made_up_for():
    """After a week without a task, the card is tried once and not four times."""
    now = DUE + timedelta(days=9)

    assert retry_due(DUE, [], now) == Step.RETRY_4
    assert retry_due(DUE, [Step.RETRY_4], now) is None


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (Step.WARNED, "29 December 2026 calls are refused"),
        (Step.NO_NEW_KEYS, "29 December 2026, calls are refused"),
        (Step.NO_CALLS, "From now on calls are refused"),
    ],
)
def test_mails_say_what_happens_and_how_to_mend_it(level, said):
    mail = dunning_mail(
        level,
        tenant_name="Acme",
        number="TF-2026-000001",
        due=Decimal("10.00"),
        currency="USD",
        due_at=DUE,
        url="https://portal/invoices/1/",
    )

    assert str(mail.subject) == "Invoice TF-2026-000001 is overdue"
    assert said in " ".join(mail.text.split())
    assert "10.00 USD" in mail.text
    assert "https://portal/invoices/1/" in mail.text
    assert "%(" not in mail.text


def test_a_failed_payment_is_told_in_words():
    mail = failure_mail(
        tenant_name="Acme",
        number="TF-1",
        due=Decimal("1.00"),
        currency="USD",
        words="No.",
        url="https://x/",
    )

    assert "No." in mail.text
    assert "https://x/" in mail.text
