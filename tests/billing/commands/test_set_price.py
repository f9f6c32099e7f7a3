"""`manage.py set_price` and `manage.py set_default_price`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.domain.price_models import MeterPricing, PriceModel, Step
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from tests.factories import make_served_model

pytestmark = pytest.mark.django_db
RATES = {"new_input": "0.25", "cached_input": "0.000000001", "output": "1"}
MODEL = "smollm2-135m-instruct"


def set_price(model=MODEL, **options):
    out = StringIO()
    call_command("set_price", model, stdout=out, **{**RATES, **options})
    return out.getvalue()


def test_it_works(price):
    text = set_price(effective_from="2100-01-01T02:00+02:00")

    latest = PriceVersion.objects.latest("id")
    assert latest.new_input_nanos_per_million == 250_000_000
    assert latest.cached_input_nanos_per_million == 1
    assert latest.output_nanos_per_million == 1_000_000_000
    assert latest.effective_from.isoformat() == "2100-01-01T00:00:00+00:00"
    assert text == (
        f"price version {latest.pk} of {MODEL} applies from 2100-01-01T00:00:00+00:00\n"
    )
    price.refresh_from_db()
    assert price.effective_to == latest.effective_from


@pytest.mark.usefixtures("price")
def test_images_are_sold_by_the_piece():
    set_price(image="0.04")

    latest = PriceVersion.objects.latest("id")
    assert latest.image_nanos_per_million == 40_000_000_000_000
    assert latest.rates.of_meter("images") == 40_000_000_000_000


@pytest.mark.usefixtures("price")
def test_leases_are_sold_by_tier():
    set_price(lease_hbm="0.0135", lease_host="0.0002", lease_disk="0.00000285")

    latest = PriceVersion.objects.latest("id")
    assert latest.rates.of_meter("hbm_mb_s") == 13_500_000
    assert latest.rates.of_meter("host_mb_s") == 200_000
    assert latest.rates.of_meter("disk_mb_s") == 2_850


def test_a_price_has_steps_in_a_book(price):
    book = PriceBook.objects.create(name="partners", created_at=price.created_at)

    set_price(book="partners", output="graduated 1M:1 rest:0.5")

    latest = PriceVersion.objects.latest("id")
    assert latest.price_book == book
    assert latest.pricings == {
        "output_tokens": MeterPricing(
            PriceModel.GRADUATED,
            steps=(Step(1_000_000, 1_000_000_000), Step(None, 500_000_000)),
        )
    }
    assert latest.output_nanos_per_million == 1_000_000_000
    price.refresh_from_db()
    assert price.effective_to is None


def test_without_a_time_it_applies_at_once(price):
    set_price()

    price.refresh_from_db()
    assert price.effective_to == PriceVersion.objects.latest("id").created_at


@pytest.mark.usefixtures("price")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"output": "0.0000000001"}, "more than 9 decimals"),
        ({"output": "-1"}, "not a number between"),
        ({"image": "1001"}, "not a number between"),
        ({"new_input": "cheap"}, "not a number"),
        ({"model": "unknown"}, "No model is served as 'unknown'"),
        ({"effective_from": "2026-01-02"}, "change the past"),
        ({"book": "unknown"}, "no price book 'unknown'"),
        ({"output": "graduated 1M:1"}, "last step has no end"),
        ({"cached_input": "0.26"}, "would cost more than new_input"),
        ({"effective_from": "soon"}, "not an ISO 8601 time"),
    ],
)
def test_it_refuses(options, reason):
    with pytest.raises(CommandError, match=reason):
        set_price(**options)

    assert PriceVersion.objects.count() == 1


def test_the_default_price_is_set_once():
    make_served_model()
    out = StringIO()

    call_command("set_default_price", stdout=out)
    call_command("set_default_price", stdout=out)

    line = f"{MODEL}: USD per million tokens: 0.10 new input, 0.02 cached input, 0.40"
    assert out.getvalue().count(line) == 2
    assert PriceVersion.objects.count() == 1


def test_it_refuses_a_default_price_without_a_default_model():
    with pytest.raises(CommandError, match="No model is the default"):
        call_command("set_default_price")


def test_each_currency_has_its_own_list():
    model = make_served_model()

    set_price(model.name, book="list EUR")

    (price,) = PriceVersion.objects.all()
    assert (price.price_book.is_list, price.price_book.currency) == (True, "EUR")
    with pytest.raises(CommandError, match="list JPY"):
        set_price(model.name, book="list JPY")
