"""The year of `manage.py demo_data` on pages: believable when they are full, too."""

import pytest
from django.utils import timezone

from billing.models.invoices import Invoice
from config.demo.year import write_demo
from tests.factories import make_user
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser
LIGHT_AND_WIDE, *_, DARK_AND_NARROW = LOOKS


@pytest.fixture
def demo(db, valkey):  # noqa: ARG001  publishes what it makes
    return write_demo(now=timezone.now().replace(microsecond=0), months=1, dense_days=2)


def test_what_a_year_leaves_can_be_shown(visit, demo):
    for tenant in demo:
        owner = tenant.members.get(role="owner").user
        key = tenant.api_keys.earliest("pk")
        issued = Invoice.objects.filter(tenant=tenant).earliest("period_start")
        pages = {
            "overview": "/",
            "key": f"/keys/{key.pk}/",
            "usage": "/usage/?range=30d&by=model",
            "calls": "/usage/calls/",
            "leases": "/leases/",
            "prompts": "/prompts/",
            "limits": "/limits/",
            "invoice": f"/invoices/{issued.pk}/",
            "forecast": "/billing/forecast/",
            "advice": "/plan/advice/",
            "audit": "/settings/audit/",
        }
        for look in (LIGHT_AND_WIDE, DARK_AND_NARROW):
            take(visit, owner, f"demo-{tenant.slug}-{folder_of(look)}", pages, **look)
    operator = {
        "operator": "/operator/",
        "operator-tenant": f"/operator/tenants/{demo[0].pk}/",
        "operator-now": "/operator/now/",
        "operator-engines": "/operator/engines/",
        "operator-margin": "/operator/margin/",
        "operator-health": "/operator/health/",
        "operator-invoices": "/operator/invoices/",
    }
    staff = make_user(email="staff@tokenfab.example", is_staff=True)
    for look in (LIGHT_AND_WIDE, DARK_AND_NARROW):
        take(visit, staff, f"demo-operator-{folder_of(look)}", operator, **look)
