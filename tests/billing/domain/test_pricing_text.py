"""A price as it is typed."""

import pytest
from hypothesis import assume, given

from billing.domain.price_models import MeterPricing, PriceModel, Step, standard
from billing.domain.pricing_text import parse_pricing, pricing_text
from billing.errors import BillingError
from tests.billing.domain.test_price_models import pricings

USD = 1_000_000_000
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("text", "pricing"),
    [
        ("0.10", standard(USD // 10)),
        (
            "package 1M:2",
            MeterPricing(
                PriceModel.PACKAGE, package_units=MILLION, package_nanos=2 * USD
            ),
        ),
        (
            "graduated 1_000_000:2, 5M:1.5 rest:1",
            MeterPricing(
                PriceModel.GRADUATED,
                steps=(
                    Step(MILLION, 2 * USD),
                    Step(5 * MILLION, 3 * USD // 2),
                    Step(None, USD),
                ),
            ),
        ),
        (
            " volume 500k:2+10 rest:1 ",
            MeterPricing(
                PriceModel.VOLUME,
                steps=(Step(500_000, 2 * USD, 10 * USD), Step(None, USD)),
            ),
        ),
    ],
)
def test_it_works(text, pricing):
    assert parse_pricing("output_tokens", text) == pricing


def test_an_image_is_priced_each():
    pricing = parse_pricing("images", "graduated 100:0.04 rest:0.03")

    assert pricing.steps[0] == Step(100, 40_000_000 * MILLION)
    assert pricing_text("images", pricing) == "graduated 100:0.04 rest:0.03"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cheap",
        "-1",
        "package",
        "package 1M",
        "package 1M:0",
        "package M:2",
        "package 1M:2 2M:3",
        "graduated",
        "graduated 1M:2",
        "graduated 1M:2 1M:1 rest:1",
        "graduated 1M:2 rest:1+0",
        "graduated 1M: 2 rest:1",
        "volume 1.5M:2 rest:1",
        "volume 1M:2 rest:1 rest:2",
        "steps 1M:2 rest:1",
    ],
)
def test_it_refuses(text):
    with pytest.raises(BillingError):
        parse_pricing("output_tokens", text)


@given(pricing=pricings)
def test_what_is_written_is_read_as_the_same(pricing):
    # A package for nothing cannot be typed.
    assume(pricing.model is not PriceModel.PACKAGE or pricing.package_nanos)
    text = pricing_text("output_tokens", pricing)
    assert parse_pricing("output_tokens", text) == pricing
