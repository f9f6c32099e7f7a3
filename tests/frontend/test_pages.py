"""Every page, tried by everybody."""

from uuid import UUID

import pytest

from billing.models.price_books import PriceBook
from billing.services.plans.start_subscription import start_subscription
from billing.services.receipts.seal_receipts import seal_receipts
from billing.services.webhooks.ping_webhook import ping_webhook
from metering.receipt_models import Receipt
from tests.billing.credit import CENT, give
from tests.billing.plans import make_coupon, make_plan
from tests.billing.webhooks import make_endpoint
from tests.factories import make_engine
from tests.frontend.believable import call, event_id_at, price, record
from tests.frontend.believable_invoices import make_credit_note
from tests.frontend.believable_leases import leased_call
from tests.frontend.believable_prompts import make_prompt
from tests.frontend.incidents import make_incident
from tests.frontend.people import NAMES, client_of

LOGIN = "/accounts/login/"
# What each of NAMES gets: a status, or where it is sent.
ANYBODY = (200, 200, 200, 200, 200)
TENANT = (200, 200, 200, LOGIN, "/operator/")
MINE = (200, 200, 404, LOGIN, "/operator/")
OWNERS = (200, 403, 200, LOGIN, "/operator/")
OWNERS_OF_MINE = (200, 403, 404, LOGIN, "/operator/")
OPERATOR = (403, 403, 403, LOGIN, 200)
SUPERUSER = (403, 403, 403, LOGIN, 403)
PAGES = {
    "/healthz": ANYBODY,
    "/status/": ANYBODY,
    "/status/status.json": ANYBODY,
    "/docs/": ANYBODY,
    "/docs/search/?q=limits": ANYBODY,
    "/docs/openapi.json": ANYBODY,
    "/docs/guides/errors/": ANYBODY,
    "/docs/endpoints/chat-completions/": ANYBODY,
    "/docs/api/": ANYBODY,
    "/docs/api/credit-notes/": ANYBODY,
    "/dev/mailbox/": ANYBODY,
    "/": (200, 200, 200, 200, "/operator/"),
    "/keys/": TENANT,
    "/keys/new/": TENANT,
    "/keys/{key}/": MINE,
    "/keys/{key}/revoke/": MINE,
    "/keys/{key}/rotate/": MINE,
    "/keys/{key}/rotate/end/": MINE,
    "/keys/{key}/leaked/": MINE,
    "/keys/leaks/": TENANT,
    "/leaked-keys/": ANYBODY,
    "/keys/{key}/first-call/": (
        "/keys/{key}/",
        "/keys/{key}/",
        404,
        LOGIN,
        "/operator/",
    ),
    "/keys/{key}/limits/": OWNERS_OF_MINE,
    "/limits/": TENANT,
    "/limits/spend/": OWNERS,
    "/limits/spend/?subject=key:{key}": OWNERS,
    "/budgets/": TENANT,
    "/limits/budget/": OWNERS,
    "/limits/credit/": OWNERS,
    "/playground/": TENANT,
    "/usage/": TENANT,
    "/usage/?key={key}": MINE,
    "/usage/calls/": TENANT,
    "/usage/calls/?key={key}": MINE,
    "/usage/calls/{call}/": MINE,
    "/usage/calls/calls.csv": TENANT,
    "/usage/calls/calls.csv?key={key}": MINE,
    "/usage/?project={project}&by=key&compare=1": MINE,
    "/usage/?member={colleague}&by=key": MINE,
    "/usage/views/": TENANT,
    "/usage/chart.csv?by=model": TENANT,
    "/usage/chart.csv?key={key}": MINE,
    "/usage/usage.csv": TENANT,
    "/usage/usage.csv?key={key}": MINE,
    "/usage/usage.csv?member={colleague}": MINE,
    "/leases/": TENANT,
    "/leases/{lease}/extend/": MINE,
    "/leases/{lease}/release/": MINE,
    "/prompts/": TENANT,
    "/prompts/new/": TENANT,
    "/prompts/{prompt}/": MINE,
    "/prompts/{prompt}/extend/": MINE,
    "/prompts/{prompt}/delete/": MINE,
    "/credit/": TENANT,
    "/credit/top-up/": OWNERS,
    "/credit/auto/": OWNERS,
    "/invoices/": TENANT,
    "/invoices/{invoice}/": MINE,
    "/invoices/?status=open": TENANT,
    "/invoices/{invoice}/pdf/": MINE,
    "/invoices/{invoice}/csv/": MINE,
    "/invoices/{invoice}/json/": MINE,
    "/invoices/{invoice}/lines/{line}/": MINE,
    "/invoices/{invoice}/lines/{line}/days/{day}/": MINE,
    "/invoices/{invoice}/lines/{line}/hours/{hour}/": MINE,
    "/receipts/{receipt}/": MINE,
    "/receipts/{receipt}/json/": MINE,
    "/prices/": TENANT,
    "/plan/": TENANT,
    "/plan/advice/": TENANT,
    "/plan/to/{plan}/": OWNERS,
    "/plan/cancel/": (200, 403, "/plan/", LOGIN, "/operator/"),
    "/webhooks/": TENANT,
    "/webhooks/new/": TENANT,
    "/webhooks/{endpoint}/": MINE,
    "/webhooks/{endpoint}/change/": MINE,
    "/webhooks/{endpoint}/rotate/": MINE,
    "/webhooks/{endpoint}/remove/": MINE,
    "/webhooks/{endpoint}/messages/{message}/": MINE,
    "/settings/": TENANT,
    "/settings/projects/": TENANT,
    "/settings/projects/{project}/archive/": OWNERS_OF_MINE,
    "/settings/members/": TENANT,
    "/settings/audit/": OWNERS,
    "/settings/audit/audit.csv": OWNERS,
    "/settings/members/{colleague}/remove/": (200, 200, 404, LOGIN, "/operator/"),
    "/settings/members/{owner}/remove/": (200, 403, 404, LOGIN, "/operator/"),
    "/invitations/nothing/": (410, 410, 410, 410, 410),
    "/credit-notes/{note}/": MINE,
    "/credit-notes/{note}/pdf/": MINE,
    "/credit-notes/{note}/json/": MINE,
    "/settings/billing/": OWNERS,
    "/settings/projects/{project}/leases/": OWNERS_OF_MINE,
    "/settings/projects/{project}/texts/": OWNERS_OF_MINE,
    "/operator/": OPERATOR,
    "/billing/": TENANT,
    "/billing/forecast/": TENANT,
    "/billing/forecast/forecast.csv": TENANT,
    "/operator/now/": OPERATOR,
    "/operator/now/speeds.csv": OPERATOR,
    "/operator/now/engines.csv": OPERATOR,
    "/operator/log/": OPERATOR,
    "/operator/engines/": OPERATOR,
    "/operator/engines/{engine}/": OPERATOR,
    "/operator/engines/{engine}/drain/": SUPERUSER,
    "/operator/engines/{engine}/cost/": OPERATOR,
    "/operator/margin/": OPERATOR,
    "/operator/margin/margin.csv": OPERATOR,
    "/operator/health/": OPERATOR,
    "/operator/switches/": OPERATOR,
    "/operator/incidents/": OPERATOR,
    "/operator/incidents/{incident}/": OPERATOR,
    "/operator/deliveries/": OPERATOR,
    "/operator/deliveries/?q=a&kind=invoice&state=failed&tenant={tenant}": OPERATOR,
    "/operator/deliveries/webhooks/": OPERATOR,
    "/operator/deliveries/webhooks/?state=failing&endpoint={endpoint}": OPERATOR,
    "/operator/deliveries/webhooks/{message}/": OPERATOR,
    "/operator/payments/": OPERATOR,
    "/operator/invoices/{invoice}/transfer/": OPERATOR,
    "/operator/invoices/": OPERATOR,
    "/operator/invoices/{invoice}/": OPERATOR,
    "/operator/invoices/{invoice}/issue/": OPERATOR,
    "/operator/invoices/{invoice}/credit/": OPERATOR,
    "/operator/invoices/{invoice}/void/": OPERATOR,
    "/operator/invoices/{invoice}/write-off/": OPERATOR,
    "/operator/blocked/": OPERATOR,
    "/operator/invoices/{invoice}/pdf/": OPERATOR,
    "/operator/?q=acme&plan=-&restriction=none&currency=USD&sort=-call": OPERATOR,
    "/operator/tenants/{tenant}/": OPERATOR,
    "/operator/tenants/{tenant}/limits/": OPERATOR,
    "/operator/tenants/{tenant}/suspend/": OPERATOR,
    "/operator/tenants/{tenant}/sign-in-as/": OPERATOR,
    "/operator/tenants/{tenant}/credit/": OPERATOR,
    "/operator/credit/{grant}/withdraw/": OPERATOR,
    "/operator/tenants/{tenant}/prices/": OPERATOR,
    "/operator/tenants/{tenant}/plan/": SUPERUSER,
    "/operator/tenants/{tenant}/currency/": SUPERUSER,
    "/operator/plans/": OPERATOR,
    "/operator/plans/new/": SUPERUSER,
    "/operator/plans/{plan_id}/prices/": SUPERUSER,
    "/operator/plans/{plan_id}/withdraw/": SUPERUSER,
    "/operator/coupons/": OPERATOR,
    "/operator/coupons/{coupon}/": OPERATOR,
    "/operator/coupons/new/": SUPERUSER,
    "/operator/coupons/{coupon}/end/": SUPERUSER,
    "/operator/prices/": OPERATOR,
    "/operator/prices/set/": SUPERUSER,
    "/operator/prices/{own_price}/end/": SUPERUSER,
}


