"""What the time of leases costs a tenant."""

import pytest

from billing.models.price_books import PriceBook
from billing.services.prices.read_lease_rates import LeaseRates, read_lease_rates
from tests.billing.usage import NOON, make_price
from tests.factories import make_served_model, make_tenant

LEASES = {
    "hbm_mb_s_nanos_per_million": 13_500_000,
    "host_mb_s_nanos_per_million": 200_000,
}
LISTED = LeaseRates(
    currency="USD", input=100_000_000, hbm=13_500_000, host=200_000, disk=None
)


@pytest.fixture
def model(db):  # noqa: ARG001  pytest asks by argument
    model = make_served_model()
    make_price(model, **LEASES)
    return model


def test_it_works(tenant, model):
    read = read_lease_rates([model.pk], tenant_id=tenant.pk, now=NOON)

    assert read == {model.pk: LISTED}


def test_each_tenant_is_told_its_own(tenant, model):
    book = PriceBook.objects.create(name="agreed", tenant=tenant, created_at=NOON)
    agreed = {name: rate // 2 for name, rate in LEASES.items()}
    make_price(model, price_book=book, **agreed)
    stranger = make_tenant()

    own = read_lease_rates([model.pk], tenant_id=tenant.pk, now=NOON)
    listed = read_lease_rates([model.pk], tenant_id=stranger.pk, now=NOON)

    assert (own[model.pk].hbm, own[model.pk].host) == (6_750_000, 100_000)
    assert listed == {model.pk: LISTED}


def test_other_models_are_left_out(tenant, model):
    assert read_lease_rates([], tenant_id=tenant.pk, now=NOON) == {}
    assert model.pk not in read_lease_rates([0], tenant_id=tenant.pk, now=NOON)
