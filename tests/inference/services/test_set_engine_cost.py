"""From when on an engine costs what."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from inference.cost_models import EngineCost
from inference.errors import InvalidEngineError
from inference.services.set_engine_cost import set_engine_cost
from tenants.audit_models import StaffEntry
from tenants.errors import UnknownCurrencyError
from tests.factories import make_engine

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def set_it(engine, **changes):
    values = {
        "starts_at": NOON,
        "gpus": 2,
        "nanos_per_gpu_hour": 2_500_000_000,
        "currency": "USD",
        "now": NOON,
    }
    return set_engine_cost(engine, **{**values, **changes})


def test_it_works():
    engine = make_engine(name="first")
    cost = set_it(engine)
    assert (cost.engine, cost.gpus, cost.currency) == (engine, 2, "USD")
    entry = StaffEntry.objects.get()
    assert (entry.action, entry.about_id) == ("engine.cost_set", str(engine.pk))
    assert entry.words == (
        "first: 2 GPUs at 2500000000 nanos USD an hour each, from 2026-11-21 12:00 UTC"
    )


@pytest.mark.parametrize(
    "changes", [{"gpus": -1}, {"gpus": 5_000}, {"nanos_per_gpu_hour": -1}]
)
def test_it_refuses_what_no_engine_costs(changes):
    with pytest.raises(InvalidEngineError):
        set_it(make_engine(), **changes)
    assert not EngineCost.objects.exists()
    assert not StaffEntry.objects.exists()


def test_it_refuses_a_currency_that_is_not_sold_in():
    with pytest.raises(UnknownCurrencyError):
        set_it(make_engine(), currency="JPY")


def test_what_was_entered_is_kept():
    cost = set_it(make_engine())
    refused = pytest.raises(DatabaseError, match="what an engine cost is kept")
    with refused, transaction.atomic():
        EngineCost.objects.filter(pk=cost.pk).update(gpus=1)
