"""The request log: filters, pages, its file, and the page of one call."""

import csv
import io
from datetime import timedelta

import pytest

from billing.services.receipts.seal_receipts import seal_receipts
from frontend.calls import call_log
from metering.wire import Outcome
from tests.factories import make_api_key, make_project
from tests.frontend.believable import (
    call,
    event_id_at,
    priced_second_model,
    record,
)

MS = 1_000


def named_call(people, version, at, **changes):
    changes.setdefault("event_id", event_id_at(at))
    return call(people.api_key, version, at, **changes)


def get(people, address, name="owner"):
    return people.client(name).get(address)


def ids(response):
    return [one.request_id for one in response.context["calls"]]


@pytest.fixture
def varied(people, version, now):
    """One call of each sort; the latest first."""
    second = priced_second_model()
    project = make_project(tenant=people.tenant, name="Other")
    other_key, _ = make_api_key(project=project, name="Other")
    at = [now - timedelta(seconds=seconds) for seconds in range(6)]
    happened = [int(one.timestamp() * 1_000_000) for one in at]
    events = {
        "plain": named_call(people, version, at[0]),
        "model": named_call(people, second, at[1]),
        "key": call(other_key, version, at[2], event_id=event_id_at(at[2])),
        "outcome": named_call(people, version, at[3], outcome=Outcome.CLIENT_GONE),
        "slow": named_call(
            people,
            version,
            at[4],
            streamed=False,
            endpoint="embeddings",
            first_token_at_us=None,
            received_at_us=happened[4] - 5_000 * MS,
        ),
        "dear": named_call(people, version, at[5], cost_nanos=2_000_000_000),
    }
    record(list(events.values()), now)
    return {name: f"req_{event.event_id}" for name, event in events.items()} | {
        "other_key": other_key,
        "other_project": project,
        "second": second,
    }


def test_it_works(people, varied):
    shown = ids(get(people, "/usage/calls/"))
    assert shown == [
        varied[name] for name in ("plain", "model", "key", "outcome", "slow", "dear")
    ]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("model=qwen3-32b", "model"),
        ("key={other_key.pk}", "key"),
        ("project={other_project.pk}", "key"),
        ("outcome=client_gone", "outcome"),
        ("endpoint=embeddings", "slow"),
        ("streamed=no", "slow"),
        ("ms=3000", "slow"),
        ("cost=1.50", "dear"),
    ],
)
def test_each_filter_finds_its_call(people, varied, query, name):
    response = get(people, f"/usage/calls/?range=24h&{query.format(**varied)}")
    assert ids(response) == [varied[name]]


@pytest.mark.usefixtures("varied")
def test_filters_hold_together_and_an_empty_list_says_so(people):
    response = get(people, "/usage/calls/?streamed=no&cost=1")
    assert ids(response) == []
    assert "No call fits all of these filters" in response.content.decode()


def test_it_refuses_a_filter_that_is_none(people):
    response = get(people, "/usage/calls/?cost=cheap")
    assert response.status_code == 422
    assert "Enter a number" in response.content.decode()


def test_a_span_of_its_own_is_kept(people, varied, version, now):
    old = named_call(people, version, now - timedelta(days=3))
    record([old], now)
    day = f"{now - timedelta(days=3):%Y-%m-%d}"
    response = get(people, f"/usage/calls/?from={day}&to={day}")
    assert ids(response) == [f"req_{old.event_id}"]
    assert f'name="from" value="{day}"' in response.content.decode()
    assert len(ids(get(people, "/usage/calls/"))) == len(varied) - 2


def test_pages_hold_each_call_once_also_of_one_moment(
    people, version, now, monkeypatch
):
    monkeypatch.setattr("frontend.calls.views.calls.PAGE", 2)
    record([named_call(people, version, now) for _ in range(5)], now)
    seen, address = [], "/usage/calls/?streamed=yes"
    for _ in range(3):
        response = get(people, address)
        seen += ids(response)
        after = response.context["page"].next_after.replace("+", "%2B")
        address = f"/usage/calls/?streamed=yes&after={after}"
    assert len(seen) == len(set(seen)) == 5
    assert not response.context["page"].next_after


