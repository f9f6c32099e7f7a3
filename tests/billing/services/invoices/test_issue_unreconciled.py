"""No invoice of a day on which events and engines differ, unless it was accepted."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.errors import UnreconciledError
from billing.models.invoices import Invoice
from billing.services.invoices.issue_due_invoices import issue_due_invoices
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from metering.audit_models import ReconciledDay, ReconciliationStatement
from metering.services.accept_statement import NotAcceptableError, accept_statement
from metering.services.reconcile_engines import reconcile_engines
from metering.services.store_usage_events import store_usage_events
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_engine, make_tenant, make_user
from tests.metering.audit import make_epoch, make_reading, us
from tests.metering.journal import make_event

DAY = timedelta(days=1)
REASON = "The engine was called by hand for a test of the network."


@pytest.fixture(autouse=True)
def _journal(tmp_path, settings):
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    settings.JOURNAL_FOLDER.mkdir()


@pytest.fixture
def draft(tenant, price):
    use(tenant, price, 15_000)
    rate_usage(now=NOON)
    return draft_of(tenant)


def judge_all(price, *, counted=15_000, tokens=15_000):
    """As if the engine had counted `counted`, and events said `tokens`."""
    engine = make_engine(name="front-row", served_model=price.served_model)
    epoch = make_epoch(engine_id=engine.pk, started_at=NOON - DAY)
    make_reading(epoch, NOON - DAY)
    make_reading(epoch, NOON + timedelta(hours=1), new=10, output=counted)
    at_us = us(NOON)
    event = make_event(
        engine_id=engine.pk,
        input_tokens=10,
        cached_input_tokens=0,
        output_tokens=tokens,
        sent_at_us=at_us - 1_000_000,
        happened_at_us=at_us,
    )
    store_usage_events([event])
    # Journals cannot be shipped beyond the present, so these days are marked by hand.
    for days in range(31):
        day = (NOON - 20 * DAY + days * DAY).date()
        ReconciledDay.objects.get_or_create(day=day, defaults={"judged_at": DECEMBER})


@pytest.fixture
def statement(price, monkeypatch):
    """Of a difference of 500 tokens."""
    judge_all(price, counted=15_500)
    monkeypatch.setattr(
        "metering.services.reconcile_engines.shipped_up_to", lambda: DECEMBER
    )
    [statement] = [s for s in reconcile_engines(NOON.date(), now=DECEMBER) if s.events]
    return statement


def test_it_works(draft, statement):
    with pytest.raises(UnreconciledError) as refusal:
        issue_invoice(draft.pk, now=DECEMBER)
    for word in ("front-row", "2026-11-21", "output +500 tokens"):
        assert word in str(refusal.value)
    assert Invoice.objects.get(pk=draft.pk).status == "draft"

    operator = make_user(is_staff=True)
    accept_statement(statement.pk, reason=REASON, accepted_by=operator, now=DECEMBER)
    assert issue_invoice(draft.pk, now=DECEMBER).status == "issued"
    acceptance = statement.acceptance
    assert (acceptance.accepted_by, acceptance.accepted_at) == (operator, DECEMBER)


def test_due_invoices_wait_and_others_go_out(tenant, price, draft, statement):
    other = make_tenant()
    use(other, price, 1_000, hour_at=NOON - 3 * DAY)
    rate_usage(now=NOON)

    issued = issue_due_invoices(now=DECEMBER + 2 * DAY)
    assert [invoice.tenant for invoice in issued] == [other]
    assert statement.status == "drifted"
    assert draft_of(tenant) == draft


def test_another_difference_must_be_accepted_anew(draft, statement):
    operator = make_user(is_staff=True)
    accept_statement(statement.pk, reason=REASON, accepted_by=operator, now=DECEMBER)
    epoch = statement.epoch
    make_reading(epoch, NOON + timedelta(hours=2), new=10, output=15_501)
    reconcile_engines(NOON.date(), now=DECEMBER)
    with pytest.raises(UnreconciledError, match=r"output \+501 tokens"):
        issue_invoice(draft.pk, now=DECEMBER)


def test_a_healed_day_is_issued(draft, statement):
    late = make_event(
        engine_id=statement.engine_id,
        input_tokens=0,
        cached_input_tokens=0,
        output_tokens=500,
        sent_at_us=us(NOON) + 1,
        happened_at_us=us(NOON) + 2,
    )
    store_usage_events([late])
    reconcile_engines(NOON.date(), now=DECEMBER)
    assert issue_invoice(draft.pk, now=DECEMBER).status == "issued"


def test_a_day_that_is_due_and_not_judged_blocks(price, draft):
    judge_all(price)
    ReconciledDay.objects.all().delete()
    with pytest.raises(UnreconciledError, match="reconcile --day 2026-11-21"):
        issue_invoice(draft.pk, now=DECEMBER)


def test_a_day_that_is_not_due_does_not_block(price, draft):
    judge_all(price)
    ReconciledDay.objects.all().delete()
    now = NOON + timedelta(hours=12)  # the day has just ended
    assert issue_invoice(draft.pk, now=now, until=now).status == "issued"


def test_days_before_the_first_reading_do_not_block(draft):
    make_reading(make_epoch(started_at=NOON + DAY), NOON + DAY)
    assert issue_invoice(draft.pk, now=DECEMBER).status == "issued"


@pytest.mark.parametrize("reason", ["", "  ok   "])
def test_it_refuses_an_acceptance_without_a_reason(statement, reason):
    with pytest.raises(NotAcceptableError, match="reason"):
        accept_statement(
            statement.pk, reason=reason, accepted_by=make_user(), now=DECEMBER
        )


def test_it_refuses_to_accept_what_is_not_there_or_needs_none(statement):
    fine = ReconciliationStatement.objects.exclude(pk=statement.pk).first()
    for pk in (0, fine.pk if fine else 0):
        with pytest.raises(NotAcceptableError):
            accept_statement(pk, reason=REASON, accepted_by=make_user(), now=DECEMBER)


def test_an_acceptance_stays(statement):
    acceptance = accept_statement(
        statement.pk, reason=REASON, accepted_by=make_user(), now=DECEMBER
    )
    acceptance.reason = "Another one, written later on."
    with pytest.raises(IntegrityError, match="the audit is kept"), transaction.atomic():
        acceptance.save()
