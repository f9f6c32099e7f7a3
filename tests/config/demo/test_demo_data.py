"""Given an empty database, `manage.py demo_data` leaves three tenants with a past."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from billing.domain.spend_counters import UNSURE_KEY
from billing.models.credit import CreditGrant
from billing.models.invoices import Invoice
from billing.models.payments import Payment
from billing.models.webhooks import WebhookMessage
from config.demo.year import SLUGS, write_demo
from inference.cost_models import EngineCost
from inference.lease_models import Lease
from metering.coarse_models import UsageDay
from metering.engine_usage_models import EngineLoadHour, EngineUsageHour
from metering.lease_models import LeaseInterval
from metering.models import OpenHour, UsageEvent
from tenants.audit_models import AuditEntry
from tenants.models import Tenant
from tests.factories import make_tenant
from tests.frontend.people import client_of

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def demo(db, valkey):  # noqa: ARG001  publishes what it makes
    """The steady, the spiky and the European one, with October behind them."""
    return write_demo(now=NOW, months=1, dense_days=1)


def run(*arguments):
    output = StringIO()
    call_command("demo_data", *arguments, stdout=output)
    return output.getvalue()


def test_it_works(demo, mailoutbox, valkey):
    assert [tenant.slug for tenant in demo] == list(SLUGS)
    assert all("(Demo)" in tenant.name for tenant in demo)
    assert [tenant.currency for tenant in demo] == ["USD", "USD", "EUR"]
    for tenant in demo:
        _check_october(tenant)
        days = UsageDay.objects.of_tenant(tenant.pk)
        calls = UsageEvent.objects.of_tenant(tenant.pk).count()
        assert days.aggregate(sum=Sum("requests"))["sum"] == calls > 200
    assert not OpenHour.objects.exists()
    assert not WebhookMessage.objects.exclude(next_try_at=None).exists()
    assert mailoutbox == []
    # Their money is counted anew: what was counted meanwhile is of their first days.
    assert {int(one) for one in valkey.smembers(UNSURE_KEY)} == {t.pk for t in demo}
    _check_characters(*demo)
    _check_pages(*demo)
    _check_the_engine()
    _check_the_log_is_in_order()
    counted = UsageEvent.objects.count(), AuditEntry.objects.count()
    assert "already" in run()
    assert (UsageEvent.objects.count(), AuditEntry.objects.count()) == counted


def _check_the_engine():
    """It has a cost, and was busy with the calls of the present month."""
    cost = EngineCost.objects.get()
    hours = EngineUsageHour.objects.filter(hour_at__gte=NOVEMBER)
    calls = UsageEvent.objects.metered().filter(happened_at__gte=NOVEMBER)
    asked = hours.aggregate(sum=Sum("requests"))["sum"]
    assert asked == calls.filter(is_warming=False).count() > 0
    load = EngineLoadHour.objects.filter(engine_id=cost.engine_id)
    assert load.filter(hour_at__gte=NOVEMBER, busy_seconds__gt=0).exists()


def _check_october(tenant):
    """It is billed to the last receipt, by a seller of the demo's own."""
    october, november = Invoice.objects.filter(tenant=tenant).order_by("period_start")
    assert (october.status == "draft", november.status) == (False, "draft")
    assert str(october.number).startswith("DEMO-2026-")
    calls = UsageEvent.objects.of_tenant(tenant.pk).filter(happened_at__lt=NOVEMBER)
    held = LeaseInterval.objects.of_tenant(tenant.pk).filter(ended_at__lt=NOVEMBER)
    assert october.receipt_count == calls.count() + held.count()
    assert october.issued_at == NOVEMBER + timedelta(hours=30)


def _check_characters(steady, spiky, european):
    (card,) = Payment.objects.filter(tenant=steady, invoice__status="paid")
    assert (card.kind, card.status) == ("card", "succeeded")
    assert spiky.is_prepaid
    assert CreditGrant.objects.filter(tenant=spiky, kind="purchased").exists()
    (transfer,) = Payment.objects.filter(tenant=european, invoice__tax_cents__gt=0)
    assert transfer.kind == "bank_transfer"
    held = Lease.objects.filter(tenant_id=str(european.pk), state="held")
    assert held.count() >= 5


def _check_pages(steady, spiky, european):
    for tenant, path in (
        (steady, "/"),
        (steady, "/prompts/"),
        (spiky, "/credit/"),
        (european, "/leases/"),
        (european, "/invoices/"),
    ):
        client = client_of(tenant.members.get(role="owner").user)
        assert client.get(path).status_code == 200


def _check_the_log_is_in_order():
    """As it is read: by number, each with the time of its act."""
    at = list(AuditEntry.objects.order_by("pk").values_list("at", flat=True))
    assert at == sorted(at)
    assert at[0] == datetime(2026, 10, 1, tzinfo=UTC)
    assert at[-1] > NOW - timedelta(days=30)


def test_it_refuses_a_database_with_other_tenants(db):  # noqa: ARG001
    make_tenant(name="Acme")
    with pytest.raises(CommandError, match="Acme"):
        run()
    assert Tenant.objects.count() == 1


def test_it_refuses_more_months_than_it_tells_of(db):  # noqa: ARG001
    with pytest.raises(CommandError, match="1 to 24"):
        run("--months", "25")
