import pytest

from tests.billing.usage import make_price
from tests.factories import make_tenant


@pytest.fixture
def tenant(db):  # noqa: ARG001  pytest asks by argument
    return make_tenant()


@pytest.fixture
def price(db):  # noqa: ARG001  pytest asks by argument
    """0.10, 0.02 and 0.40 USD per million."""
    return make_price()
