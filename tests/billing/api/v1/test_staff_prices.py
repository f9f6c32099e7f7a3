"""What things cost, as staff set it: prices, books, plans, coupons."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.models.plans import Coupon, Plan
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from tests.billing.api.v1.conftest import Caller
from tests.billing.plans import make_coupon, make_plan
from tests.factories import make_user

RATES = {
    "new_input_tokens": 100_000_000,
    "cached_input_tokens": 20_000_000,
    "output_tokens": 400_000_000,
}
PLAN = {"code": "pro", "name": "Pro", "kind": "subscription", "price_cents": 20_00}
COUPON = {"code": "spring", "name": "Spring", "percent_basis_points": 1_000}
ACTS = [
    ("prices", {"model": "m", "rates_nanos_per_million": RATES}),
    ("prices/1/end", {}),
    ("price_books", {"name": "enterprise"}),
    ("plans", PLAN),
    ("plans/pro/withdraw", None),
    ("coupons", COUPON),
    ("coupons/SPRING/end", None),
]


def staff_session(callers, *, is_superuser):
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=is_superuser))
    return Caller(client, {"tokenfab-tenant": callers.tenant.slug})


def price_body(price, **changes):
    rates = RATES | {"output_tokens": 300_000_000}
    return {
        "model": price.served_model.name,
        "rates_nanos_per_million": rates,
        **changes,
    }


def test_it_works(callers, price):
    at = timezone.now() + timedelta(days=1)
    body = price_body(price, effective_from=at.isoformat())
    answer = callers.staff.post("prices", body)
    assert answer.status_code == 201
    version = PriceVersion.objects.get(pk=answer.json()["id"])
    assert (version.effective_from, version.rates.output_nanos_per_million) == (
        at,
        300_000_000,
    )
    price.refresh_from_db()
    assert price.effective_to == at
    (paid,) = callers.key.get("prices").json()["data"]
    assert paid["id"] == price.pk
    every = callers.staff.get("prices?price_book=list", tokenfab_tenant="").json()
    assert [one["id"] for one in every["data"]] == [version.pk, price.pk]


def test_a_superuser_may_do_it_by_a_session(callers, price):
    staff = staff_session(callers, is_superuser=True)
    assert staff.post("prices", price_body(price)).status_code == 201


def test_a_price_may_have_steps(callers, price):
    steps = [
        {"up_to": 1_000_000, "rate_nanos_per_million": 400_000_000},
        {"up_to": None, "rate_nanos_per_million": 300_000_000},
    ]
    rates = {name: rate for name, rate in RATES.items() if name != "output_tokens"}
    body = price_body(
        price,
        rates_nanos_per_million=rates,
        pricings={"output_tokens": {"model": "graduated", "steps": steps}},
    )
    shown = callers.staff.post("prices", body).json()
    assert shown["rates_nanos_per_million"] == RATES
    found = shown["pricings"]["output_tokens"]["steps"]
    assert [one["up_to"] for one in found] == [1_000_000, None]


def test_each_currency_has_a_list(callers, price):
    answer = callers.staff.post("prices", price_body(price, currency="EUR"))
    assert answer.json()["price_book"] == "list EUR"
    version = PriceVersion.objects.get(pk=answer.json()["id"])
    assert version.price_book.currency == "EUR"
    (paid,) = callers.key.get("prices").json()["data"]
    assert paid["id"] == price.pk


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"currency": "JPY"}, "unknown_currency", 400),
        ({"model": "nothing"}, "unknown_model", 404),
        ({"price_book": "nothing"}, "unknown_price_book", 404),
        ({"rates_nanos_per_million": {}}, "invalid_pricing", 400),
        ({"rates_nanos_per_million": RATES | {"tea": 1}}, "invalid_pricing", 400),
        ({"rates_nanos_per_million": RATES | {"images": -1}}, "invalid_value", 400),
        (
            {"rates_nanos_per_million": RATES | {"cached_input_tokens": 10**9}},
            "arbitrage",
            409,
        ),
        ({"effective_from": "2026-01-01T00:00:00Z"}, "price_in_the_past", 409),
        ({"pricings": {"images": {"model": "package"}}}, "invalid_pricing", 400),
        (
            {"pricings": {"output_tokens": {"model": "standard"}}},
            "invalid_value",
            400,
        ),
        ({"pricings": {"images": {"model": "tea"}}}, "invalid_value", 400),
    ],
)
def test_it_refuses_what_is_no_price(callers, price, changes, code, status):
    answer = callers.staff.post("prices", price_body(price, **changes))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert PriceVersion.objects.get() == price


def test_a_book_is_opened_for_a_tenant_and_its_price_ended(callers, price):
    body = {"name": "agreed", "tenant": callers.tenant.slug}
    book = callers.staff.post("price_books", body)
    assert book.status_code == 201
    assert book.json()["tenant"] == callers.tenant.slug
    listed = callers.staff.get("price_books").json()["data"]
    assert [one["name"] for one in listed] == ["agreed", "list"]
    made = callers.staff.post("prices", price_body(price, price_book="agreed")).json()
    (paid,) = callers.key.get("prices").json()["data"]
    assert paid["id"] == made["id"]
    assert callers.stranger.get("prices?price_book=agreed").json()["data"] == []
    assert callers.key.get("prices?price_book=agreed").json()["data"] == [paid]
    at = (timezone.now() + timedelta(days=1)).isoformat()
    ended = callers.staff.post(f"prices/{made['id']}/end", {"effective_to": at})
    assert ended.status_code == 200
    assert PriceVersion.objects.get(pk=made["id"]).effective_to is not None
    again = callers.staff.post(f"prices/{made['id']}/end", {})
    assert again.status_code == 409


def test_it_refuses_to_end_the_list_or_what_is_not_there(callers, price):
    answer = callers.staff.post(f"prices/{price.pk}/end", {})
    assert answer.json()["error"]["code"] == "price_out_of_order"
    assert callers.staff.post("prices/999/end", {}).status_code == 404
    price.refresh_from_db()
    assert price.effective_to is None


def test_it_refuses_a_book_of_a_tenant_that_is_not_there(callers):
    body = {"name": "agreed", "tenant": "nobody"}
    answer = callers.staff.post("price_books", body)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_tenant"
    assert not PriceBook.objects.filter(name="agreed").exists()


def test_a_plan_is_offered_and_withdrawn(callers, price):
    callers.staff.post("price_books", {"name": "pro prices"})
    body = PLAN | {
        "price_book": "pro prices",
        "allowances": [
            {"meter": "output_tokens", "quantity": 1_000_000},
            {
                "meter": "new_input_tokens",
                "quantity": 5,
                "model": price.served_model.name,
            },
        ],
    }
    answer = callers.staff.post("plans", body)
    assert answer.status_code == 201
    offered = callers.key.get("plans").json()["data"]
    assert answer.json() in offered
    assert answer.json()["price_book"] == "pro prices"
    assert [one["quantity"] for one in answer.json()["allowances"]] == [1_000_000, 5]
    withdrawn = callers.staff.post("plans/pro/withdraw").json()
    assert withdrawn["withdrawn_at"] is not None
    codes = [one["code"] for one in callers.key.get("plans").json()["data"]]
    assert "pro" not in codes


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "free"},
        {"allowances": [{"meter": "tea", "quantity": 1}]},
        {"commitment_cents": 5},
        {"code": "taken"},
    ],
)
def test_it_refuses_terms_that_do_not_fit_together(callers, changes):
    make_plan(code="taken")
    count = Plan.objects.count()
    answer = callers.staff.post("plans", PLAN | changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_plan"
    assert Plan.objects.count() == count


def test_a_coupon_is_offered_and_ended(callers):
    answer = callers.staff.post("coupons", COUPON)
    assert answer.status_code == 201
    assert answer.json()["code"] == "SPRING"
    assert callers.staff.get("coupons").json()["data"] == [answer.json()]
    redeemed = callers.owner.post("coupon_redemptions", {"code": "spring"})
    assert redeemed.status_code == 200
    ended = callers.staff.post("coupons/spring/end").json()
    assert ended["redeem_until"] is not None
    late = callers.stranger.post("coupon_redemptions", {"code": "SPRING"})
    assert late.status_code == 403
    assert callers.staff.post("coupons/nothing/end").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"amount_cents": 5}, {"percent_basis_points": 0}, {"code": "TAKEN"}],
)
def test_it_refuses_a_coupon_that_takes_off_two_things_or_none(callers, changes):
    make_coupon(code="TAKEN")
    answer = callers.staff.post("coupons", COUPON | changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_coupon"
    assert Coupon.objects.count() == 1


@pytest.mark.parametrize("name", ["key", "owner", "colleague", "stranger"])
@pytest.mark.parametrize(("path", "body"), ACTS)
def test_it_refuses_others_than_staff(callers, path, body, name):
    answer = getattr(callers, name).post(path, body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "staff_required"


@pytest.mark.parametrize(("path", "body"), ACTS)
def test_it_refuses_staff_who_are_no_superusers(callers, path, body):
    answer = staff_session(callers, is_superuser=False).post(path, body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "superuser_required"


@pytest.mark.parametrize("path", ["price_books", "coupons"])
@pytest.mark.parametrize("name", ["key", "owner", "colleague"])
def test_it_shows_what_is_agreed_with_others_to_staff_alone(callers, path, name):
    assert getattr(callers, name).get(path).status_code == 403
    assert staff_session(callers, is_superuser=False).get(path).status_code == 200
