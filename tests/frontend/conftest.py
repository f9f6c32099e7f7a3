from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.cache import cache

from billing.models.invoices import Invoice
from tests.frontend.believable import call, priced_model, record
from tests.frontend.people import People


@pytest.fixture(scope="session", autouse=True)
def _static_root():
    """Whitenoise warns of a folder that is not there, and warnings are errors."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _empty_cache():
    """Allauth counts attempts there."""
    cache.clear()


@pytest.fixture
def people(db):  # noqa: ARG001  opens the database
    """One tenant with an owner and a colleague, a stranger's tenant, and staff."""
    return People.gather()


@pytest.fixture
def version(db):  # noqa: ARG001  opens the database
    return priced_model()


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def invoice(people, version, now):
    """The tenant's draft after one call: 500 new, 700 cached, 90 output tokens."""
    record([call(people.api_key, version, now)], now)
    return Invoice.objects.get(tenant=people.tenant)
