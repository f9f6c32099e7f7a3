"""Which days are judged, hour by hour."""

from datetime import timedelta

import pytest
from django.utils import timezone

from metering.audit_models import ReconciledDay, ReconciliationStatement
from metering.services.reconcile_due import DAYS_BACK_MAX, reconcile_due
from metering.services.store_usage_events import store_usage_events
from tests.metering.audit import after, make_epoch, make_reading, us
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db
DAY = after().date()


@pytest.fixture(autouse=True)
def _journal(root, settings):
    settings.JOURNAL_FOLDER = root


def days(*numbers):
    return [DAY + timedelta(days=n) for n in numbers]


def test_it_works():
    make_reading(make_epoch(), after())
    assert reconcile_due(now=after(days=2)) == days(0, 1, 2)
    assert [s.day for s in ReconciliationStatement.objects.all()] == [DAY]
    assert set(ReconciledDay.objects.values_list("day", flat=True)) == set(days(0, 1))
    # What is judged to its end is left alone, but for yesterday and today.
    assert reconcile_due(now=after(days=2)) == days(1, 2)


def test_a_day_that_drifted_is_judged_until_it_heals():
    make_reading(make_epoch(), after(), output=7)
    reconcile_due(now=after(days=5))
    assert reconcile_due(now=after(days=5)) == days(0, 4, 5)
    times = {
        "sent_at_us": us(after(minutes=-9)),
        "happened_at_us": us(after(minutes=-8)),
    }
    store_usage_events([make_event(input_tokens=0, cached_input_tokens=0, **times)])
    reconcile_due(now=after(days=5))
    assert reconcile_due(now=after(days=5)) == days(4, 5)


def test_it_looks_back_no_longer_than_a_month():
    make_reading(make_epoch(), after())
    found = reconcile_due(now=after(days=100))
    assert len(found) == DAYS_BACK_MAX + 1
    assert found[-1] == DAY + timedelta(days=100)


def test_nothing_was_read_yet():
    assert reconcile_due(now=after()) == []


def test_without_a_journal_nothing_is_judged(settings, tmp_path):
    settings.JOURNAL_FOLDER = tmp_path / "none"
    make_reading(make_epoch(), after())
    assert reconcile_due(now=after(days=2)) == []
    assert not ReconciledDay.objects.exists()


def test_today_is_judged_as_far_as_it_is_known():
    now = timezone.now()
    epoch = make_epoch(started_at=now - timedelta(hours=2))
    make_reading(epoch, now - timedelta(minutes=30))
    late = make_reading(epoch, now - timedelta(minutes=5))
    reconcile_due(now=now)
    latest = ReconciliationStatement.objects.order_by("-day").first()
    assert latest is not None
    assert latest.closing != late
    assert now.date() not in ReconciledDay.objects.values_list("day", flat=True)
