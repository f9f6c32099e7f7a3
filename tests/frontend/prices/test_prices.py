"""What a tenant pays, on its own page."""

from datetime import timedelta

import pytest

from billing.domain.price_models import MeterPricing, PriceModel, Step
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.set_price import set_price
from frontend.prices.price_list import show_meter

USD = 1_000_000_000
MILLION = 1_000_000
GRADUATED = MeterPricing(
    PriceModel.GRADUATED, steps=(Step(MILLION, 2 * USD), Step(None, USD, 3 * USD))
)


def page_of(people, name="owner"):
    return people.client(name).get("/prices/")


@pytest.fixture
def agreed(people, version, now):
    book = PriceBook.objects.create(
        name="tenant acme", tenant=people.tenant, created_at=now
    )
    return set_price(
        served_model=version.served_model,
        price_book=book,
        rates=version.rates,
        pricings={"output_tokens": GRADUATED},
        effective_from=now,
        now=now,
    )


def test_it_works(people, version):
    response = page_of(people)

    (shown,) = response.context["prices"]
    assert shown.version == version
    assert [(one.title, one.price, one.per) for one in shown.meters] == [
        ("New input", "$0.10", "per million tokens"),
        ("Cached input", "$0.02", "per million tokens"),
        ("Output", "$0.40", "per million tokens"),
        ("KV leases in GPU memory", "$0.0135", "per million MB·s"),
        ("KV leases in host memory", "$0.0002", "per million MB·s"),
    ]
    assert "Agreed with you" not in response.content.decode()


def test_its_own_price_is_shown_with_its_steps(people, agreed):
    response = page_of(people)

    (shown,) = response.context["prices"]
    (output,) = shown.stepped
    text = response.content.decode()
    assert shown.version == agreed
    assert [(one.label, one.price, one.flat) for one in output.steps] == [
        ("1 to 1,000,000", "$2.00 per million tokens", ""),
        ("1,000,001 and more", "$1.00 per million tokens", "$3.00"),
    ]
    assert "Agreed with you" in text
    assert "1,000,001 and more" in text
    assert "data-price-chart" in text


@pytest.mark.usefixtures("agreed")
def test_a_stranger_sees_the_list_alone(people, version):
    response = page_of(people, "stranger")

    (shown,) = response.context["prices"]
    assert shown.version == version
    assert "1,000,001" not in response.content.decode()


def test_a_later_price_is_announced(people, version, now):
    later = now + timedelta(days=30)
    set_price(
        served_model=version.served_model,
        rates=version.rates,
        pricings={"output_tokens": GRADUATED},
        effective_from=later,
        now=now,
    )

    (shown,) = page_of(people).context["prices"]

    assert shown.stepped == []
    (change,) = shown.changes
    assert change.at == later
    assert (
        change.meters[2].price == "up to $4.00"
    )  # 1 USD, and 3 over the first million


def test_without_prices_it_says_so(people):
    assert not PriceVersion.objects.exists()
    assert "Nothing is sold yet" in page_of(people).content.decode()


def test_the_picture_and_its_table_agree():
    shown = show_meter("output_tokens", GRADUATED)

    assert shown.chart
    drawn = dict(zip(shown.chart["at"], shown.chart["nanos"], strict=True))
    shared = [one for one in shown.samples if one.quantity in drawn]
    assert len(shared) >= 3
    assert all(drawn[one.quantity] == one.amount_nanos for one in shared)
    assert drawn[0] == 0
    assert drawn[MILLION + 1] - drawn[MILLION] == 3 * USD + 1000


@pytest.mark.parametrize(
    ("meter", "pricing", "price", "per"),
    [
        (
            "images",
            MeterPricing(PriceModel.PACKAGE, package_units=100, package_nanos=4 * USD),
            "$4.00",
            "per 100 images begun",
        ),
        ("disk_mb_s", MeterPricing(PriceModel.STANDARD, 2_850), "$0.00000285", None),
        (
            "output_tokens",
            MeterPricing(PriceModel.VOLUME, steps=(Step(None, USD),)),
            "up to $1.00",
            None,
        ),
    ],
)
def test_each_meter_has_its_unit(meter, pricing, price, per):
    shown = show_meter(meter, pricing)

    assert shown.price == price
    assert shown.per == (per or f"per million {shown.unit}")
