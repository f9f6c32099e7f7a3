"""What engines and models earn and cost."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from billing.models.price_books import PriceBook
from inference.cost_models import EngineCost
from inference.services.set_engine_cost import set_engine_cost
from metering.engine_usage_models import EngineLoadHour
from metering.services.fold_engine_usage import fold_engine_usage
from tenants.audit_models import StaffEntry
from tests.factories import make_engine, make_user
from tests.frontend.believable import RATES, call, price, priced_second_model, record
from tests.frontend.people import client_of

USD = 1_000_000_000
CALL_NANOS = (500 * RATES[0] + 700 * RATES[1] + 90 * RATES[2]) // 1_000_000
"""Of 500 new, 700 cached and 90 output tokens."""
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr("frontend.operator.views.margin.timezone.now", lambda: NOW)


@pytest.fixture
def engine(version):
    return make_engine(served_model=version.served_model, name="first")


@pytest.fixture
def root(people):
    del people
    return client_of(make_user(is_staff=True, is_superuser=True))


def used(people, version, engine, at, calls=1):
    events = [
        call(people.api_key, version, at, engine_id=engine.pk) for _ in range(calls)
    ]
    record(events, NOW)
    fold_engine_usage(now=NOW)


def costs(engine, starts_at=MONTH, **changes):
    values = {"gpus": 2, "nanos_per_gpu_hour": USD, "currency": "USD", "now": NOW}
    return set_engine_cost(engine, starts_at=starts_at, **{**values, **changes})


def read(people, query="?by=engine"):
    return people.client("staff").get(f"/operator/margin/{query}").context["margin"]


def test_it_works(people, version, engine):
    used(people, version, engine, NOW - DAY, calls=3)
    costs(engine, NOW - timedelta(hours=10))
    EngineLoadHour.objects.create(
        hour_at=NOW - timedelta(hours=2), engine_id=engine.pk, busy_seconds=1_800
    )

    found = read(people)

    (line,) = found.lines
    assert (line.title, line.requests, line.tokens) == ("first", 3, 3 * 1_290)
    assert line.revenue_nanos == 3 * CALL_NANOS
    assert line.cost.amount_nanos == 20 * USD
    assert line.cost.gpu_seconds == 20 * 3600
    assert line.margin_nanos == 3 * CALL_NANOS - 20 * USD
    assert line.busy_percent == 5
    assert line.revenue_nanos_per_million == pytest.approx(
        CALL_NANOS * 1_000_000 / 1_290, abs=1
    )
    assert found.total.margin_nanos == line.margin_nanos
    assert [day.revenue_nanos for day in found.days][-2:] == [3 * CALL_NANOS, 0]
    assert [day.cost.amount_nanos for day in found.days][-2:] == [0, 20 * USD]
    assert len(found.days) == NOW.day


def test_a_day_falls_to_its_models_by_their_tokens(people, version, engine):
    second = priced_second_model()
    used(people, version, engine, NOW - DAY, calls=3)
    used(people, second, engine, NOW - DAY)
    costs(engine, NOW.replace(hour=0) - DAY)

    lines = {line.title: line for line in read(people, "?by=model").lines}

    first, other = lines[version.served_model.name], lines["qwen3-32b"]
    assert other.cost.amount_nanos == 48 * USD // 4
    # The half of today is the model's that the engine serves: nobody called it.
    assert first.cost.amount_nanos == 48 * USD * 3 // 4 + 24 * USD


def test_days_are_read_too(people, version, engine):
    used(people, version, engine, NOW - DAY)
    costs(engine)
    lines = read(people, "?by=day").lines
    assert [line.title for line in lines][:2] == ["2026-11-21", "2026-11-20"]
    assert lines[1].margin_nanos == CALL_NANOS - 48 * USD
    assert sum(line.cost.amount_nanos for line in lines) == 2 * USD * (20 * 24 + 12)


def test_currencies_are_never_added(people, version, engine):
    euros = PriceBook.objects.list_book("EUR")
    in_euros = price(version.served_model, price_book=euros)
    used(people, version, engine, NOW - DAY)
    used(people, in_euros, engine, NOW - DAY, calls=2)
    costs(engine, currency="EUR")

    dollars, in_eur = read(people), read(people, "?by=engine&currency=EUR")

    assert dollars.currencies == ["EUR", "USD"]
    assert dollars.total.revenue_nanos == CALL_NANOS
    assert dollars.total.cost.amount_nanos == 0
    assert in_eur.total.revenue_nanos == 2 * CALL_NANOS
    assert in_eur.total.cost.amount_nanos == 2 * USD * (20 * 24 + 12)


def test_an_engine_without_a_cost_is_named(people, version, engine):
    used(people, version, engine, NOW - DAY)
    page = people.client("staff").get("/operator/margin/")
    assert page.context["margin"].without_cost == [engine]
    assert "Nobody said what these engines cost" in page.content.decode()
    assert page.context["margin"].total.busy_percent is None


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "query", ["", "?month=2026-13&by=tenant&currency=JPY", "?month=%00&by[]=1"]
)
def test_what_is_not_known_is_the_default(people, query):
    page = people.client("staff").get(f"/operator/margin/{query}")
    chosen = page.context["chosen"]
    assert (chosen.start, chosen.grouping, chosen.currency) == (MONTH, "model", "USD")
    assert "Nothing was earned or paid in this month" in page.content.decode()


def test_an_earlier_month_costs_to_its_end(people, engine):
    costs(engine, datetime(2026, 10, 31, tzinfo=UTC))
    found = read(people, "?month=2026-10&by=engine")
    assert found.total.cost.amount_nanos == 48 * USD


def test_the_file_has_the_same(people, version, engine):
    used(people, version, engine, NOW - DAY)
    costs(engine, NOW - timedelta(hours=1))
    answer = people.client("staff").get("/operator/margin/margin.csv?by=engine")
    (row,) = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())
    assert (row["of"], row["currency"]) == ("first", "USD")
    assert int(row["revenue_nanos"]) == CALL_NANOS
    assert int(row["margin_nanos"]) == CALL_NANOS - 2 * USD


def test_a_cost_is_entered(root, engine):
    address = f"/operator/engines/{engine.pk}/cost/"
    form = {"gpus": "4", "nanos_per_gpu_hour": "2.49", "currency": "USD"}
    assert root.post(address, form)["Location"] == address
    cost = EngineCost.objects.get()
    assert (cost.gpus, cost.nanos_per_gpu_hour) == (4, 2_490_000_000)
    assert cost.starts_at == NOW
    assert StaffEntry.objects.get().action == "engine.cost_set"

    root.post(address, {**form, "starts_at": "2026-11-01 00:00"})
    assert EngineCost.objects.latest("pk").starts_at == MONTH


def test_it_keeps_what_was_typed(root, engine):
    address = f"/operator/engines/{engine.pk}/cost/"
    form = {"gpus": "4", "nanos_per_gpu_hour": "much", "currency": "USD"}
    answer = root.post(address, form)
    assert answer.status_code == 422
    assert 'value="much"' in answer.content.decode()
    assert not EngineCost.objects.exists()


def test_it_refuses_staff_who_may_only_look(people, engine):
    client = people.client("staff")
    address = f"/operator/engines/{engine.pk}/cost/"
    form = {"gpus": "4", "nanos_per_gpu_hour": "1", "currency": "USD"}
    assert client.post(address, form).status_code == 403
    assert not EngineCost.objects.exists()
    assert "Superusers decide" in client.get(address).content.decode()
