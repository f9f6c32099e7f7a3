"""Operators look at the audit, and accept a difference in writing."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from metering.audit_models import (
    EngineEpoch,
    EngineReading,
    QuarantinedSegment,
    ReconciliationStatement,
    StatementAcceptance,
)
from metering.services.reconcile_engines import reconcile_engines
from metering.services.store_usage_events import store_usage_events
from tests.factories import make_engine, make_user
from tests.metering.audit import after, make_epoch, make_reading, us
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db
MODELS = [EngineEpoch, EngineReading, ReconciliationStatement, QuarantinedSegment]


@pytest.fixture
def operator():
    return make_user(is_staff=True, is_superuser=True, email="op@example.com")


@pytest.fixture
def staff(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def statement(root, settings):
    """Of 100 input and 7 output tokens said, and 5 output tokens more counted."""
    settings.JOURNAL_FOLDER = root
    engine = make_engine(name="front-row")
    epoch = make_epoch(engine_id=engine.pk)
    times = {"sent_at_us": us(after(minutes=1)), "happened_at_us": us(after(minutes=2))}
    store_usage_events([make_event(engine_id=engine.pk, **times)])
    make_reading(epoch, after(minutes=5), new=60, cached=40, output=12)
    make_reading(epoch, after(minutes=6), new=60, cached=40, output=12, running=1)
    QuarantinedSegment.objects.create(folder="0", segment="a", found_at=timezone.now())
    [statement] = reconcile_engines(after().date(), now=after(days=30))
    return statement


def page(action, model, *arguments):
    name = f"admin:metering_{model._meta.model_name}_{action}"
    return reverse(name, args=arguments)


def accept(client, statement, reason):
    inlines = {
        f"lines-{name}": "0"
        for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MAX_NUM_FORMS")
    }
    url = page("change", ReconciliationStatement, statement.pk)
    return client.post(url, {"reason": reason, **inlines})


@pytest.mark.usefixtures("statement")
@pytest.mark.parametrize("model", MODELS)
def test_it_works(staff, model):
    row = model.objects.first()
    assert staff.get(page("changelist", model)).status_code == 200
    assert staff.get(page("change", model, row.pk)).status_code == 200
    assert staff.post(page("delete", model, row.pk), {"post": "yes"}).status_code == 403


def test_a_statement_is_drawn(staff, statement):
    listed = staff.get(page("changelist", ReconciliationStatement)).content.decode()
    assert "front-row" in listed
    assert "output +5" in listed

    shown = staff.get(page("change", ReconciliationStatement, statement.pk))
    text = shown.content.decode()
    assert len(re.findall("<svg viewBox", text)) == 2
    assert "output: engine 12, difference 5" in text
    assert "differs by +5" in text
    widths = re.findall(r'<rect x="130.0" y="\d+" width="([\d.]+)" height="18"', text)
    assert max(map(float, widths)) == 480


def test_it_lists_the_latest_version_unless_asked(staff, statement):
    make_reading(statement.epoch, after(minutes=7), new=60, cached=40, output=13)
    reconcile_engines(after().date(), now=after(days=30))
    url = page("changelist", ReconciliationStatement)

    def versions(**filters):
        listed = staff.get(url, filters).context["cl"].result_list
        return sorted(row.version for row in listed)

    assert versions() == [2]
    assert versions(versions="all") == [1, 2]


def test_a_difference_is_accepted_in_writing(staff, operator, statement):
    answer = accept(staff, statement, "A test of the network by hand.")
    assert answer.status_code == 302
    acceptance = StatementAcceptance.objects.get()
    assert (acceptance.statement, acceptance.accepted_by) == (statement, operator)

    shown = staff.get(page("change", ReconciliationStatement, statement.pk))
    assert "op@example.com" in shown.content.decode()
    assert accept(staff, statement, "And once more, by hand.").status_code == 403


def test_it_refuses_an_acceptance_without_a_reason(staff, statement):
    answer = accept(staff, statement, "ok")
    assert answer.status_code == 200
    assert not StatementAcceptance.objects.exists()


def test_it_refuses_staff_who_may_only_look(client, statement):
    looker = make_user(is_staff=True)
    looker.user_permissions.add(
        Permission.objects.get(codename="view_reconciliationstatement")
    )
    client.force_login(looker)
    assert accept(client, statement, "A test of the network.").status_code == 403


def test_a_balanced_statement_offers_nothing(staff, root, settings):
    settings.JOURNAL_FOLDER = root
    make_reading(make_epoch(), after(minutes=5))
    [statement] = reconcile_engines(after().date(), now=after(days=30))
    shown = staff.get(page("change", ReconciliationStatement, statement.pk))
    assert "Accept the difference" not in shown.content.decode()
    assert accept(staff, statement, "A test of the network.").status_code == 403
