from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from billing.models.rating import BillingPeriod
from billing.services.plans.start_subscription import start_subscription
from frontend.operator.tenant_list import TenantFilterForm
from tenants.audit_models import AuditEntry
from tenants.models import Restriction, Tenant
from tenants.services.set_rate_limits import read_rate_limits
from tenants.services.suspend_tenant import suspend_tenant
from tenants.wire import LimitKind
from tests.billing.plans import make_plan
from tests.factories import make_tenant


def found(people, query):
    response = people.client("staff").get(f"/operator/?{query}")
    assert response.status_code == 200
    return [tenant.name for tenant in response.context["page"].tenants]


@pytest.mark.usefixtures("invoice")
def test_it_works(people):
    response = people.client("staff").get("/operator/")
    rows = response.context["page"].tenants
    acme = next(row for row in rows if row.pk == people.tenant.pk)
    assert acme.figures.requests == 1
    assert acme.amount_nanos == 100_000
    assert acme.active_keys == 1
    assert response.context["amounts"] == [("USD", 100_000)]


def test_tenants_are_found_by_name_address_id_and_key(people):
    key = people.api_key.prefix
    for wanted in ("acm", "olga@acme", f"%23{people.tenant.pk}", key, people.secret):
        assert found(people, f"q={wanted}") == ["Acme"]
    assert found(people, "q=tf_live_none") == []


@pytest.mark.usefixtures("invoice")
def test_a_month_that_cannot_be_rated_is_in_plain_sight(people):
    BillingPeriod.objects.update(problem="names no price version")
    page = people.client("staff").get("/operator/").content.decode()
    assert "names no price version" in page


def test_filters_hold_together(people, now):
    plan = make_plan(code="pro")
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=now)
    Tenant.objects.filter(name="Acme").update(restriction=Restriction.NO_CALLS)
    assert found(people, f"plan={plan.pk}") == ["Acme"]
    assert found(people, "plan=-") == ["Other"]
    assert found(people, "restriction=no_calls") == ["Acme"]
    assert found(people, f"restriction=none&plan={plan.pk}") == []
    assert found(people, "currency=EUR") == []
    suspend_tenant(tenant_id=people.strangers_tenant.pk, reason="Why", now=now)
    assert found(people, "state=suspended") == ["Other"]
    assert found(people, "state=active") == ["Acme"]


def test_what_nobody_offers_filters_nothing(people):
    names = found(people, "plan=no&restriction=odd&currency=XXX&sort=password")
    assert names == ["Acme", "Other"]


@pytest.mark.parametrize(
    "sort", ["name", "-name", "opened", "-opened", "call", "-call"]
)
def test_each_order_is_whole_over_its_pages(people, monkeypatch, sort):
    two = replace(TenantFilterForm.rules, rows=2)
    monkeypatch.setattr(TenantFilterForm, "rules", two)
    for number in range(3):
        # Two of a name and of a time: the place tells them apart all the same.
        opened = timezone.now() - timedelta(days=number // 2)
        make_tenant(name=f"Tenant {number // 2}", now=opened)
    people.api_key.last_used_at = timezone.now()
    people.api_key.save()
    names, query = [], f"sort={sort}"
    for _ in range(3):
        response = people.client("staff").get(f"/operator/?{query}")
        page = response.context["page"]
        names += [tenant.pk for tenant in page.tenants]
        query = f"{page.query}&after={page.next_after}"
    assert page.next_after is None
    expected = Tenant.objects.count()
    assert len(names) == len(set(names)) == expected
    if sort == "-call":
        assert names[0] == people.tenant.pk


def test_a_head_turns_its_order_round(people):
    staff = people.client("staff")
    first = staff.get("/operator/?q=a").context["page"].heads
    assert (first["name"].aria_sort, first["call"].aria_sort) == ("ascending", "")
    said = parse_qs(urlsplit(f"?{first['name'].query}").query)
    assert said == {"q": ["a"], "sort": ["-name"]}
    turned = staff.get(f"/operator/?{first['name'].query}").context["page"].heads
    assert turned["name"].aria_sort == "descending"


@pytest.mark.parametrize("after", ["x", "0", "-1", "9" * 30])
def test_it_refuses_a_place_that_no_page_linked_to(people, after):
    assert people.client("staff").get(f"/operator/?after={after}").status_code == 404


def test_the_old_address_leads_to_the_list(people):
    assert people.client("staff").get("/operator/tenants/")["Location"] == "/operator/"


def test_staff_set_the_limits_of_a_tenant(people):
    staff = people.client("staff")
    address = f"/operator/tenants/{people.tenant.pk}/limits/"
    given = {"requests_per_minute": "50"}
    assert staff.post(address, given).status_code == 302
    assert read_rate_limits(people.tenant) == {
        (LimitKind.REQUESTS_PER_MINUTE, None): 50
    }
    entry = AuditEntry.objects.get(action="limits.rate_limits_set")
    assert (entry.actor_name, entry.tenant) == (
        "staff@tokenfab.example",
        people.tenant,
    )
    page = people.client("owner").get("/limits/").content.decode()
    assert "All calls" in page
    assert staff.post(address, {}).status_code == 302
    assert read_rate_limits(people.tenant) == {}


def test_it_refuses_a_limit_that_is_none(people):
    address = f"/operator/tenants/{people.tenant.pk}/limits/"
    response = people.client("staff").post(address, {"requests_per_minute": "0"})
    assert response.status_code == 422
    assert read_rate_limits(people.tenant) == {}


def test_one_tenants_page_says_on_what_terms_it_is_served(people, now):
    start_subscription(tenant_id=people.tenant.pk, plan=make_plan(), now=now)
    address = f"/operator/tenants/{people.tenant.pk}/"
    page = people.client("staff").get(address).content.decode()
    assert "Not restricted" in page
    assert "Limits, as the tenant sees them" in page
