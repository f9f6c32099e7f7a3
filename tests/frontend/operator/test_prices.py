"""The operator sets prices, in books, and sees what they come to."""

from datetime import timedelta

import pytest

from billing.domain.price_models import PriceModel
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from tests.factories import make_user
from tests.frontend.believable import price
from tests.frontend.people import client_of

SET = "/operator/prices/set/"


@pytest.fixture
def operator(db):  # noqa: ARG001  opens the database
    return client_of(
        make_user(email="root@tokenfab.example", is_staff=True, is_superuser=True)
    )


def typed(version, **changes):
    return {
        "price_book": version.price_book_id,
        "served_model": version.served_model_id,
        "effective_from": "2100-01-01 00:00",
        "quantity": "10000000",
        "new_input_tokens": "0.10",
        "cached_input_tokens": "0.02",
        "output_tokens": "graduated 1M:2 rest:1",
        **changes,
    }


@pytest.fixture
def book(people, now):
    return PriceBook.objects.create(name="acme", tenant=people.tenant, created_at=now)


def test_it_works(operator, version):
    response = operator.post(SET, typed(version, set="1"))

    latest = PriceVersion.objects.latest("id")
    assert (response.status_code, response["Location"]) == (302, "/operator/prices/")
    assert latest.pricings["output_tokens"].model is PriceModel.GRADUATED
    assert latest.effective_from.isoformat() == "2100-01-01T00:00:00+00:00"
    assert latest.hbm_mb_s_nanos_per_million is None
    page = operator.get("/operator/prices/").content.decode()
    assert "by steps, each part at its own" in page


def test_it_shows_what_it_would_cost_and_sets_nothing(operator, version):
    part = operator.post(SET, typed(version), headers={"hx-request": "true"})
    whole = operator.post(SET, typed(version))

    for response in (part, whole):
        assert response.status_code == 200
        output = response.context["preview"][2]
        # 1 million at 2 USD, 9 million at 1 USD.
        assert output.amount_nanos == 11_000_000_000
        assert [row.label for row in output.rows] == [
            "1 to 1,000,000",
            "1,000,001 and more",
        ]
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    assert PriceVersion.objects.count() == 1


def test_the_form_begins_with_the_price_that_is_set(operator, version, book):
    def initial(price_book):
        address = f"{SET}?book={price_book.pk}&model={version.served_model_id}"
        return operator.get(address).context["form"].initial

    assert initial(book)["output_tokens"] == "0.40"  # of the list, where it has none
    price(version.served_model, (1, 1, 1_500_000_000), price_book=book)
    assert initial(book)["output_tokens"] == "1.50"
    assert initial(version.price_book)["output_tokens"] == "0.40"
    assert operator.get(f"{SET}?book=x&model=1").status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cached_input_tokens": "0.11"}, "would cost more than new_input_tokens"),
        ({"output_tokens": "graduated 1M:2"}, "The last step has no end"),
        ({"output_tokens": ""}, "This field is required"),
        ({"effective_from": "2026-01-01"}, "would change the past"),
        ({"effective_from": "soon"}, "Enter a valid date"),
        ({"quantity": "-1"}, "greater than or equal to 0"),
    ],
)
def test_it_refuses(operator, version, changes, said):
    response = operator.post(SET, typed(version, set="1", **changes))

    assert response.status_code == 422
    assert said in response.content.decode()
    assert PriceVersion.objects.count() == 1


def test_it_refuses_staff_who_may_only_look(people, version):
    staff = people.client("staff")

    assert staff.post(SET, typed(version, set="1")).status_code == 403
    assert staff.post("/operator/prices/books/", {"name": "a"}).status_code == 403
    of_tenant = f"/operator/tenants/{people.tenant.pk}/prices/"
    assert staff.post(of_tenant).status_code == 403
    assert PriceVersion.objects.count() == 1
    assert not PriceBook.objects.filter(is_list=False).exists()


def test_a_book_for_plans_is_opened_once(operator):
    for _ in range(2):
        response = operator.post(
            "/operator/prices/books/", {"name": "partners", "currency": "USD"}
        )
        assert response.status_code == 302

    assert PriceBook.objects.get(name="partners").tenant is None
    PriceBook.objects.list_book()
    operator.post("/operator/prices/books/", {"name": "list", "currency": "USD"})
    text = operator.get("/operator/prices/").content.decode()
    assert "&#x27;list&#x27; is the name of a list" in text


def test_a_tenant_gets_a_book_and_a_price_of_its_own(operator, people, version):
    address = f"/operator/tenants/{people.tenant.pk}/prices/"
    assert operator.post(address).status_code == 302
    book = PriceBook.objects.get(tenant=people.tenant)
    operator.post(SET, typed(version, set="1", price_book=book.pk, effective_from=""))

    (shown,) = operator.get(address).context["prices"]
    assert shown.version.price_book == book
    assert shown.stepped


def test_a_price_of_a_book_is_ended(operator, version, book, now):
    own = price(version.served_model, price_book=book)
    address = f"/operator/prices/{own.pk}/end/"

    past = operator.post(address, {"effective_to": "2026-01-02"})
    done = operator.post(address, {"effective_to": ""})

    own.refresh_from_db()
    assert (past.status_code, done.status_code) == (422, 302)
    assert own.effective_to
    assert own.effective_to - now < timedelta(minutes=1)
    assert operator.get(f"/operator/prices/{version.pk}/end/").status_code == 404
