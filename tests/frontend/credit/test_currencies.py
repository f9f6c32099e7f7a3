"""A tenant's pages are in its currency, and an operator's in that of each row."""

import pytest

from billing.models.price_books import PriceBook
from billing.services.credit.grant_credit import grant_credit
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import NOON, make_price, use
from tests.factories import make_project, make_served_model, make_tenant, make_user
from tests.frontend.people import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
MILLION = 1_000_000


@pytest.fixture
def european():
    """With an invoice of 0.40 EUR and credit."""
    tenant = make_tenant(name="Bonn", owner=make_user(), currency="EUR")
    make_project(tenant=tenant)
    euros = PriceBook.objects.list_book("EUR")
    use(tenant, make_price(make_served_model(), price_book=euros), MILLION)
    grant_credit(
        tenant=tenant,
        amount_nanos=5_000_000_000,
        reason="gift",
        idempotency_key="1",
        now=NOON,
    )
    rate_usage(now=NOON)
    return tenant


@pytest.fixture
def owner(european):
    return client_of(european.members.get().user)


@pytest.fixture
def staff():
    return client_of(make_user(is_staff=True, is_superuser=True))


def text_of(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content, "utf-8")


@pytest.mark.parametrize(
    "path", ["/invoices/", "/credit/", "/prices/", "/limits/spend/"]
)
def test_it_works(owner, path):
    text = text_of(owner, path)

    assert "$" not in text.replace("${", "")
    assert "€" in text or "EUR" in text


def test_a_document_names_its_currency(owner, european):
    invoice = european.invoices.get()
    text = text_of(owner, f"/invoices/{invoice.pk}/")
    assert '<span class="muted">EUR</span>' in text


def test_what_is_typed_is_said_to_be_in_the_currency(owner):
    assert "Amount, EUR" in text_of(owner, "/limits/spend/")


def test_operators_see_each_row_in_its_currency(european, staff):
    american = make_tenant(name="Boston")
    use(american, make_price(make_served_model(name="b", is_default=False)), MILLION)
    rate_usage(now=NOON)

    text = text_of(staff, "/operator/invoices/")
    assert "€0.40" in text
    assert "$0.40" in text
    text = text_of(staff, f"/operator/tenants/{european.pk}/credit/")
    assert "€5.00" in text
    assert "Amount, EUR" in text
    assert "$" not in text.replace("${", "")
    assert "List EUR" in text_of(staff, "/operator/prices/")


def test_the_next_page_is_in_its_own_currency(owner):
    """What one page sets is undone at its end."""
    text_of(owner, "/credit/")
    stranger = make_tenant(owner=make_user())
    make_project(tenant=stranger)

    assert "€" not in text_of(client_of(stranger.members.get().user), "/credit/")


def test_staff_open_the_list_of_a_currency(staff):
    staff.post("/operator/prices/books/", {"currency": "CHF", "is_list": "on"})

    book = PriceBook.objects.get(currency="CHF")
    assert (book.name, book.is_list) == ("list CHF", True)
    staff.post("/operator/prices/books/", {"currency": "CHF", "name": "partners"})
    assert PriceBook.objects.get(name="partners").currency == "CHF"


def test_staff_change_the_currency_of_a_tenant_that_has_nothing(staff):
    tenant = make_tenant()
    path = f"/operator/tenants/{tenant.pk}/currency/"

    answer = staff.post(path, {"currency": "SEK"})

    tenant.refresh_from_db()
    assert (answer.status_code, tenant.currency) == (302, "SEK")


def test_it_refuses_to_change_that_of_a_tenant_with_money(staff, european):
    path = f"/operator/tenants/{european.pk}/currency/"

    answer = staff.post(path, {"currency": "USD"})

    assert answer.status_code == 422
    assert "pays in EUR for good" in answer.content.decode()
