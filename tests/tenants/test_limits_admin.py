"""The operator edits limits, and the data plane hears of it."""

from typing import Any

import msgspec
import pytest
from django.urls import reverse

from tenants.models import Budget, RateLimit, SpendLimit
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import (
    SNAPSHOT_KIND,
    KeyPolicy,
    KvTier,
    LimitKind,
    OnFull,
    Retention,
    Scope,
)
from tests.factories import (
    make_api_key,
    make_budget,
    make_project,
    make_rate_limit,
    make_spend_limit,
    make_tenant,
    make_user,
)
from tests.published import published

REQUESTS = (LimitKind.REQUESTS_PER_MINUTE, None)


@pytest.fixture
def operator(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def save(client, row, *, before=(), **rows: list[dict[str, Any]]):
    """Posts the page of `row`, a tenant or a key, with these inline `rows`."""
    page = reverse(f"admin:tenants_{row._meta.model_name}_change", args=[row.pk])
    data: dict[str, Any] = {}
    for prefix in ("ratelimits", "spendlimits", "budgets", "members", "projects"):
        typed = rows.get(prefix, [])
        data[f"{prefix}-TOTAL_FORMS"] = len(typed)
        data[f"{prefix}-INITIAL_FORMS"] = sum("id" in one for one in typed)
        for number, values in enumerate(typed):
            data |= {f"{prefix}-{number}-{name}": v for name, v in values.items()}
    return client.post(page, data | dict(before))


@pytest.mark.django_db(transaction=True)
def test_it_works(operator, valkey):
    project = make_project()
    tenant = project.tenant
    make_api_key(project=project)

    answer = save(
        operator,
        tenant,
        before={"is_prepaid": "on"},
        ratelimits=[
            {"kind": "requests_per_minute", "amount": "100"},
            {"project": project.pk, "kind": "requests_per_day", "amount": "9"},
        ],
        spendlimits=[{"period": "month", "amount_nanos": "12.50"}],
        budgets=[
            {
                "period": "day",
                "amount_nanos": "3",
                "thresholds_percent": "90, 50",
            }
        ],
    )

    assert answer.status_code == 302
    (policy,) = msgspec.convert(published(valkey, SNAPSHOT_KIND).items, list[KeyPolicy])
    assert policy.is_prepaid
    assert [(one.scope, one.amount) for one in policy.rate_limits] == [
        (Scope.PROJECT, 9),
        (Scope.TENANT, 100),
    ]
    assert [one.amount_nanos for one in policy.spend_limits] == [12_500_000_000]
    assert Budget.objects.get().thresholds_percent == [50, 90]


@pytest.mark.django_db
def test_a_keys_limits_are_changed_and_taken_away(operator):
    api_key, _ = make_api_key(requests_per_minute=60, tokens_per_minute=1000)
    spend_limit = make_spend_limit(subject=api_key)
    requests, tokens = RateLimit.objects.order_by("pk")

    answer = save(
        operator,
        api_key,
        ratelimits=[
            {"id": requests.pk, "kind": requests.kind, "amount": "61"},
            {"id": tokens.pk, "kind": tokens.kind, "amount": "1000", "DELETE": "on"},
        ],
        spendlimits=[
            {
                "id": spend_limit.pk,
                "period": "month",
                "amount_nanos": "1",
                "DELETE": "on",
            }
        ],
    )

    assert answer.status_code == 302
    assert read_rate_limits(api_key) == {REQUESTS: 61}
    assert not SpendLimit.objects.exists()


@pytest.mark.django_db
def test_what_is_shown_is_what_is_typed(operator):
    """Saving a page as it is changes nothing."""
    tenant = make_tenant()
    make_budget(subject=tenant, amount_nanos=12_500_000_001)

    shown = operator.get(reverse("admin:tenants_tenant_change", args=[tenant.pk]))

    formset = shown.context["inline_admin_formsets"][2].formset
    (form,) = formset.initial_forms
    assert form["amount_nanos"].value() == "12.500000001"
    assert form["thresholds_percent"].value() == "50, 80, 100"
    typed = {name: form[name].value() or "" for name in form.fields}
    assert save(operator, tenant, budgets=[typed]).status_code == 302
    assert Budget.objects.get().amount_nanos == 12_500_000_001


@pytest.mark.django_db
def test_it_refuses_the_same_limit_twice(operator):
    tenant = make_tenant()
    row = {"kind": "requests_per_minute", "amount": "5"}

    answer = save(operator, tenant, ratelimits=[row, row])

    assert "limited twice" in answer.content.decode()
    assert not RateLimit.objects.exists()


@pytest.mark.django_db
def test_it_refuses_a_key_more_than_its_tenant_has(operator):
    api_key, _ = make_api_key()
    make_rate_limit(subject=api_key.tenant, amount=5)

    row = {"kind": "requests_per_minute", "amount": "6"}
    answer = save(operator, api_key, ratelimits=[row])

    assert next(str(m) for m in answer.wsgi_request._messages).startswith(
        "The whole tenant has at most 5"
    )
    assert read_rate_limits(api_key) == {}


@pytest.mark.django_db
def test_it_offers_no_project_of_another_tenant(operator):
    make_project(tenant=make_tenant(name="Other"), name="Theirs")
    tenant = make_project(name="Ours").tenant

    shown = operator.get(reverse("admin:tenants_tenant_change", args=[tenant.pk]))

    form = shown.context["inline_admin_formsets"][0].formset.empty_form
    assert [one.name for one in form.fields["project"].queryset] == ["Ours"]


@pytest.mark.django_db(transaction=True)
def test_a_projects_retention_is_set_on_its_page(operator, valkey):
    project = make_project()
    make_api_key(project=project)
    page = reverse("admin:tenants_project_change", args=[project.pk])
    typed = {"kv_timeout_seconds": "15", "kv_tier": "host", "kv_on_full": "fail"}

    assert operator.get(page).status_code == 200
    assert operator.post(page, typed).status_code == 302

    (policy,) = msgspec.convert(published(valkey, SNAPSHOT_KIND).items, list[KeyPolicy])
    assert policy.retention == Retention(
        timeout_seconds=15, tier=KvTier.HOST, on_full=OnFull.FAIL
    )
    refused = operator.post(page, typed | {"kv_timeout_seconds": "86401"})
    assert b"project_kv_timeout_within_a_day" in refused.content
