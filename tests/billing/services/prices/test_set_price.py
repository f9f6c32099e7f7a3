"""A price from a time on; the past stays as it was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.price_models import MeterPricing, PriceModel, Step
from billing.domain.rating import Rates
from billing.errors import ArbitrageError, PriceInThePastError, PriceOutOfOrderError
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.set_default_price import DEFAULT_RATES, set_default_price
from billing.services.prices.set_price import set_price
from billing.services.rating.rate_usage import rate_usage
from metering.wire import SNAPSHOT_KIND, PriceVector
from tenants.domain import snapshot
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_served_model

DAY = timedelta(days=1)
DEARER = Rates(
    new_input_nanos_per_million=1_000_000_000,
    cached_input_nanos_per_million=200_000_000,
    output_nanos_per_million=4_000_000_000,
)


def published(valkey, settings):
    blob = valkey.get(snapshot.valkey_key(SNAPSHOT_KIND))
    items = snapshot.verify(
        blob, kind=SNAPSHOT_KIND, secret=settings.SNAPSHOT_KEY
    ).items
    return [PriceVector(**item) for item in items]


def test_it_works(price):
    version = set_price(
        served_model=price.served_model,
        rates=DEARER,
        effective_from=DECEMBER,
        now=NOON,
    )

    price.refresh_from_db()
    assert price.effective_to == DECEMBER
    assert (version.effective_from, version.effective_to) == (DECEMBER, None)
    assert (version.rates, version.created_at) == (DEARER, NOON)
    assert PriceVersion.objects.in_effect_at(DECEMBER - DAY).get() == price
    assert PriceVersion.objects.in_effect_at(DECEMBER).get() == version


def test_it_is_published_at_commit(
    price, valkey, settings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        version = set_price(
            served_model=price.served_model,
            rates=DEARER,
            effective_from=DECEMBER,
            now=NOON,
        )

    old, new = published(valkey, settings)
    assert (old.price_version_id, old.effective_to) == (price.pk, DECEMBER.timestamp())
    assert new == PriceVector(
        price_version_id=version.pk,
        model="smollm2-135m-instruct",
        new_input_nanos_per_million=1_000_000_000,
        cached_input_nanos_per_million=200_000_000,
        output_nanos_per_million=4_000_000_000,
        image_nanos_per_million=None,
        effective_from=DECEMBER.timestamp(),
        effective_to=None,
    )


def test_the_price_of_an_image_is_published(
    price, valkey, settings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        set_price(
            served_model=price.served_model,
            rates=replace(DEARER, image_nanos_per_million=40_000_000_000_000),
            effective_from=DECEMBER,
            now=NOON,
        )

    old, new = published(valkey, settings)
    assert old.image_nanos_per_million is None
    assert new.image_nanos_per_million == 40_000_000_000_000


def test_the_price_of_leases_is_published(
    price, valkey, settings, django_capture_on_commit_callbacks
):
    leases = {
        "hbm_mb_s_nanos_per_million": 13_500_000,
        "host_mb_s_nanos_per_million": 200_000,
    }
    with django_capture_on_commit_callbacks(execute=True):
        set_price(
            served_model=price.served_model,
            rates=replace(DEARER, **leases),
            effective_from=DECEMBER,
            now=NOON,
        )

    old, new = published(valkey, settings)
    assert {name: getattr(old, name) for name in leases} == dict.fromkeys(leases)
    assert {name: getattr(new, name) for name in leases} == leases


def test_leases_are_on_the_bill(tenant, price):
    version = set_price(
        served_model=price.served_model,
        rates=replace(DEARER, hbm_mb_s_nanos_per_million=13_500_000),
        effective_from=NOON,
        now=NOON,
    )
    use(tenant, version, 20_133, meter="hbm_mb_s")
    rate_usage(now=NOON)

    assert draft_of(tenant).total_nanos == 271_796


def test_a_lease_in_a_tier_without_a_price_is_not_rated(tenant, price):
    use(tenant, price, 1, meter="host_mb_s")

    assert rate_usage(now=NOON).refused == 1


def test_images_are_on_the_bill(tenant, price):
    version = set_price(
        served_model=price.served_model,
        rates=replace(DEARER, image_nanos_per_million=40_000_000_000_000),
        effective_from=NOON,
        now=NOON,
    )
    use(tenant, version, 3, meter="images")
    rate_usage(now=NOON)

    assert draft_of(tenant).total_nanos == 3 * 40_000_000


def test_what_was_used_keeps_its_price(tenant, price):
    use(tenant, price, 10)
    rate_usage(now=NOON)
    set_price(
        served_model=price.served_model, rates=DEARER, effective_from=NOON, now=NOON
    )

    use(tenant, price, 10, hour_at=NOON - DAY)
    rate_usage(now=DECEMBER)

    assert draft_of(tenant).total_nanos == 20 * 400


def test_the_same_price_again_is_the_same_version(price):
    act = {
        "served_model": price.served_model,
        "rates": DEARER,
        "effective_from": DECEMBER,
    }

    assert set_price(**act, now=NOON) == set_price(**act, now=DECEMBER + DAY)
    assert PriceVersion.objects.count() == 2


def test_it_refuses_a_price_from_the_past(price):
    with pytest.raises(PriceInThePastError):
        set_price(
            served_model=price.served_model,
            rates=DEARER,
            effective_from=NOON - timedelta(microseconds=1),
            now=NOON,
        )

    price.refresh_from_db()
    assert price.effective_to is None


@pytest.mark.parametrize("before", [timedelta(0), DAY])
def test_it_refuses_a_price_before_one_that_is_set_already(price, before):
    model = price.served_model
    set_price(served_model=model, rates=DEARER, effective_from=DECEMBER, now=NOON)

    with pytest.raises(PriceOutOfOrderError, match="2026-12-01"):
        set_price(
            served_model=model,
            rates=DEFAULT_RATES,
            effective_from=DECEMBER - before,
            now=NOON,
        )

    assert PriceVersion.objects.count() == 2


@pytest.mark.django_db
def test_the_default_model_gets_a_price_from_its_creation():
    assert set_default_price(now=NOON) is None
    model = make_served_model()

    version = set_default_price(now=NOON)

    assert version
    assert version.effective_from == model.created_at
    assert version.rates == DEFAULT_RATES
    assert set_default_price(now=NOON + DAY) == version


def test_a_default_model_that_has_a_price_keeps_it(price):
    assert set_default_price(now=NOON) == price


STEPS = MeterPricing(
    PriceModel.GRADUATED,
    steps=(Step(1000, 400_000_000), Step(None, 200_000_000)),
)


def test_a_meter_may_have_steps(tenant, price):
    act = {
        "served_model": price.served_model,
        "rates": DEFAULT_RATES,
        "effective_from": NOON,
        "now": NOON,
    }
    version = set_price(**act, pricings={"output_tokens": STEPS})
    use(tenant, version, 1500)
    rate_usage(now=NOON)

    version = PriceVersion.objects.get(pk=version.pk)
    assert version.pricings == {"output_tokens": STEPS}
    assert version.rates.output_nanos_per_million == 400_000_000
    assert draft_of(tenant).total_nanos == 1000 * 400 + 500 * 200
    assert set_price(**act, pricings={"output_tokens": STEPS}) == version


def test_a_book_has_prices_of_its_own(price):
    book = PriceBook.objects.create(name="partners", created_at=NOON)
    version = set_price(
        served_model=price.served_model,
        price_book=book,
        rates=DEARER,
        effective_from=NOON,
        now=NOON,
    )

    price.refresh_from_db()
    assert price.effective_to is None
    assert set(PriceVersion.objects.in_effect_at(NOON)) == {price, version}
    assert PriceVersion.objects.of_books([book]).get() == version


def test_it_refuses_a_first_price_from_the_past_but_in_the_list(price):
    book = PriceBook.objects.create(name="partners", created_at=NOON)

    with pytest.raises(PriceInThePastError):
        set_price(
            served_model=price.served_model,
            price_book=book,
            rates=DEARER,
            effective_from=NOON - DAY,
            now=NOON,
        )


def test_it_refuses_cached_input_that_costs_more_than_new(price):
    with pytest.raises(ArbitrageError):
        set_price(
            served_model=price.served_model,
            rates=replace(DEARER, cached_input_nanos_per_million=2_000_000_000),
            effective_from=DECEMBER,
            now=NOON,
        )
