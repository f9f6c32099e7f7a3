import pytest
import stripe

from tests.stripe_sim.server import SECRET_KEY, run_stripe_sim


@pytest.fixture
def sim():
    with run_stripe_sim() as sim:
        yield sim


@pytest.fixture
def client(sim):
    return client_of(sim)


def client_of(sim, *, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        SECRET_KEY,
        base_addresses={
            "api": sim.url,
            "files": sim.url,
            "connect": sim.url,
            "meter_events": sim.url,
        },
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=5),
    )
