"""Staff look at what was used; nobody changes it there."""

from uuid import UUID

import pytest
from django.urls import reverse
from django.utils import timezone

from metering.lease_models import LeaseInterval
from metering.models import JournalCursor, OpenHour, UsageEvent, UsageRollup
from metering.services.measure_leases import measure_leases
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.factories import make_engine, make_user
from tests.inference.lease_books import new_id, tell
from tests.metering.journal import make_event
from tests.metering.leases import leased_event, story

pytestmark = pytest.mark.django_db
MODELS = [UsageEvent, UsageRollup, LeaseInterval, OpenHour, JournalCursor]


@pytest.fixture
def staff(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.fixture(autouse=True)
def rows():
    """At least one of each model."""
    lease_id, engine = new_id(), make_engine()
    store_usage_events([leased_event(lease_id, engine=engine)])
    tell(engine, *story(lease_id))
    measure_leases(now=timezone.now())
    roll_up_usage()
    OpenHour.objects.create(tenant_id=1, hour_at=timezone.now())
    JournalCursor.objects.create(folder="0", segment="a")


def page(action, model, *arguments):
    name = f"admin:metering_{model._meta.model_name}_{action}"
    return reverse(name, args=arguments)


@pytest.mark.parametrize("model", MODELS)
def test_it_works(staff, model):
    row = model.objects.first()

    assert staff.get(page("changelist", model)).status_code == 200
    assert staff.get(page("change", model, row.pk)).status_code == 200


@pytest.mark.parametrize(
    "term", ["1", "smollm2-135m-instruct", "9" * 30, "not a number", "\u00b2"]
)
@pytest.mark.parametrize("model", MODELS[:2])
def test_it_searches_whatever_is_typed(staff, model, term):
    assert staff.get(page("changelist", model), {"q": term}).status_code == 200


def found(staff, term):
    listed = staff.get(page("changelist", UsageEvent), {"q": term})
    return {row.pk.hex for row in listed.context["cl"].result_list}


def test_it_finds_an_event_by_its_request_id(staff):
    event = make_event()
    store_usage_events([event])

    with_dashes = str(UUID(event.event_id))
    for term in (event.event_id, f" req_{event.event_id}", with_dashes):
        assert found(staff, term) == {event.event_id}
    assert found(staff, "0" * 32) == set()


def test_it_finds_the_events_of_a_tenant(staff):
    event = make_event(tenant_id=12)
    store_usage_events([event])

    assert found(staff, "12") == {event.event_id}


@pytest.mark.parametrize("model", MODELS)
def test_it_refuses_to_change_anything(staff, model):
    row = model.objects.first()
    before = model.objects.values().get(pk=row.pk)

    answers = [
        staff.post(page("add", model), {}),
        staff.post(page("change", model, row.pk), {"tenant_id": 2}),
        staff.post(page("delete", model, row.pk), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert model.objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", MODELS)
def test_it_refuses_who_is_not_staff(client, model):
    client.force_login(make_user())

    assert client.get(page("changelist", model)).status_code == 302
