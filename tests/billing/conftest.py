import pytest

from tests.billing.usage import make_price
from tests.factories import make_tenant
from tests.stripe_sim.server import SECRET_KEY, WEBHOOK_SECRET, run_stripe_sim


@pytest.fixture
def tenant(db):  # noqa: ARG001  pytest asks by argument
    return make_tenant()


@pytest.fixture
def price(db):  # noqa: ARG001  pytest asks by argument
    """0.10, 0.02 and 0.40 USD per million."""
    return make_price()


@pytest.fixture
def stripe_sim(settings):
    """Stripe, simulated; the settings lead there."""
    with run_stripe_sim() as sim:
        settings.STRIPE_API_KEY = SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
        settings.STRIPE_API_BASE = sim.url
        yield sim
