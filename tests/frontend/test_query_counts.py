"""Pages ask a fixed number of questions, however many rows they show."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models.payments import Payment, PaymentStatus
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.receipts.seal_receipts import seal_receipts
from billing.services.webhooks.ping_webhook import ping_webhook
from tests.billing.credit import CENT, give
from tests.billing.plans import make_coupon, make_plan
from tests.billing.webhooks import make_endpoint
from tests.factories import (
    make_api_key,
    make_engine,
    make_member,
    make_tenant,
    make_user,
)
from tests.frontend.believable import call, record
from tests.frontend.believable_invoices import make_credit_note
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
        "/playground/",
        "/usage/",
        "/usage/?by=key&compare=1",
        "/usage/?by=member&compare=1",
        "/usage/?range=24h&by=member",
        "/usage/?range=30d&by=key",
        "/usage/?range=30d&by=member",
        "/usage/?range=30d&by=model&compare=1",
        "/usage/?range=30d&by=endpoint&compare=1",
        "/usage/views/",
        "/usage/?range=24h&by=key&show=cost",
        "/usage/?range=1h&by=endpoint",
        "/usage/calls/",
        "/usage/calls/?endpoint=responses&ms=1",
        "/leases/",
        "/prompts/",
        "/prompts/{prompt}/",
        "/invoices/",
        "/settings/",
        "/settings/projects/",
        "/settings/members/",
        "/settings/audit/",
        "/limits/",
        "/budgets/",
        "/prices/",
        "/webhooks/",
        "/credit/",
        "/plan/",
        "/plan/advice/",
        "/billing/",
        "/billing/forecast/",
        "/invoices/{draft}/",
        "/invoices/{draft}/lines/{line}/",
        "/invoices/{draft}/lines/{line}/days/{day}/",
        "/invoices/{draft}/lines/{line}/hours/{hour}/",
        "/invoices/{issued}/lines/{issued_line}/",
        "/invoices/{issued}/lines/{issued_line}/check/",
        "/credit-notes/{note}/",
        "/receipts/1/",
        "/webhooks/{endpoint}/",
    ],
    "staff": [
        "/operator/",
        "/operator/invoices/",
        "/operator/blocked/",
        "/operator/payments/",
        "/operator/now/",
        "/operator/log/",
        "/operator/engines/",
        "/operator/engines/{engine}/",
        "/operator/margin/?by=engine",
        "/operator/margin/?by=day",
        "/operator/incidents/",
        "/operator/switches/",
        "/operator/deliveries/",
        "/operator/deliveries/webhooks/",
        "/operator/prices/",
        "/operator/plans/",
        "/operator/coupons/",
        "/operator/invoices/{draft}/",
        "/operator/invoices/{issued}/",
        "/operator/?plan=-&sort=-call",
        "/operator/tenants/{tenant}/",
        "/operator/tenants/{tenant}/limits/",
        "/operator/tenants/{tenant}/credit/",
        "/operator/tenants/{tenant}/prices/",
    ],
}
# The most are those of the overview, which bills the month to its end as well.
QUERIES_MAX = 28


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


def add_documents(tenant, endpoint, now, *, number):
    """A payment, a grant and a message."""
    give(tenant, CENT, key=f"grant {number}")
    ping_webhook(endpoint, now=now)
    Payment.objects.create(
        tenant=tenant,
        kind="bank_transfer",
        amount_cents=100,
        status=PaymentStatus.SUCCEEDED,
        idempotency_key=f"payment {number}",
        created_at=now,
        settled_at=now,
    )


def places(people, note, endpoint, now):
    """What stands in addresses; lines are other rows after each rating."""
    draft = people.tenant.invoices.get(status="draft")
    return {
        "draft": draft.pk,
        "line": draft.lines.get(meter="output_tokens").pk,
        "issued": note.invoice_id,
        "issued_line": note.invoice.lines.get().pk,
        "note": note.pk,
        "day": f"{now:%Y-%m-%d}",
        "hour": f"{now:%Y-%m-%dT%H}",
        "endpoint": endpoint.public_id,
        "tenant": people.tenant.pk,
    }


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
    note = make_credit_note(people.tenant, version, now)
    endpoint = make_endpoint(people.tenant)

    def count() -> int:
        rows = places(people, note, endpoint, now)
        address = path.format(prompt=prompt.public_id, engine=engine.pk, **rows)
        with CaptureQueriesContext(connection) as queries:
            assert people.client(name).get(address).status_code == 200
        return len(queries)

    people.client(name)  # signed in, which has questions of its own
    record([call(people.api_key, version, now)], now)
    add_documents(people.tenant, endpoint, now, number=-1)
    seal_receipts(people.tenant.pk, now=now + timedelta(hours=2))
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
        add_documents(people.tenant, endpoint, now, number=number)
    seal_receipts(people.tenant.pk, now=now + timedelta(hours=2))
    assert count() <= before <= QUERIES_MAX
