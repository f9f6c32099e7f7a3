"""Pages ask a fixed number of questions, however many rows they show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import make_coupon, make_plan
from tests.factories import (
    make_api_key,
    make_engine,
    make_member,
    make_tenant,
    make_user,
)
from tests.frontend.believable import call, record
from tests.frontend.believable_leases import leased_call, next_turn, told
from tests.frontend.believable_prompts import (
    make_capacities,
    make_placement,
    make_prompt,
)
from tests.inference.lease_books import cursor_of, tell
from tests.tenants.invitations import invite

PATHS = {
    "owner": [
        "/",
        "/keys/",
        "/usage/",
        "/usage/calls/",
        "/usage/calls/?endpoint=responses&ms=1",
        "/leases/",
        "/prompts/",
        "/prompts/{prompt}/",
        "/invoices/",
        "/settings/",
        "/settings/members/",
        "/settings/audit/",
        "/limits/",
        "/prices/",
        "/webhooks/",
        "/credit/",
        "/plan/",
        "/billing/",
    ],
    "staff": [
        "/operator/",
        "/operator/invoices/",
        "/operator/blocked/",
        "/operator/payments/",
        "/operator/engines/",
        "/operator/prices/",
        "/operator/plans/",
        "/operator/coupons/",
    ],
}
QUERIES_MAX = 14


def add_prompt(api_key, engine, now, *, name):
    prompt = make_prompt(api_key, engine.served_model, now, name=name)
    make_placement(prompt, engine, now)
    return prompt


def add_plan_and_coupon(tenant, now):
    plan = make_plan(allowances=[("", "output_tokens", 1_000)])
    redeem_coupon(tenant_id=tenant.pk, code=make_coupon().code, now=now)
    return plan


def add_leased_turn(api_key, version, engine, now):
    lease = leased_call(api_key, version, engine, now)
    record([lease, next_turn(api_key, version, lease)], now)
    tell(engine, told(cursor_of(engine).sequence + 1, lease, now))


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name in PATHS for path in PATHS[name]]
)
def test_more_rows_ask_no_more(people, version, now, name, path):
    engine = make_engine(served_model=version.served_model)
    make_capacities(engine, now)
    prompt = add_prompt(people.api_key, engine, now, name="first")
    add_leased_turn(people.api_key, version, engine, now)
    plan = add_plan_and_coupon(people.tenant, now)
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=now)
    address = path.format(prompt=prompt.public_id)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert people.client(name).get(address).status_code == 200
        return len(queries)

    people.client(name)  # signed in, which has questions of its own
    record([call(people.api_key, version, now)], now)
    before = count()
    for number in range(5):
        key, _ = make_api_key(project=people.project, name=f"Key {number}")
        make_tenant(name=f"Tenant {number}")
        make_member(tenant=people.tenant, user=make_user())
        invite(people.tenant, people.users["owner"], now, email=f"{number}@a.example")
        add_plan_and_coupon(people.tenant, now)
        record([call(key, version, now), call(people.api_key, version, now)], now)
        add_leased_turn(key, version, engine, now)
        add_prompt(key, engine, now, name=f"prompt-{number}")
        another = make_engine(served_model=version.served_model)
        make_placement(prompt, another, now)
        make_capacities(another, now)
    assert count() <= before <= QUERIES_MAX
