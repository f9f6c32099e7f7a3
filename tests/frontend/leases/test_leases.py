"""Leases on the pages: their own, usage, invoice, and the operator's engines."""

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from billing.models.invoices import Invoice
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import GRACE_MS
from inference.lease_models import LeaseCursor
from tests.factories import make_engine
from tests.frontend.believable import record
from tests.frontend.believable_leases import (
    GB,
    bill_leases,
    leased_call,
    next_turn,
    told,
)
from tests.inference.lease_books import tell


@pytest.fixture
def engine(version):
    return make_engine(served_model=version.served_model, name="first")


@pytest.fixture
def lease(people, version, engine, now):
    """Bought 10 seconds ago for a minute: 1 GB. The event of its call."""
    began = now - timedelta(seconds=10)
    event = leased_call(people.api_key, version, engine, began)
    record([event], now)
    tell(engine, told(1, event, began))
    return event


def release(engine, event, now, fact=Fact.RELEASED):
    """After 10 seconds; and all that follows from it."""
    tell(engine, told(2, event, now, fact))
    bill_leases(now)


def test_it_works(people, lease, engine, now):
    owner = people.client("owner")
    (held,) = owner.get("/leases/").context["leases"]
    assert (held.state, held.lease.tokens, held.lease.bytes) == ("held", 288, GB)
    assert held.public_id == f"kvl_{lease.lease_id}"
    assert held.is_live
    assert held.sold_until == held.event.lease_expires_at
    assert held.mb_s >= 10_000
    assert held.key_name == "Backend"

    release(engine, lease, now)

    response = owner.get("/leases/", headers={"hx-request": "true"})
    (ended,) = response.context["leases"]
    assert (ended.state, ended.sold_until) == ("released", None)
    assert not ended.is_live
    assert abs(ended.mb_s - 10_000) <= 1
    assert ended.amount_nanos == (ended.mb_s * 135 + 5) // 10
    assert "released" in response.content.decode()


def test_a_lease_that_its_engine_lost_is_credited(people, lease, engine, now):
    release(engine, lease, now, Fact.LOST)
    response = people.client("owner").get("/leases/")
    (lost,) = response.context["leases"]
    assert (lost.state, lost.mb_s, lost.amount_nanos) == ("lost", 0, 0)
    assert lost.is_credited
    assert "credited" in response.content.decode()


def test_a_turn_in_time_saves_what_its_tokens_would_have_cost(
    people, version, engine, lease, now
):
    saver = next_turn(people.api_key, version, lease)
    late = next_turn(people.api_key, version, lease, tokens=0)
    record([saver, late], now)
    release(engine, lease, now)

    response = people.client("owner").get("/leases/")

    (found,) = response.context["leases"]
    assert (found.use.hits, found.use.tokens) == (1, 288)
    assert found.saved_nanos == 288 * 100 - found.amount_nanos
    totals = response.context["totals"]
    assert (totals.held, totals.hits, totals.tokens) == (0, 1, 288)
    assert totals.saved_nanos == found.saved_nanos


def test_a_lease_that_is_extended_ends_later(people, engine, lease):
    later_ms = lease.lease_expires_at_us // 1000 + 60_000
    began = datetime.fromtimestamp(lease.happened_at_us / 1e6, UTC)
    renewed = told(2, lease, began, Fact.RENEWED, until_ms=later_ms + GRACE_MS)
    tell(engine, renewed)

    (found,) = people.client("owner").get("/leases/").context["leases"]

    longer = found.sold_until - found.event.lease_expires_at
    assert abs(longer - timedelta(minutes=1)) < timedelta(milliseconds=1)


def test_a_lease_that_is_in_doubt_says_so(people, lease):  # noqa: ARG001  there is one
    LeaseCursor.objects.update(gap_proven_ms=1)

    (found,) = people.client("owner").get("/leases/").context["leases"]

    assert found.state == "unverified"


def test_a_lease_that_no_engine_told_of_is_pending(people, version, engine, now):
    event = leased_call(people.api_key, version, engine, now)
    record([event], now)

    (found,) = people.client("owner").get("/leases/").context["leases"]

    assert (found.state, found.lease, found.amount_nanos) == ("pending", None, 0)
    assert found.event.lease_id == UUID(event.lease_id)


@pytest.mark.parametrize("act", ["extend", "release"])
def test_one_of_which_nothing_is_known_has_not_ended(people, version, engine, now, act):
    event = leased_call(people.api_key, version, engine, now)
    record([event], now)

    page = people.client("owner").get(f"/leases/{UUID(event.lease_id)}/{act}/")

    assert "has told nothing of it yet" in page.text
    assert "has ended" not in page.text


def test_a_stranger_sees_none(people, lease):  # noqa: ARG001  there is one
    response = people.client("stranger").get("/leases/")

    assert response.context["leases"] == []
    assert "No lease yet" in response.content.decode()


def test_usage_shows_what_was_leased(people, engine, lease, now):
    release(engine, lease, now)
    response = people.client("owner").get("/usage/?range=24h")

    figures, chart = response.context["figures"], response.context["chart"]
    # Of 1,200 tokens 500 were leased; of the 700 hits 200 are beyond them.
    assert (figures.new_input_tokens, figures.cached_input_tokens) == (500, 200)
    assert (figures.leased_input_tokens, figures.input_tokens) == (500, 1_200)
    assert abs(figures.hbm_mb_s - 10_000) <= 1
    assert dict(zip(chart.titles, chart.totals, strict=True)) == {
        "New input": 500,
        "Cached input": 200,
        "Output": 90,
        "Leased input": 500,
    }
    assert "KV leases, MB·s" in response.content.decode()
    (found,) = people.client("owner").get("/usage/calls/").context["calls"]
    assert (found.input.new, found.input.cached, found.input.leased) == (500, 200, 500)
    assert found.amount_nanos == 500 * 100 + 200 * 20 + 90 * 400

    csv_file = people.client("owner").get("/usage/usage.csv")
    text = b"".join(csv_file.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(int(row["leased_input_tokens"]) for row in rows) == 500
    assert sum(int(row["hbm_mb_s"]) for row in rows) == figures.hbm_mb_s


def test_the_invoice_has_a_line_for_each_memory(people, engine, lease, now):
    release(engine, lease, now)
    (draft,) = Invoice.objects.filter(tenant=people.tenant)

    response = people.client("owner").get(f"/invoices/{draft.pk}/")

    rows = [row for group in response.context["groups"] for row in group.rows]
    line = rows[-1].line
    assert rows[-1].title == "KV lease, GPU memory (MB·s)"
    assert line.amount_nanos == (line.quantity * 135 + 5) // 10
    # What was leased is not on the bill.
    assert sum(row.line.quantity for row in rows[:-1]) == 500 + 200 + 90


def test_the_operator_sees_what_each_engine_holds(people, engine, lease, now):
    def shown():
        (found,) = people.client("staff").get("/operator/engines/").context["fleet"]
        return found.leases, found.tokens, found.bytes

    assert shown() == (1, 288, GB)
    release(engine, lease, now)
    assert shown() == (0, 0, 0)
