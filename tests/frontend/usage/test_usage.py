import csv
import io
from datetime import timedelta

import pytest

from frontend.usage import explorer_rows
from tests.factories import make_api_key, make_project, make_served_model
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
    assert response.context["chart"].table == []
    assert "make a first call" in response.content.decode()


@pytest.fixture
def spread(people, version, now):
    """Two models, keys, projects and endpoints, two of them an hour apart."""
    second = priced_second_model()
    project = make_project(tenant=people.tenant, name="Other")
    other, _ = make_api_key(project=project, name="Batch")
    before = now - timedelta(hours=1)
    happened = int(before.timestamp() * 1_000_000)
    record(
        [
            call(people.api_key, version, now),
            call(people.api_key, version, now, endpoint="responses"),
            call(other, second, before, received_at_us=happened - 900_000),
            call(people.strangers_key, version, now),
        ],
        now,
    )
    return {"key": other, "project": project, "model": second.served_model.name}


def explored(people, query):
    return people.client("owner").get(f"/usage/?{query}").context["explored"]


def groups(people, query):
    return {one.title: one.total for one in explored(people, query).chart.groups}


@pytest.mark.usefixtures("spread")
@pytest.mark.parametrize("span", ["24h", "7d", "30d", "1h&from=&to="])
@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", {"smollm2-135m-instruct": 2, "qwen3-32b": 1}),
        ("key", {"Backend": 2, "Batch": 1}),
        ("project", {"Default": 2, "Other": 1}),
        ("endpoint", {"chat.completions": 2, "responses": 1}),
        ("kind", {"Requests": 3}),
    ],
)
def test_each_grouping_adds_up_whatever_rollup_says_it(people, span, by, expected):
    found = groups(people, f"range={span}&by={by}&show=requests")
    if span.startswith("1h"):  # what was an hour ago may be on either side
        assert 2 <= sum(found.values()) <= 3
    else:
        assert found == expected


@pytest.mark.parametrize("span", ["24h", "7d"])
@pytest.mark.parametrize(
    "query", ["key={key.pk}", "project={project.pk}", "model={model}"]
)
def test_each_filter_narrows(people, spread, span, query):
    path = f"range={span}&{query.format(**spread)}"
    assert explored(people, path).figures.requests == 1
    assert groups(people, f"{path}&by=key&show=requests") == {"Batch": 1}


@pytest.mark.usefixtures("spread")
@pytest.mark.parametrize("span", ["24h", "7d"])
@pytest.mark.parametrize("by", ["kind", "model", "key", "project", "endpoint"])
def test_costs_of_groups_are_the_costs_of_the_whole(people, span, by):
    found = explored(people, f"range={span}&by={by}&show=cost")
    # twice 500 at 0.10, 700 at 0.02, 90 at 0.40; once at 0.25, 0.05 and 1.25
    assert found.amount_nanos == 2 * 100_000 + 125_000 + 35_000 + 112_500
    assert sum(one.total for one in found.chart.groups) == found.amount_nanos


def test_more_groups_than_colours_are_summed_into_one(people, version, now):
    keys = [make_api_key(project=people.project, name=f"K{n}")[0] for n in range(8)]
    calls = [
        call(key, version, now) for n, key in enumerate(keys) for _ in range(n + 1)
    ]
    record(calls, now)
    for span in ("24h", "7d"):
        found = groups(people, f"range={span}&by=key&show=requests")
        assert list(found) == ["K7", "K6", "K5", "K4", "K3", "K2", "all others"]
        assert found["all others"] == 2 + 1


def test_minutes_are_counted_from_the_calls(people, version, now):
    at = now.replace(second=30, microsecond=0)
    record([call(people.api_key, version, at)], now)
    start, end = at.replace(second=0), at + timedelta(minutes=1)
    span = f"from={start:%Y-%m-%dT%H:%M}&to={end:%Y-%m-%dT%H:%M}"
    for by in ("kind", "key", "endpoint"):
        chart = explored(people, f"{span}&by={by}").chart
        assert chart.span.per == "minute"
        assert [row["tokens"] for row in chart.table] == [1_290]


def test_more_calls_than_are_counted_are_said_to_be_left_out(
    people, version, now, monkeypatch
):
    monkeypatch.setattr(explorer_rows, "EVENTS_MAX", 1)
    at = now.replace(second=0, microsecond=0)
    times = [at - timedelta(minutes=2), at - timedelta(minutes=1), at]
    record([call(people.api_key, version, one) for one in times], now)
    response = people.client("owner").get("/usage/?range=1h")
    assert response.context["figures"].requests == 1
    assert "more calls in this span than are counted" in response.content.decode()


def test_the_period_before_is_beside_it(people, version, now):
    earlier = now - timedelta(days=7)
    record([call(people.api_key, version, at) for at in (now, now, earlier)], now)
    found = explored(people, "range=7d&show=requests&compare=1")
    assert (found.figures.requests, found.before.requests) == (2, 1)
    (row,) = found.chart.table
    assert (row["requests"], row["before"]) == (2, 1)
    assert explored(people, "range=7d").before is None


def test_another_tenants_project_is_not_there(people):
    project = people.strangers_key.project_id
    assert people.client("owner").get(f"/usage/?project={project}").status_code == 404


@pytest.mark.usefixtures("spread")
def test_the_charts_file_has_its_numbers(people):
    people.api_key.name = "=1+1"
    people.api_key.save()
    response = people.client("owner").get("/usage/chart.csv?range=7d&by=key")
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0] == ["start_utc", "requests", "'=1+1", "Batch"]
    assert sum(int(row[2]) for row in rows[1:]) == 2 * 1_290


@pytest.mark.usefixtures("spread")
def test_a_link_keeps_all_that_was_chosen(people):
    page = people.client("owner").get("/usage/?range=30d&by=model&show=cost&compare=1")
    html = page.content.decode()
    assert 'href="?range=24h&amp;by=model&amp;show=cost&amp;compare=1"' in html
    assert 'href="?range=30d&amp;show=cost&amp;model=qwen3-32b&amp;compare=1"' in html
