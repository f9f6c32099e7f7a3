"""The main menu: which entries are seen by whom, and which group is open."""

import re

import pytest

from tests.frontend.people import client_of

GROUP = re.compile(
    r'<details class="menu-group"( open)?><summary><svg.*?</svg>(.*?)<svg', re.DOTALL
)


def groups_on(user, path):
    """Titles of the groups of the wide menu, in order: whether each is open."""
    page = client_of(user).get(path).content.decode()
    wide = page.split('class="wide-menu"')[1].split("menu-foot")[0]
    return {title: bool(is_open) for is_open, title in GROUP.findall(wide)}, wide


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/", "Build"),
        ("/keys/", "Build"),
        ("/usage/calls/", "Usage"),
        ("/leases/", "KV memory"),
        ("/settings/billing/", "Money"),
        ("/settings/projects/", "Manage"),
        ("/status/", None),
    ],
)
def test_it_opens_the_group_of_the_page_alone(people, path, group):
    groups, _ = groups_on(people.users["owner"], path)
    assert {title for title, is_open in groups.items() if is_open} == {group} - {None}
    assert list(groups) == ["Build", "Usage", "KV memory", "Money", "Manage"]


def test_it_marks_one_entry_as_the_page(people):
    _, menu = groups_on(people.users["owner"], "/usage/calls/")
    (current,) = re.findall(r'<a href="([^"]+)" aria-current="page">', menu)
    assert current == "/usage/calls/"


def test_it_shows_staff_the_groups_of_the_operator_alone(people):
    groups, menu = groups_on(people.users["staff"], "/operator/payments/")
    assert groups == {"Tenants": False, "Fleet": False, "Books": True, "System": False}
    assert "/keys/" not in menu


def test_it_hides_what_the_role_may_not_open(people):
    _, menu = groups_on(people.users["colleague"], "/")
    assert "/settings/audit/" not in menu
    assert "/settings/billing/" not in menu
    assert "/settings/members/" in menu


def test_it_shows_anonymous_what_is_public(client, db):  # noqa: ARG001
    page = client.get("/status/").content.decode()
    assert "menu-group" not in page
    assert 'href="/docs/"' in page
