import csv
import io

import pytest

from tests.factories import make_served_model
from tests.frontend.believable import call, price, priced_second_model, record


@pytest.mark.usefixtures("invoice")
def test_it_works(people):
    response = people.client("owner").get("/usage/?range=24h")
    figures, chart = response.context["figures"], response.context["chart"]
    assert (figures.requests, figures.input_tokens, figures.output_tokens) == (
        1,
        1_200,
        90,
    )
    # 500 at 0.10, 700 at 0.02 and 90 at 0.40 dollars per million
    assert response.context["amount_nanos"] == 100_000
    assert chart.titles == ["New input", "Cached input", "Output"]
    assert chart.totals == [500, 700, 90]
    (row,) = chart.table
    assert (row["requests"], row["tokens"]) == (1, 1_290)


def test_a_price_with_steps_is_said_to_be_less_on_the_invoice(people, version, now):
    step = {"up_to": None, "rate_nanos_per_million": 400_000_000}
    stepped = price(
        make_served_model(name="stepped", is_default=False),
        pricings_document={"output_tokens": {"model": "graduated", "steps": [step]}},
    )
    page = people.client("owner")
    record([call(people.api_key, version, now)], now)
    assert "at the dearest rates" not in page.get("/usage/").content.decode()

    record([call(people.api_key, stepped, now)], now)

    assert "at the dearest rates" in page.get("/usage/").content.decode()


@pytest.mark.parametrize("name", ["24h", "7d", "30d", "month", "nonsense"])
def test_each_range_ends_now(people, version, now, name):
    record([call(people.api_key, version, now)], now)
    response = people.client("owner").get(f"/usage/?range={name}")
    assert sum(response.context["chart"].requests) == 1


def test_it_stacks_by_model_and_filters_by_key(people, version, now):
    second = priced_second_model()
    record(
        [
            call(people.api_key, version, now),
            call(people.api_key, second, now),
            call(people.strangers_key, second, now),
        ],
        now,
    )
    path = f"/usage/?by=model&key={people.api_key.pk}"
    chart = people.client("owner").get(path).context["chart"]
    assert dict(zip(chart.titles, chart.totals, strict=True)) == {
        "smollm2-135m-instruct": 1_290,
        "qwen3-32b": 1_290,
    }


@pytest.mark.usefixtures("invoice")
def test_the_csv_has_the_numbers_of_the_page_and_runs_no_formula(people):
    people.api_key.name = "=1+1"
    people.api_key.save()
    response = people.client("owner").get("/usage/usage.csv")
    assert "attachment" in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["hour_start_utc"].endswith(":00:00Z")
    assert row["api_key_name"] == "'=1+1"
    meters = ("requests", "new_input_tokens", "cached_input_tokens", "output_tokens")
    assert [int(row[meter]) for meter in meters] == [1, 500, 700, 90]


@pytest.mark.usefixtures("invoice")
def test_a_call_shows_its_times_and_cost(people):
    (found,) = people.client("owner").get("/usage/calls/").context["calls"]
    assert found.amount_nanos == 100_000
    assert found.ttft.microseconds == 140_000
    assert found.duration.microseconds == 900_000
    assert found.key_name == "Backend"


@pytest.mark.usefixtures("invoice")
def test_strangers_see_nothing_of_it(people):
    response = people.client("stranger").get("/usage/")
    assert response.context["figures"].requests == 0
    assert response.context["calls"] == []
    assert "Make a first call" in response.content.decode()