def sealed_receipt(people, now) -> int:
    """A place that no stranger has a receipt at."""
    seal_receipts(people.tenant.pk, now=now)
    return Receipt.objects.of_tenant(people.tenant.pk).latest("sequence").sequence


@pytest.fixture
def rows(people, invoice, version, now):
    return make_rows(people, invoice, version, now)


def make_rows(people, invoice, version, now):
    """What stands in addresses, all of the tenant."""
    engine = make_engine(served_model=version.served_model, name="engine-9")
    lease = leased_call(
        people.api_key,
        version,
        engine,
        now,
        # it stands while a browser goes through all pages
        lease_expires_at_us=int((now.timestamp() + 3_600) * 1e6),
    )
    one = call(people.api_key, version, now, event_id=event_id_at(now))
    record([lease, one], now)
    model = version.served_model
    prompt = make_prompt(people.api_key, model, now, name="more-rules")
    endpoint = make_endpoint(people.tenant)
    book = PriceBook.objects.create(name="a", tenant=people.tenant, created_at=now)
    plan = make_plan(code="pro")
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=now)
    return {
        "plan": plan.code,
        "call": f"req_{one.event_id}",
        "plan_id": plan.pk,
        "incident": make_incident(now).pk,
        "coupon": make_coupon().pk,
        "invoice": invoice.pk,
        "line": invoice.lines.earliest("pk").pk,
        "day": f"{now:%Y-%m-%d}",
        "hour": f"{now:%Y-%m-%dT%H}",
        "receipt": sealed_receipt(people, now),
        "note": make_credit_note(people.tenant, version, now).pk,
        "endpoint": endpoint.public_id,
        "message": ping_webhook(endpoint, now=now).message_id,
        "engine": engine.pk,
        "lease": UUID(lease.lease_id),
        "prompt": prompt.public_id,
        "grant": give(people.tenant, CENT).pk,
        "own_price": price(version.served_model, price_book=book).pk,
    }


def fill(address, people, rows):
    return address.format(
        key=people.api_key.pk,
        project=people.project.pk,
        tenant=people.tenant.pk,
        owner=people.tenant.members.earliest("pk").pk,
        colleague=people.tenant.members.latest("pk").pk,
        **rows,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("address", PAGES)
def test_it_answers_each_as_it_should(people, rows, address, name):
    expected = PAGES[address][NAMES.index(name)]
    response = people.client(name).get(fill(address, people, rows))
    assert "unsafe" not in response["Content-Security-Policy"]
    if isinstance(expected, int):
        assert response.status_code == expected
    else:
        assert response.status_code == 302
        expected = fill(expected, people, rows)
        assert response["Location"].partition("?")[0] == expected


@pytest.mark.parametrize("path", ["/", "/usage/calls/", "/keys/1/first-call/"])
def test_a_part_of_a_page_whose_session_ended_loads_the_page_anew(db, path):  # noqa: ARG001  opens the database
    response = client_of(None).get(path, headers={"hx-request": "true"})
    assert response.status_code == 401
    assert response["HX-Refresh"] == "true"
    assert response.content == b""
