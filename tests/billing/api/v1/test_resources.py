"""What may be read: prices, invoices, usage and credit; of one's own tenant alone."""

from datetime import timedelta

import pytest

from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.prices.open_price_book import open_price_book
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, draft_of, make_price, use
from tests.factories import make_served_model

SPAN = "start=2026-11-01T00:00:00Z&end=2026-12-01T00:00:00Z"


@pytest.fixture
def billed(callers, price):
    """A tenant with an issued invoice of 0.40 USD and its price."""
    use(callers.tenant, price, 1_000_000)
    use(callers.tenant, price, 7, meter="requests")
    rate_usage(now=NOON)
    issue_invoice(draft_of(callers.tenant).pk, now=DECEMBER)
    return callers


def test_prices_are_listed(callers, price):
    ended = make_price(
        make_served_model(name="old", is_default=False),
        effective_from=NOVEMBER - timedelta(days=9),
        effective_to=NOVEMBER,
    )
    (shown,) = callers.key.get("prices").json()["data"]
    assert shown["id"] == price.pk
    assert shown["rates_nanos_per_million"] == {
        "new_input_tokens": 100_000_000,
        "cached_input_tokens": 20_000_000,
        "output_tokens": 400_000_000,
    }
    everything = callers.key.get("prices?all=true").json()["data"]
    assert [one["id"] for one in everything] == [ended.pk, price.pk]
    assert callers.key.get("prices?model=old").json()["data"] == []


def test_what_was_agreed_with_one_tenant_is_shown_to_it_alone(callers, price):
    book = open_price_book(name="agreed", tenant=callers.tenant, now=NOON)
    agreed = make_price(price.served_model, price_book=book, rates=(1, 1, 1))
    (mine,) = callers.key.get("prices").json()["data"]
    (theirs,) = callers.stranger.get("prices").json()["data"]
    assert (mine["id"], mine["price_book"]) == (agreed.pk, "agreed")
    assert (theirs["id"], theirs["price_book"]) == (price.pk, "list")
    every = callers.stranger.get("prices?all=true").json()["data"]
    assert [one["id"] for one in every] == [price.pk]


def test_an_invoice_is_listed_and_shown(billed):
    (listed,) = billed.key.get("invoices").json()["data"]
    assert listed["status"] == "issued"
    assert listed["total_cents"] == 40
    shown = billed.key.get(f"invoices/{listed['id']}").json()
    assert shown["number"] == listed["number"]
    assert shown["total_nanos"] == 400_000_000
    assert [line["quantity"] for line in shown["lines"]] == [1_000_000]
    assert billed.key.get("invoices?status=draft").json()["data"] == []


def test_an_invoice_of_another_tenant_is_not_there(billed):
    (invoice,) = billed.tenant.invoices.all()
    theirs = billed.stranger.get(f"invoices/{invoice.pk}")
    none = billed.stranger.get(f"invoices/{10**30}")
    assert theirs.status_code == none.status_code == 404
    assert theirs.content == none.content
    assert billed.stranger.get("invoices").json()["data"] == []


def test_usage_is_summed(billed):
    answer = billed.key.get(f"usage?{SPAN}&group_by=model")
    rows = answer.json()["data"]
    assert [(one["meter"], one["quantity"]) for one in rows] == [
        ("output_tokens", 1_000_000),
        ("requests", 7),
    ]
    assert {one["start"] for one in rows} == {"2026-11-21T00:00:00Z"}
    assert billed.stranger.get(f"usage?{SPAN}").json()["data"] == []


def test_any_zone_of_rfc_3339_is_taken(billed):
    span = "start=2026-11-01T21:37:00%2B21:37&end=2026-11-30T00:00:00-23:00"
    rows = billed.key.get(f"usage?{span}").json()["data"]
    assert [one["quantity"] for one in rows] == [1_000_000, 7]


def test_pages_of_usage_leave_nothing_out_and_repeat_nothing(callers, price):
    for hour in range(3):
        for key in range(4):
            for meter in ("output_tokens", "requests"):
                use(
                    callers.tenant,
                    price,
                    10 * hour + key + 1,
                    hour_at=NOON + timedelta(hours=hour),
                    meter=meter,
                    api_key_id=key,
                )
    path = f"usage?{SPAN}&granularity=hour&group_by=api_key_id,model"
    whole = callers.key.get(f"{path}&limit=100").json()
    assert len(whole["data"]) == 24
    assert not whole["has_more"]
    found, cursor = [], ""
    while True:
        page = callers.key.get(f"{path}&limit=5{cursor}").json()
        found += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == whole["data"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "start"),
        ("start=x&end=y", "start"),
        ("start=2026-11-01T00:00:00&end=2026-11-02T00:00:00Z", "start"),
        ("end=2026-11-01T00:00:00Z&start=2026-11-01T00:00:00Z", "end"),
        ("end=2028-11-01T00:00:00Z&start=2026-11-01T00:00:00Z", "end"),
        (f"{SPAN.replace('2026-11', '1026-11')}", "start"),
        ("start=0001-01-01T00:00:00%2B23:00&end=2026-11-02T00:00:00Z", "start"),
        (f"{SPAN}&group_by=colour", "group_by"),
        (f"{SPAN}&granularity=minute", "granularity"),
        (f"{SPAN}&colour=blue", "colour"),
        (f"{SPAN}&limit=101", "limit"),
        (f"{SPAN}&cursor=x", "cursor"),
        (f"{SPAN}&cursor=WzFd", "cursor"),
        (f"{SPAN}&model=%00", "model"),
        (f"{SPAN}&project_id={2**63}", "project_id"),
    ],
)
def test_it_refuses_what_is_no_question(callers, query, param):
    answer = callers.key.get(f"usage?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_credit_is_shown_and_granted_by_staff(callers):
    body = {"amount_nanos": 5_000_000_000, "reason": "bank transfer"}
    assert callers.staff.post("credit_grants", body).status_code == 201
    assert callers.key.get("credit").json() == {
        "currency": "USD",
        "is_prepaid": False,
        "booked_nanos": 5_000_000_000,
        "left_nanos": None,
    }
    (grant,) = callers.colleague.get("credit_grants").json()["data"]
    assert grant["amount_nanos"] == 5_000_000_000
    assert callers.stranger.get("credit_grants").json()["data"] == []


def test_owners_say_at_what_is_left_they_are_told(callers):
    body = {"amount_nanos": 5_000_000_000}
    assert callers.key.ask("PUT", "credit_threshold", body).status_code == 403
    assert callers.owner.ask("PUT", "credit_threshold", body).json() == body
    assert callers.key.get("credit_threshold").json() == body
    assert callers.owner.ask("DELETE", "credit_threshold").status_code == 204
    assert callers.key.get("credit_threshold").json() == {"amount_nanos": None}


@pytest.mark.parametrize("name", ["key", "owner", "colleague"])
def test_it_refuses_to_let_a_tenant_grant_itself_credit(callers, name):
    body = {"amount_nanos": 1, "reason": "please"}
    answer = getattr(callers, name).post("credit_grants", body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "staff_required"


def test_lists_are_paged(callers):
    for number in range(5):
        callers.staff.post("credit_grants", {"amount_nanos": number + 1, "reason": "r"})
    first = callers.key.get("credit_grants?limit=3").json()
    second = callers.key.get(
        f"credit_grants?limit=3&cursor={first['next_cursor']}"
    ).json()
    amounts = [one["amount_nanos"] for one in first["data"] + second["data"]]
    assert amounts == [5, 4, 3, 2, 1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert second["next_cursor"] is None
