"""Parts that the server sends when they change."""

import re
import time
from itertools import count
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from frontend import live
from frontend.live import STREAMS_MAX, live_stream
from tests.frontend.believable import call, record

pytestmark = pytest.mark.django_db
"""Not for a row: closing an answer looks at the connection."""


def always(text):
    return live_stream(lambda: text, every_seconds=0)


def test_it_works(monkeypatch):
    monkeypatch.setattr(live, "STREAM_SECONDS", 60)
    texts = iter(["<p>one</p>\n<p>1</p>", "<p>one</p>\n<p>1</p>", "<p>two</p>"])

    response = live_stream(lambda: next(texts), every_seconds=0)
    events = iter(response)
    sent = [next(events).decode() for _ in range(4)]
    response.close()

    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-store"
    assert sent == [
        "retry: 500\n\n",
        "data: <p>one</p>\ndata: <p>1</p>\n\n",
        "event: same\ndata:\n\n",
        "data: <p>two</p>\n\n",
    ]


def test_it_ends_by_itself(monkeypatch):
    ticks = count()
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(live, "STREAM_SECONDS", 3)
    response = always("a")
    assert len(list(response)) == 1 + 2
    response.close()


def test_who_finds_no_place_is_told_to_poll():
    streams = [always("a") for _ in range(STREAMS_MAX)]
    assert always("a").status_code == 204

    streams.pop().close()
    after = always("a")
    assert after.status_code == 200
    for stream in (*streams, after):
        stream.close()
        stream.close()


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_stream_that_is_left_gives_its_place_back(is_begun):
    for _ in range(2 * STREAMS_MAX):
        response = always("a")
        assert response.status_code == 200
        if is_begun:
            next(iter(response))
        response.close()


LIVE_PAGES = ["/", "/leases/", "/prompts/", "/limits/", "/usage/calls/"]
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def of_two_looks(monkeypatch):
    """Streams end after them, and nobody waits for the second."""
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks), sleep=lambda _: None)
    monkeypatch.setattr(live, "time", clock)  # there alone
    monkeypatch.setattr(live, "STREAM_SECONDS", 3)


def events_of(client, path):
    stream = client.get(path, headers=EVENTS)
    assert stream.status_code == 200
    assert "no-store" in stream["Cache-Control"]
    return stream.streaming_content


@pytest.fixture
def called(people, version, now):
    record([call(people.api_key, version, now)], now)


@pytest.mark.usefixtures("called", "of_two_looks")
@pytest.mark.parametrize("path", LIVE_PAGES)
def test_a_page_sends_its_live_part(people, path):
    client = people.client("owner")
    retry, sent, _ = (piece.decode() for piece in events_of(client, path))
    assert retry.startswith("retry:")

    part = client.get(path, headers={"hx-request": "true"}).text
    assert sent.startswith("data: ")
    assert "<html" not in sent
    assert sent.count("\n") > 1
    assert without_clock(sent.replace("data: ", "").strip()) == without_clock(
        "\n".join(part.splitlines()).strip()
    )


def without_clock(text):
    return re.sub(r'data-server-ms="\d+"|>[^<]*(ago|just now)<|\d+ m?s<', "", text)


@pytest.mark.parametrize("path", LIVE_PAGES)
def test_it_refuses_a_stream_to_who_is_not_signed_in(people, path):
    assert people.client("anonymous").get(path, headers=EVENTS).status_code == 401


@pytest.mark.usefixtures("of_two_looks")
def test_a_stream_ends_when_one_is_no_member_any_more(people):
    events = events_of(people.client("colleague"), "/leases/")
    assert [next(events)[:5] for _ in range(2)] == [b"retry", b"data:"]

    people.tenant.members.filter(user=people.users["colleague"]).delete()

    assert list(events) == []


@pytest.mark.usefixtures("of_two_looks")
def test_a_stream_reads_behind_the_second_wall(people):
    events = events_of(people.client("owner"), "/usage/calls/")
    with CaptureQueriesContext(connection) as queries:
        assert len(list(events)) > 1

    roles = [one["sql"] for one in queries if "tokenfab_reader" in one["sql"]]
    assert roles
    assert f"'{people.tenant.pk}'" in roles[0]
