"""Pass after pass, whatever fails."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from metering.domain.months import months_from
from metering.models import UsageEvent
from metering.services import prepare_usage_partitions as partitions
from metering.services.prepare_usage_partitions import has_partition
from metering.services.ship_until_stopped import ship_until_stopped
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_SECONDS = 30


@pytest.fixture
def _without_later_months(monkeypatch):
    """Only the present month is made, and nobody waits long for the later ones."""
    partitions.prepare_usage_partitions(timezone.now())
    monkeypatch.setattr(partitions, "LOCK_MILLISECONDS_MAX", 50)
    _, *later = months_from(timezone.now(), count=partitions.MONTHS_AHEAD)
    with connection.cursor() as cursor:
        for month in later:
            cursor.execute(f"DROP TABLE {partitions.partition_name(month)}")


def ship_a_little(root):
    """A few passes, in a thread with a connection of its own."""
    questions = iter([False] * 20)

    def wait(_):
        return next(questions, True)

    def run():
        try:
            ship_until_stopped(root, wait=wait)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(WAIT_SECONDS)


@pytest.mark.usefixtures("_without_later_months")
def test_it_ships_on_while_later_months_cannot_be_made(root, journal, caplog):
    journal.append(make_event())
    with transaction.atomic():
        assert not UsageEvent.objects.exists()  # holds the table, like a long query
        ship_a_little(root)
    assert UsageEvent.objects.count() == 1
    assert "later months are left to the next task" in caplog.text


def test_it_makes_the_months_before_it_ships(root):
    ship_a_little(root)
    assert has_partition(timezone.now())
