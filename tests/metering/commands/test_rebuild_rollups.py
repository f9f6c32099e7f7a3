import pytest
from django.core.management import CommandError, call_command

from metering.models import UsageRollup
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _damaged():
    """Two tenants' rollups of one hour, both wrong."""
    store_usage_events([make_event(), make_event(tenant_id=2)])
    roll_up_usage()
    UsageRollup.objects.update(quantity=99)


def rebuild(*arguments):
    call_command("rebuild_rollups", *arguments)
    requests = UsageRollup.objects.filter(meter="requests").order_by("tenant_id")
    return list(requests.values_list("quantity", flat=True))


def test_it_works(capsys):
    assert rebuild("--start", "2026-11-01", "--end", "2026-12-01") == [1, 1]
    assert "2 tenant-hours rolled up" in capsys.readouterr().out


def test_it_can_be_for_one_tenant():
    span = ("--start", "2026-11-21T12:00Z", "--end", "2026-11-21T15:00+02:00")
    assert rebuild(*span, "--tenant", "2") == [99, 1]


def test_it_leaves_other_hours_alone():
    assert rebuild("--start", "2026-11-21T13:00", "--end", "2026-12-01") == [99, 99]


def test_it_refuses_what_is_no_time():
    with pytest.raises(CommandError, match="no date or ISO time"):
        rebuild("--start", "yesterday", "--end", "2026-12-01")
