"""Views of the usage page under names of a user's own."""

import pytest

from tenants.saved_view_models import SavedView
from tenants.services import save_view as saving

QUERY = "range=30d&by=model&show=cost"


def save(people, name="Costs", *, query=QUERY, who="owner"):
    said = {"name": name, "query": query}
    return people.client(who).post("/usage/views/save/", said, follow=True)


def test_it_works(people):
    response = save(people)
    assert response.redirect_chain == [(f"/usage/?{QUERY}", 302)]
    view = SavedView.objects.get()
    assert (view.name, view.query, view.user) == ("Costs", QUERY, people.users["owner"])
    page = people.client("owner").get("/usage/").content.decode()
    assert 'href="/usage/?range=30d&amp;by=model&amp;show=cost"' in page


def test_the_same_name_again_replaces_it(people):
    save(people)
    save(people, query="range=24h")
    assert SavedView.objects.get().query == "range=24h"


def test_only_what_the_page_understands_is_kept(people):
    save(people, query="range=24h&next=//elsewhere.example&by=")
    assert SavedView.objects.get().query == "range=24h"


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_it_refuses_a_name_that_is_none(people, name):
    assert "A name has 1 to 100" in save(people, name).content.decode()
    assert not SavedView.objects.exists()


def test_it_refuses_more_than_can_be_shown(people, monkeypatch):
    monkeypatch.setattr(saving, "SAVED_VIEWS_MAX", 1)
    save(people)
    assert "delete one first" in save(people, "Another").content.decode()
    assert SavedView.objects.count() == 1


def test_it_is_renamed_and_deleted(people):
    save(people)
    view = SavedView.objects.get()
    owner = people.client("owner")
    owner.post(f"/usage/views/{view.pk}/rename/", {"name": "Money"})
    assert "Money" in owner.get("/usage/views/").content.decode()
    owner.post(f"/usage/views/{view.pk}/delete/")
    assert "No saved view" in owner.get("/usage/views/").content.decode()


def test_it_refuses_a_name_that_is_taken(people):
    save(people)
    save(people, "Other")
    other = SavedView.objects.get(name="Other")
    path = f"/usage/views/{other.pk}/rename/"
    response = people.client("owner").post(path, {"name": "Costs"}, follow=True)
    assert "Another view of yours has this name" in response.content.decode()
    assert SavedView.objects.filter(name="Other").exists()


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_nobody_else_sees_or_changes_it(people, who):
    save(people)
    view = SavedView.objects.get()
    other = people.client(who)
    assert "No saved view" in other.get("/usage/views/").content.decode()
    other.post(f"/usage/views/{view.pk}/rename/", {"name": "Mine"})
    other.post(f"/usage/views/{view.pk}/delete/")
    assert SavedView.objects.get().name == "Costs"
