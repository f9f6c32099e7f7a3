"""Whatever dies while a plan is changed: the act done again leads to the same end."""

from datetime import timedelta

import pytest

from billing.models.plans import PlanKind
from billing.services.credit.credit_of import credit_of
from billing.services.plans.change_plan import change_plan
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Tenant
from tests.billing.crash import check_every_crash
from tests.billing.plans import make_plan, plans_of, told
from tests.billing.usage import NOVEMBER, balances, check_books
from tests.billing.webhooks import make_endpoint
from tests.factories import make_tenant

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("valkey"),
]

MIDDLE = NOVEMBER + timedelta(days=15)


def test_a_plan_is_changed_once_wherever_the_process_dies():
    """To a free one, so that terms and credit change too."""
    paid = make_plan(code="paid")
    free = make_plan(code="free", kind=PlanKind.FREE, price_cents=0, credit_cents=5_00)

    def prepare() -> Tenant:
        tenant = make_tenant()
        make_endpoint(tenant)
        start_subscription(tenant_id=tenant.pk, plan=paid, now=NOVEMBER)
        rate_usage(now=NOVEMBER)
        return tenant

    def state(tenant: Tenant) -> list[object]:
        rate_usage(now=MIDDLE)
        tenant.refresh_from_db()
        check_books(tenant)
        return [
            plans_of(tenant),
            tenant.is_prepaid,
            credit_of(tenant),
            balances(tenant),
            [kind for kind, _ in told(tenant)],
        ]

    deaths = check_every_crash(
        prepare=prepare,
        act=lambda tenant: change_plan(tenant_id=tenant.pk, plan=free, now=MIDDLE),
        state=state,
    )

    assert deaths > 10
