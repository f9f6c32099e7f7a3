"""Statements of made-up readings and events: which reading counts, what is named."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from metering.audit_models import (
    EngineReading,
    ReconciledDay,
    ReconciliationLine,
    ReconciliationStatement,
)
from metering.domain.reconciliation import Source, Status
from metering.services import reconcile_engines as service
from metering.services.reconcile_engines import JournalUnknownError, reconcile_engines
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome, UsageSource
from tests.factories import make_user
from tests.metering.audit import after, make_epoch, make_reading, us
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db

DAY = after().date()
LATER = after(days=30)


@pytest.fixture(autouse=True)
def _journal(root, settings):
    """Of proxies that wrote nothing: all events are in PostgreSQL."""
    settings.JOURNAL_FOLDER = root


def store(*, sent, happened, **changes):
    """An event of 60 new and 40 cached input tokens and 7 output tokens."""
    event = make_event(
        received_at_us=us(sent),
        sent_at_us=us(sent),
        happened_at_us=us(happened),
        **changes,
    )
    store_usage_events([event])
    return event


def call_at(minutes, **changes):
    """A call of one second."""
    return store(
        sent=after(minutes=minutes),
        happened=after(minutes=minutes, seconds=1),
        **changes,
    )


def read(epoch, minutes, calls, **changes):
    """A reading that has counted so many calls."""
    counts = {"new": 60 * calls, "cached": 40 * calls, "output": 7 * calls}
    return make_reading(epoch, after(minutes=minutes), **counts | changes)


def judge(day=DAY, *, now=LATER):
    return reconcile_engines(day, now=now)


def lines_of(statement, *, is_exact=True):
    return {line.source: line for line in statement.lines.filter(is_exact=is_exact)}


def test_it_works():
    epoch = make_epoch()
    call_at(1)
    call_at(2)
    closing = read(epoch, 5, 2)

    [statement] = judge()

    assert statement.status == Status.BALANCED
    assert (statement.opening, statement.closing, statement.last) == (
        None,
        closing,
        None,
    )
    assert (statement.events, statement.events_left) == (2, 0)
    lines = lines_of(statement)
    assert {s: line.engine for s, line in lines.items()} == {
        "input": 200,
        "new_input": 120,
        "cached_input": 80,
        "output": 14,
    }
    assert all(line.billed == line.engine for line in lines.values())
    assert ReconciledDay.objects.get().day == DAY


def test_nothing_new_is_no_new_version():
    epoch = make_epoch()
    call_at(1)
    read(epoch, 5, 1)
    first, second = judge(), judge()
    assert first == second
    assert ReconciliationStatement.objects.count() == 1


def test_a_missing_event_is_a_difference_and_a_late_one_heals_it(
    django_capture_on_commit_callbacks, mailoutbox
):
    make_user(is_staff=True, email="op@example.com")
    epoch = make_epoch()
    call_at(1)
    read(epoch, 5, 2)

    with django_capture_on_commit_callbacks(execute=True):
        [statement] = judge()
    assert statement.status == Status.DRIFTED
    differences = {s: line.difference for s, line in lines_of(statement).items()}
    assert differences == {
        "input": 100,
        "new_input": 60,
        "cached_input": 40,
        "output": 7,
    }
    assert len(mailoutbox) == 1
    assert str(DAY) in mailoutbox[0].body

    with django_capture_on_commit_callbacks(execute=True):
        judge()
    assert len(mailoutbox) == 1  # told once

    call_at(2)
    [healed] = judge()
    assert (healed.version, healed.status) == (2, Status.BALANCED)


def test_an_event_that_no_engine_counted_is_a_difference_below_zero():
    epoch = make_epoch()
    call_at(1)
    read(epoch, 5, 0)
    [statement] = judge()
    assert lines_of(statement)[Source.OUTPUT].difference == -7


def test_it_takes_the_latest_reading_with_the_engine_at_rest():
    epoch = make_epoch()
    call_at(1)
    quiet = read(epoch, 5, 1)
    # Begun, and counted in part.
    busy = read(epoch, 7, 1, new=60 + 60, output=7 + 3, running=1)
    store(sent=after(minutes=6), happened=after(minutes=8))

    [statement] = judge()
    assert (statement.closing, statement.last) == (quiet, busy)
    assert (statement.status, statement.events_left) == (Status.BALANCED, 1)
    bounded = lines_of(statement, is_exact=False)[Source.OUTPUT]
    assert (bounded.least, bounded.engine, bounded.most) == (7, 10, 14)


def test_an_event_that_spans_a_reading_makes_it_no_rest():
    """The engine is done, its answer is still on the way to a slow client."""
    epoch = make_epoch()
    quiet = read(epoch, 5, 0)
    spanned = read(epoch, 7, 1)
    store(sent=after(minutes=6), happened=after(hours=2))

    [statement] = judge()
    assert (statement.closing, statement.last) == (quiet, spanned)
    assert statement.status == Status.BALANCED


def test_a_reading_right_behind_an_answer_is_no_rest():
    """An engine moves its counters after the answer has left."""
    epoch = make_epoch()
    make_reading(epoch, after(minutes=1, seconds=1, milliseconds=500))
    call_at(1)
    [statement] = judge()
    assert statement.closing is None
    assert statement.status == Status.BOUNDED


def test_a_busy_reading_beyond_its_bounds_is_a_difference():
    epoch = make_epoch()
    store(sent=after(minutes=6), happened=after(minutes=8))
    read(epoch, 7, 0, output=8, new=60, running=1)
    [statement] = judge()
    assert statement.status == Status.DRIFTED
    assert lines_of(statement, is_exact=False)[Source.OUTPUT].difference == 1


def test_the_next_day_goes_on_where_the_day_closed():
    epoch = make_epoch()
    call_at(1)
    closing = read(epoch, 5, 1)
    call_at(11 * 60)  # behind the last reading of its day
    read(epoch, 13 * 60, 2)

    [first] = judge()
    [second] = judge(DAY + timedelta(days=1))
    assert (first.events, first.events_left) == (1, 1)
    assert second.opening == closing
    assert (second.events, second.status) == (1, Status.BALANCED)
    assert lines_of(second)[Source.OUTPUT].engine == 7


def test_a_life_that_ended_names_what_nobody_can_prove():
    old = make_epoch()
    call_at(1)
    read(old, 5, 1)
    call_at(6)
    new = make_epoch(started_at=after(minutes=10))
    call_at(15)
    read(new, 20, 1)

    first, second = judge()
    assert (first.epoch, first.status, first.unprovable_events) == (
        old,
        Status.BALANCED,
        1,
    )
    assert (first.unprovable_input_tokens, first.unprovable_output_tokens) == (100, 7)
    assert (second.epoch, second.status, second.unprovable_events) == (
        new,
        Status.BALANCED,
        0,
    )
    assert second.events == 1


def test_a_call_that_saw_the_engine_die_is_of_the_life_it_was_sent_to():
    old = make_epoch()
    read(old, 5, 0)
    new = make_epoch(started_at=after(minutes=10))
    store(
        sent=after(minutes=9), happened=after(minutes=11), outcome=Outcome.ENGINE_FAILED
    )
    read(new, 20, 0)

    first, second = judge()
    assert first.unprovable_events == 1
    assert (second.status, second.events) == (Status.BALANCED, 0)


def test_without_a_known_start_the_first_reading_is_the_opening():
    epoch = make_epoch(is_start_known=False, started_at=after(minutes=3))
    call_at(1)
    opening = read(epoch, 3, 100)
    call_at(5)
    read(epoch, 6, 101)
    [statement] = judge()
    assert statement.opening == opening
    assert statement.status != Status.DRIFTED
    assert lines_of(statement, is_exact=False)[Source.OUTPUT].engine == 7


def test_an_engine_that_was_never_read_is_named():
    read(make_epoch(), -60, 0)
    call_at(1, engine_id=2)
    statements = {s.engine_id: s for s in judge()}
    assert statements[2].status == Status.UNREAD
    assert statements[2].unprovable_events == 1


def test_estimates_are_named():
    epoch = make_epoch()
    call_at(1, usage_source=UsageSource.ESTIMATE, outcome=Outcome.CLIENT_GONE)
    read(epoch, 5, 0)
    [statement] = judge()
    assert statement.status == Status.ESTIMATED
    line = lines_of(statement)[Source.INPUT]
    assert (line.engine, line.estimated, line.difference) == (0, 100, 0)


def test_unbilled_events_are_a_bucket_of_their_own():
    epoch = make_epoch()
    call_at(1, outcome=Outcome.UNBILLED)
    read(epoch, 5, 1)
    [statement] = judge()
    line = lines_of(statement)[Source.OUTPUT]
    assert (line.billed, line.unbilled, line.difference) == (0, 7, 0)


def test_models_and_engines_are_kept_apart():
    one, two = make_epoch(), make_epoch(engine_id=2)
    call_at(1)
    call_at(2, engine_id=2)
    call_at(3, model="other")
    read(one, 5, 1)
    read(one, 5, 1, model="other")
    read(two, 5, 1)
    assert [s.status for s in judge()] == [Status.BALANCED] * 3


def test_images_are_no_tokens():
    epoch = make_epoch()
    call_at(1, images=3)
    read(epoch, 5, 0)
    [statement] = judge()
    assert statement.status == Status.BALANCED


def test_it_judges_only_what_is_shipped(journal):
    epoch = make_epoch()
    read(epoch, 5, 1)
    journal.append(make_event(happened_at_us=us(after(minutes=1))))
    assert judge() == []
    assert not ReconciledDay.objects.exists()


def test_it_judges_only_readings_that_have_settled():
    epoch = make_epoch()
    read(epoch, 5, 0)
    now = after(minutes=5) + service.SETTLING
    assert judge(now=now) == []
    [statement] = judge(now=now + timedelta(seconds=1))
    assert statement.closing is not None


def test_it_refuses_without_a_journal(settings, tmp_path):
    settings.JOURNAL_FOLDER = tmp_path / "none"
    with pytest.raises(JournalUnknownError):
        judge()


def test_days_before_the_first_reading_have_no_statement():
    call_at(1)
    make_reading(make_epoch(started_at=after(days=3)), after(days=3))
    assert judge() == []


@pytest.mark.parametrize(
    "model", [EngineReading, ReconciliationStatement, ReconciliationLine]
)
def test_what_was_written_stays(model):
    epoch = make_epoch()
    call_at(1)
    read(epoch, 5, 1)
    judge()
    row = model.objects.first()
    with pytest.raises(IntegrityError, match="the audit is kept"), transaction.atomic():
        row.save()
