"""Prices with steps, as pictures, and an operator who sees them while typing."""

import re
from datetime import timedelta

import pytest

from billing.domain.price_models import MeterPricing, PriceModel, Step
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.end_price import end_price
from billing.services.prices.set_price import set_price
from tests.factories import make_user
from tests.frontend.believable import priced_second_model
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser

USD = 1_000_000_000
MILLION = 1_000_000
STEPS = (Step(10 * MILLION, USD // 2), Step(50 * MILLION, USD // 4), Step(None, 10**8))


@pytest.fixture
def operator(db):  # noqa: ARG001  opens the database
    return make_user(email="root@tokenfab.example", is_staff=True, is_superuser=True)


@pytest.fixture
def agreed(people, version, now):
    """Graduated output and packaged new input for the tenant, until next month."""
    priced_second_model()
    book = PriceBook.objects.create(
        name="tenant acme", tenant=people.tenant, created_at=now
    )
    agreed = set_price(
        served_model=version.served_model,
        price_book=book,
        rates=version.rates,
        pricings={
            "output_tokens": MeterPricing(PriceModel.VOLUME, steps=STEPS),
            "new_input_tokens": MeterPricing(
                PriceModel.PACKAGE, package_units=MILLION, package_nanos=USD // 10
            ),
        },
        effective_from=now,
        now=now,
    )
    return end_price(agreed, effective_to=now + timedelta(days=30), now=now)


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_prices_can_be_shown(visit, people, agreed, operator, look):
    folder = folder_of(look)
    take(visit, people.users["owner"], folder, {"prices": "/prices/"}, **look)
    book, model = agreed.price_book_id, agreed.served_model_id
    pages = {
        "operator-prices": "/operator/prices/",
        "operator-set-price": f"/operator/prices/set/?book={book}&model={model}",
        "operator-end-price": f"/operator/prices/{agreed.pk}/end/",
        "operator-tenant-prices": f"/operator/tenants/{people.tenant.pk}/prices/",
    }
    take(visit, operator, folder, pages, **look)


@pytest.mark.usefixtures("agreed")
def test_a_chart_of_prices_is_read_by_keys_and_saved(visit, people):
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/prices/")
        chart = page.locator("[data-price-chart]").first
        chart.locator("canvas").wait_for()
        chart.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        told = page.locator("#announcements").text_content()
        assert re.fullmatch(r"[\d,]+ tokens: \$[\d.,]+", told)
        assert chart.locator(".chart-note strong").is_visible()
        acts = page.locator("[data-chart-acts]").first
        with page.expect_download() as table:
            acts.get_by_role("button", name="CSV").click()
        head, first, *_ = table.value.path().read_text().splitlines()
        assert head == "quantity,amount_nanos,currency"
        assert re.fullmatch(r"\d+,\d+,USD", first)
        with page.expect_download() as picture:
            acts.get_by_role("button", name="PNG").click()
        assert picture.value.path().read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("people")
def test_the_arithmetic_appears_while_typing(visit, operator, version):
    address = f"/operator/prices/set/?book={version.price_book_id}"
    with visit(operator) as seen:
        page = seen.page
        seen.open(f"{address}&model={version.served_model_id}")
        output = page.get_by_label("Output, per million tokens")
        assert output.input_value() == "0.40"
        output.fill("graduated 1M:2 rest:1")
        page.locator("#preview").get_by_text("$11.00").wait_for()
        output.fill("graduated 1M:2")
        page.locator("#preview").get_by_text("The last step has no end").wait_for()
    assert PriceVersion.objects.get() == version
