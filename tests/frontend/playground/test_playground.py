"""The playground's page, and the secret that it calls with."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from inference.wire import Task
from tenants.domain import api_keys
from tenants.models import ApiKey, Restriction
from tests.factories import make_engine, make_project, make_served_model
from tests.frontend.people import HOST


def facts_of(response):
    found = re.search(r'id="playground-facts"[^>]*>(.*?)</script>', response.text)
    assert found
    return json.loads(found[1])


@pytest.fixture
def model(db):  # noqa: ARG001  opens the database
    model = make_served_model()
    make_engine(served_model=model)
    return model


def test_it_works(people, model, settings):
    response = people.client("colleague").get("/playground/")

    facts = facts_of(response)
    assert facts["api_url"] == f"{settings.API_URL}/v1"
    (told,) = facts["models"]
    assert (told["name"], told["title"]) == (model.name, model.title)
    assert facts["currency_symbol"] == "$"
    assert not facts["is_leased_by_default"]
    assert "tf_live" not in response.text
    assert not ApiKey.objects.filter(is_of_playground=True).exists()

    issued = people.client("colleague").post(facts["secret_url"])

    assert "no-store" in issued["Cache-Control"]
    key = ApiKey.objects.get(digest=api_keys.digest(issued.json()["secret"]))
    assert key.is_of_playground
    assert (key.project, key.created_by) == (people.project, people.users["colleague"])
    assert key.expires_at
    left = key.expires_at - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(seconds=issued.json()["seconds"])

    gone = people.client("colleague").post(facts["leave_url"])

    assert (gone.status_code, gone.content) == (204, b"")
    key.refresh_from_db()
    assert key.expires_at
    assert key.expires_at <= timezone.now()


def test_what_is_kept_in_a_tab_is_of_one_person_in_one_tenant(people, model):  # noqa: ARG001  a model is shown
    names = ("owner", "colleague", "stranger")
    pages = [people.client(name).get("/playground/") for name in names]

    assert len({facts_of(page)["storage"] for page in pages}) == len(names)


def test_models_that_do_not_chat_are_not_offered(people, model):
    embedder = make_served_model(name="embedder", is_default=False)
    embedder.task = Task.EMBED
    embedder.save()
    make_engine(served_model=embedder)
    make_served_model(name="without-engine", is_default=False)

    (told,) = facts_of(people.client("owner").get("/playground/"))["models"]

    assert told["name"] == model.name


def test_a_project_that_leases_by_default_says_so(people, model):  # noqa: ARG001  a model is shown
    people.project.kv_timeout_seconds = 60
    people.project.save()

    page = people.client("owner").get("/playground/")

    assert facts_of(page)["is_leased_by_default"]
    assert "As the project says" in page.text


def test_another_project_is_chosen_in_the_address(people, model):  # noqa: ARG001  a model is shown
    other = make_project(tenant=people.tenant, name="Other")
    client = people.client("owner")
    page = client.get("/playground/", {"project": other.pk})

    assert f'<option value="{other.pk}" selected>Other</option>' in page.text
    issued = client.post(facts_of(page)["secret_url"])
    key = ApiKey.objects.get(digest=api_keys.digest(issued.json()["secret"]))
    assert key.project == other


def test_what_was_archived_is_not_called(people, model):  # noqa: ARG001  a model is shown
    first = people.tenant.projects.earliest("pk")
    other = make_project(tenant=people.tenant, name="Other")
    first.archived_at = timezone.now()
    first.save()
    client = people.client("owner")

    page = client.get("/playground/")
    assert f"project={other.pk}" in facts_of(page)["secret_url"]
    assert 'name="project"' not in page.text  # nothing to choose from
    assert client.get("/playground/", {"project": first.pk}).status_code == 404


@pytest.mark.parametrize("wanted", ["x", "-1", "9" * 30])
def test_it_refuses_what_is_no_project(people, wanted):
    client = people.client("owner")

    assert client.get("/playground/", {"project": wanted}).status_code == 404
    assert client.post(f"/playground/secret/?project={wanted}").status_code == 404


def test_it_refuses_a_project_of_another(people):
    theirs = people.strangers_tenant.projects.earliest("pk")
    client = people.client("owner")

    assert client.get("/playground/", {"project": theirs.pk}).status_code == 404
    refused = client.post(f"/playground/secret/?project={theirs.pk}")
    assert refused.status_code == 404
    assert not ApiKey.objects.filter(is_of_playground=True).exists()


def test_without_a_model_it_says_where_to_look(people):
    page = people.client("owner").get("/playground/")

    assert "No model chats yet" in page.text
    assert "playground-facts" not in page.text


def test_who_signs_out_leaves_no_secret_behind(people):
    client = people.client("owner")
    secret = client.post("/playground/secret/").json()["secret"]

    client.post("/accounts/logout/")

    key = ApiKey.objects.get(digest=api_keys.digest(secret))
    assert key.expires_at
    assert key.expires_at <= timezone.now()


def test_it_refuses_a_secret_to_a_tenant_that_has_not_paid(people):
    people.tenant.restriction = Restriction.NO_NEW_KEYS
    people.tenant.save()

    refused = people.client("owner").post("/playground/secret/")

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "payment_overdue"


@pytest.mark.parametrize("path", ["/playground/secret/", "/playground/leave/"])
def test_it_refuses_a_post_of_another_site(people, path):
    client = Client(enforce_csrf_checks=True, headers={"host": HOST})
    client.cookies = people.client("owner").cookies

    assert client.post(path).status_code == 403


@pytest.mark.parametrize("path", ["/playground/secret/", "/playground/leave/"])
def test_it_refuses_a_get(people, path):
    assert people.client("owner").get(path).status_code == 405
