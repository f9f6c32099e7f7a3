from datetime import UTC, datetime, timedelta

import pytest

from tenants.domain import api_keys
from tenants.models import ApiKey
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import LimitKind
from tests.factories import make_project, make_served_model

PART = {"hx-request": "true"}


def form(**changes):
    return {
        "form_id": "7f2c8a4e-5b1d-4c8e-9f3a-2d6e8b0c4a17",
        "name": "Laptop",
        "expires_on": "",
        "requests_per_minute": "600",
        "tokens_per_minute": "",
        **changes,
    }


def test_it_works(people):
    make_served_model()
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    response = people.client("colleague").post(
        "/keys/new/",
        form(expires_on=tomorrow.isoformat(), allowed_models=["smollm2-135m-instruct"]),
    )
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    secret = response.context["secret"]
    made = ApiKey.objects.get(digest=api_keys.digest(secret))
    assert (made.name, made.tenant) == ("Laptop", people.tenant)
    assert made.created_by == people.users["colleague"]
    assert made.allowed_models == ["smollm2-135m-instruct"]
    assert read_rate_limits(made) == {(LimitKind.REQUESTS_PER_MINUTE, None): 600}
    midnight = datetime.combine(tomorrow, datetime.min.time(), UTC)
    assert made.expires_at == midnight + timedelta(days=1)


def test_scopes_project_and_money_are_set_with_the_key(people):
    other = make_project(tenant=people.tenant, name="Other")
    money = {"spend_limit_nanos": "12.50", "budget_nanos": "10"}
    scoped = form(scopes=["kv", "generate"], project=str(other.pk), **money)
    page = people.client("owner").post("/keys/new/", scoped)
    made = ApiKey.objects.get(digest=api_keys.digest(page.context["secret"]))
    assert (made.project, made.scopes) == (other, ["generate", "kv"])
    assert made.spendlimits.get().amount_nanos == 12_500_000_000
    assert made.budgets.get().amount_nanos == 10_000_000_000
    shown = people.client("owner").get(f"/keys/{made.pk}/").content.decode()
    assert "Cached prompts, quotes and leases" in shown


def test_money_is_not_asked_of_and_not_taken_from_a_developer(people):
    page = people.client("colleague").get("/keys/new/").content.decode()
    assert "spend_limit_nanos" not in page
    made = people.client("colleague").post("/keys/new/", form(spend_limit_nanos="5"))
    assert made.context["api_key"].spendlimits.count() == 0


def test_it_refuses_another_tenants_project(people):
    theirs = people.strangers_key.project_id
    response = people.client("owner").post("/keys/new/", form(project=str(theirs)))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["project"]


def test_the_secret_is_shown_once(people):
    owner = people.client("owner")
    secret = owner.post("/keys/new/", form()).context["secret"]
    made = ApiKey.objects.get(digest=api_keys.digest(secret))
    for path in ("/", "/keys/", f"/keys/{made.pk}/", f"/keys/{made.pk}/first-call/"):
        for headers in ({}, PART):
            assert secret not in owner.get(path, headers=headers).content.decode()


def test_it_refuses_to_make_a_second_key_of_one_form(people):
    owner = people.client("owner")
    owner.post("/keys/new/", form())
    count = ApiKey.objects.count()
    response = owner.post("/keys/new/", form())
    assert response.status_code == 302
    assert ApiKey.objects.count() == count


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "bell\x07"),
        ("expires_on", "2020-01-01"),
        ("expires_on", "soon"),
        ("allowed_models", ["no-such-model"]),
        ("requests_per_minute", "0"),
        ("requests_per_minute", "-5"),
        ("requests_per_minute", "many"),
        ("tokens_per_minute", str(2**60)),
    ],
)
def test_it_refuses_and_keeps_what_was_typed(people, field, value):
    count = ApiKey.objects.count()
    response = people.client("owner").post("/keys/new/", form(**{field: value}))
    assert response.status_code == 422
    shown = response.context["form"]
    assert list(shown.errors) == [field]
    assert shown["form_id"].value()
    assert (
        shown["requests_per_minute"].value()
        == form(**{field: value})["requests_per_minute"]
    )
    assert ApiKey.objects.count() == count
    # What was refused may be sent again, put right.
    assert people.client("owner").post("/keys/new/", form()).context["secret"]


def test_renaming(people):
    path = f"/keys/{people.api_key.pk}/rename/"
    assert people.client("stranger").post(path, {"name": "Mine"}).status_code == 404
    assert people.client("owner").post(path, {"name": " "}).status_code == 422
    assert people.client("owner").post(path, {"name": "Worker"}).status_code == 302
    people.api_key.refresh_from_db()
    assert people.api_key.name == "Worker"


def test_revoking_asks_first(people):
    path = f"/keys/{people.api_key.pk}/revoke/"
    assert people.client("stranger").post(path).status_code == 404
    assert people.client("owner").get(path).status_code == 200
    people.api_key.refresh_from_db()
    assert people.api_key.revoked_at is None
    assert people.client("colleague").post(path).status_code == 302
    people.api_key.refresh_from_db()
    assert people.api_key.revoked_at


def test_the_list_shows_no_strangers_key_and_says_what_to_do_when_empty(people):
    owner = people.client("owner")
    assert "Secret plan" not in owner.get("/keys/").content.decode()
    people.tenant.api_keys.all().delete()
    assert "Create the first key" in owner.get("/keys/").content.decode()


@pytest.mark.usefixtures("invoice")
def test_the_first_call_arrives_in_the_waiting_page(people):
    owner = people.client("owner")
    path = f"/keys/{people.api_key.pk}/first-call/"
    page = owner.get(path, headers=PART).content.decode()
    assert "has arrived" in page
    assert "hx-trigger" not in page
    other = owner.post("/keys/new/", form())
    path = f"/keys/{other.context['api_key'].pk}/first-call/"
    assert "hx-trigger" in owner.get(path, headers=PART).content.decode()
