"""Budgets: read by all of a tenant, changed by role and by staff."""

import pytest

from tenants.models import Budget
from tests.factories import make_budget, make_project, make_tenant

BODY = {"amount_nanos": 10_000_000_000, "thresholds_percent": [50, 100]}


@pytest.mark.parametrize("name", ["owner", "staff"])
def test_it_works(callers, name):
    caller = getattr(callers, name)
    made = caller.post("budgets", BODY)
    assert made.status_code == 200
    (listed,) = callers.key.get("budgets").json()["data"]
    assert listed == made.json()
    assert listed["scope"] == "tenant"
    assert listed["spent_nanos"] is None
    removed = caller.ask("DELETE", f"budgets/{listed['id']}")
    assert removed.status_code == 204
    assert removed.content == b""
    assert not Budget.objects.exists()


def test_one_of_the_same_subject_is_replaced(callers):
    callers.owner.post("budgets", BODY)
    callers.owner.post("budgets", BODY | {"amount_nanos": 7})
    callers.owner.post("budgets", BODY | {"period": "day"})
    amounts = Budget.objects.order_by("period").values_list("amount_nanos")
    assert list(amounts) == [(10_000_000_000,), (7,)]


def test_one_is_of_a_project_or_a_key(callers):
    project = callers.tenant.projects.get()
    api_key = callers.tenant.api_keys.get()
    of_project = callers.owner.post("budgets", BODY | {"project_id": project.pk})
    of_key = callers.owner.post("budgets", BODY | {"api_key_id": api_key.pk})
    assert of_project.json()["scope"] == "project"
    assert of_key.json()["scope"] == "key"


@pytest.mark.parametrize("name", ["key", "colleague"])
def test_it_refuses_others_than_owners(callers, name):
    caller = getattr(callers, name)
    budget = make_budget(subject=callers.tenant)
    for answer in (
        caller.post("budgets", BODY),
        caller.ask("DELETE", f"budgets/{budget.pk}"),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "role_required"
    assert Budget.objects.get() == budget


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"amount_nanos": 0}, "amount_nanos"),
        ({"amount_nanos": 2**60}, "amount_nanos"),
        ({"amount_nanos": "7"}, "amount_nanos"),
        ({"thresholds_percent": []}, "thresholds_percent"),
        ({"thresholds_percent": [1, 2, 3, 4, 5, 6]}, "thresholds_percent"),
        ({"thresholds_percent": [0]}, "thresholds_percent[0]"),
        ({"period": "year"}, "period"),
        ({"colour": "blue"}, "colour"),
        ({"project_id": 1, "api_key_id": 1}, "api_key_id"),
    ],
)
def test_it_refuses_what_is_no_budget(callers, changes, param):
    answer = callers.owner.post("budgets", BODY | changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert not Budget.objects.exists()


def test_what_is_of_another_tenant_is_not_there(callers):
    other = make_tenant()
    project = make_project(tenant=other)
    answer = callers.owner.post("budgets", BODY | {"project_id": project.pk})
    assert answer.status_code == 404
    budget = make_budget(subject=other)
    assert callers.owner.ask("DELETE", f"budgets/{budget.pk}").status_code == 404
    assert Budget.objects.get() == budget


@pytest.mark.parametrize("body", ["", "{", "[]", '"\\ud800"', '{"a":' * 5000])
def test_it_refuses_what_is_not_json(callers, body):
    answer = callers.owner.client.generic(
        "POST",
        "/api/v1/budgets",
        body,
        content_type="application/json",
        headers={"idempotency-key": "one"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_it_refuses_another_form_and_too_much(callers):
    def send(body, content_type):
        return callers.owner.client.generic(
            "POST",
            "/api/v1/budgets",
            body,
            content_type=content_type,
            headers={"idempotency-key": "one"},
        )

    assert send("amount=1", "application/x-www-form-urlencoded").status_code == 415
    assert send(" " * 300_000, "application/json").status_code == 413