def test_a_filter_that_hardly_anything_fits_stops_and_goes_on(
    people, version, now, monkeypatch
):
    monkeypatch.setattr(call_log, "LOOKED_AT_MAX", 3)
    times = [now - timedelta(minutes=minute) for minute in range(6)]
    rare = named_call(people, version, times[5], outcome=Outcome.ENGINE_FAILED)
    record([*(named_call(people, version, at) for at in times[:5]), rare], now)

    first = get(people, "/usage/calls/?outcome=engine_failed")
    assert ids(first) == []
    assert "Look further back" in first.content.decode()

    after = first.context["page"].next_after.replace("+", "%2B")
    second = get(people, f"/usage/calls/?outcome=engine_failed&after={after}")
    assert ids(second) == [f"req_{rare.event_id}"]
    assert second.context["page"].looked_until is None


def test_it_refuses_a_place_that_no_page_linked_to(people):
    assert get(people, "/usage/calls/?after=yesterday").status_code == 404


def test_the_file_has_the_calls_of_the_filter(people, varied):
    response = get(people, "/usage/calls/calls.csv?outcome=client_gone")
    text = b"".join(response.streaming_content).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["request_id"] == varied["outcome"]
    assert (row["first_token_ms"], row["duration_ms"]) == ("140", "900")
    assert row["amount_nanos"] == "100000"


def test_one_call_shows_its_times_parts_and_receipt(people, version, now):
    happened = int(now.timestamp() * 1_000_000)
    event = named_call(people, version, now, sent_at_us=happened - 880_000)
    record([event], now)
    seal_receipts(people.tenant.pk, now=now)

    page = get(people, f"/usage/calls/req_{event.event_id}/").context["page"]

    times = {one.title: one.length.microseconds for one in page.phases}
    assert times == {
        "Accepted": 20_000,
        "To the first token": 120_000,
        "Decode": 760_000,
    }
    assert sum(one.width for one in page.phases) == 1_000
    amounts = {one.title: (one.quantity, one.amount_nanos) for one in page.parts}
    assert amounts == {
        "New input": (500, 50_000),
        "Cached input": (700, 14_000),
        "Output": (90, 36_000),
    }
    assert page.call.amount_nanos == 100_000
    assert page.tokens_per_second == 89 * 1_000_000 // 760_000
    assert page.receipt is not None
    assert page.version == version
    assert not page.later


def test_without_a_stream_the_engines_time_is_one(people, version, now):
    event = named_call(people, version, now, streamed=False, first_token_at_us=None)
    record([event], now)
    response = get(people, f"/usage/calls/req_{event.event_id}/")
    assert [one.title for one in response.context["page"].phases] == ["The whole call"]
    assert "known for streams only" in response.content.decode()


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.CLIENT_GONE, "The connection was closed before the end"),
        (Outcome.ENGINE_FAILED, "The engine broke off in the middle"),
        (Outcome.UNBILLED, "Nothing is charged"),
    ],
)
def test_what_failed_says_what_to_do(people, version, now, outcome, said):
    event = named_call(people, version, now, outcome=outcome)
    record([event], now)
    response = get(people, f"/usage/calls/req_{event.event_id}/")
    assert said in response.content.decode()


def test_an_engine_is_not_named_to_tenants(people, version, now):
    event = named_call(people, version, now, engine_id=987_654)
    record([event], now)
    response = get(people, f"/usage/calls/req_{event.event_id}/")
    assert "987654" not in response.content.decode()


def test_a_request_id_leads_to_its_page(people, version, now):
    event = named_call(people, version, now)
    record([event], now)
    response = get(people, f"/usage/calls/?id=req_{event.event_id}")
    assert response["Location"] == f"/usage/calls/req_{event.event_id}/"
    assert get(people, response["Location"]).status_code == 200
    assert get(people, response["Location"], "stranger").status_code == 404


@pytest.mark.parametrize("wanted", ["req_1", "nonsense", "f" * 32, "0" * 32])
def test_a_request_that_is_not_there(people, wanted):
    assert get(people, f"/usage/calls/{wanted}/").status_code == 404
