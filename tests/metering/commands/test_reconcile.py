"""`manage.py reconcile` prints a table, and fails where something differs."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from metering.services.store_usage_events import store_usage_events
from tests.factories import make_engine
from tests.metering.audit import after, make_epoch, make_reading, us
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _journal_folder(root, settings):
    settings.JOURNAL_FOLDER = root


def reconcile(*, output):
    """A day with 7 output tokens in events and `output` counted by the engine."""
    engine = make_engine(name="front-row")
    times = {"sent_at_us": us(after(minutes=1)), "happened_at_us": us(after(minutes=2))}
    store_usage_events([make_event(engine_id=engine.pk, **times)])
    epoch = make_epoch(engine_id=engine.pk)
    make_reading(epoch, after(minutes=5), new=60, cached=40, output=output)
    out = StringIO()
    try:
        call_command("reconcile", "--day", str(after().date()), stdout=out)
    finally:
        print(out.getvalue())  # noqa: T201  shown if it fails
    return out.getvalue()


def test_it_works():
    text = reconcile(output=7)
    assert "engine front-row" in text
    assert ": balanced, version 1" in text
    assert [line.split() for line in text.splitlines() if "output  " in line] == [
        ["output", "7", "7", "0", "0", "0", "7", "7", "0"]
    ]


def test_it_fails_where_something_differs():
    with pytest.raises(CommandError, match="nothing explains"):
        reconcile(output=8)


def test_it_says_so_where_there_is_nothing():
    out = StringIO()
    call_command("reconcile", "--day", "2026-01-01", stdout=out)
    assert "Nothing was read or used" in out.getvalue()


def test_it_refuses_without_a_journal(settings, tmp_path):
    settings.JOURNAL_FOLDER = tmp_path / "none"
    with pytest.raises(CommandError, match="no journal here"):
        call_command("reconcile")


def test_it_refuses_what_is_no_day():
    with pytest.raises(CommandError, match="no date"):
        call_command("reconcile", "--day", "yesterday")
