"""Rotating, reporting and taking back, on the pages of keys."""

import json
import re

import pytest
import time_machine
from django.core.cache import cache

from frontend.keys.views.leaked_keys import FOUND_MAX, REPORTS_PER_MINUTE
from tenants.domain import api_keys
from tenants.models import ApiKey
from tests.frontend.people import client_of

FORM_ID = "7f2c8a4e-5b1d-4c8e-9f3a-2d6e8b0c4a17"
DAY = "86400"


def rotate(people, who="colleague", **changes):
    form = {"form_id": FORM_ID, "overlap": DAY, **changes}
    return people.client(who).post(f"/keys/{people.api_key.pk}/rotate/", form)


def page_of(people, api_key=None, who="owner"):
    path = f"/keys/{(api_key or people.api_key).pk}/"
    return people.client(who).get(path).content.decode()


def test_a_key_is_rotated(people):
    answer = rotate(people)
    assert "no-store" in answer["Cache-Control"]
    new = ApiKey.objects.get(digest=api_keys.digest(answer.context["secret"]))
    assert new.replaces == people.api_key
    assert "takes its place" in page_of(people)
    assert "It takes the place of" in page_of(people, new)
    again = rotate(people)
    assert again.status_code == 302
    assert people.tenant.api_keys.count() == 2
    other = rotate(people, form_id=FORM_ID.replace("7", "8"))
    assert other.status_code == 422
    assert "takes its place already" in other.content.decode()


def test_it_refuses_an_overlap_that_is_not_offered(people):
    assert rotate(people, overlap="99").status_code == 422
    assert (
        people.client("stranger")
        .post(
            f"/keys/{people.api_key.pk}/rotate/", {"form_id": FORM_ID, "overlap": DAY}
        )
        .status_code
        == 404
    )


def test_the_overlap_is_ended_by_the_name(people):
    rotate(people)
    path = f"/keys/{people.api_key.pk}/rotate/end/"
    assert people.client("owner").post(path, {"name": "x"}).status_code == 422
    assert people.client("owner").post(path, {"name": "Backend"}).status_code == 302
    assert "expired" in page_of(people)


def test_the_rotation_is_taken_back(people):
    rotate(people)
    path = f"/keys/{people.api_key.pk}/rotate/undo/"
    shown = people.client("owner").post(path, follow=True).content.decode()
    assert "works as before" in shown
    people.api_key.refresh_from_db()
    assert people.api_key.expires_at is None
    again = people.client("owner").post(path, follow=True).content.decode()
    assert "No key takes the place" in again


def test_a_revocation_is_undone_from_the_message_or_the_page(people):
    owner = people.client("owner")
    path = f"/keys/{people.api_key.pk}/"
    shown = owner.post(f"{path}revoke/", follow=True)
    (message,) = shown.context["messages"]
    owner.post("/undo/", {"token": message.extra_tags})
    assert "can be taken back until" not in page_of(people)
    owner.post(f"{path}revoke/")
    assert "can be taken back until" in page_of(people)
    owner.post(f"{path}restore/")
    people.api_key.refresh_from_db()
    assert people.api_key.revoked_at is None


def test_a_member_says_that_it_leaked(people, mailoutbox):
    path = f"/keys/{people.api_key.pk}/leaked/"
    assert people.client("colleague").post(path, {"name": "B"}).status_code == 422
    people.client("colleague").post(path, {"name": "Backend"})
    assert "carl@acme.example" in mailoutbox[0].body
    shown = page_of(people)
    assert "Reported as leaked" in shown
    assert "can be taken back" not in shown
    refused = people.client("owner").post(
        f"/keys/{people.api_key.pk}/restore/", follow=True
    )
    assert "cannot be taken back" in refused.content.decode()
    listed = people.client("owner").get("/keys/leaks/").content.decode()
    assert "Backend" in listed
    assert (
        "Backend" not in people.client("stranger").get("/keys/leaks/").content.decode()
    )


def test_an_admin_chooses_what_a_report_does(people):
    owner = people.client("owner")
    assert owner.post("/keys/leaks/", {"on_leak": "sing"}).status_code == 422
    owner.post("/keys/leaks/", {"on_leak": "disable"})
    people.tenant.refresh_from_db()
    assert people.tenant.on_leak == "disable"
    anybody = client_of(None)
    anybody.post("/leaked-keys/", {"key": people.secret, "where": "a wiki"})
    assert "can be taken back until" in page_of(people)
    assert "disabled" in page_of(people)


def test_anybody_reports_and_learns_nothing(people, mailoutbox):
    answers = [
        client_of(None).post("/leaked-keys/", {"key": key})
        for key in (people.secret, "tf_live_x", api_keys.make("live"))
    ]
    assert {one.status_code for one in answers} == {200}
    texts = {re.sub(rb'value="\w{64}"', b"", one.content) for one in answers}
    assert len(texts) == 1
    assert len(mailoutbox) == 1
    assert client_of(None).post("/leaked-keys/", {"key": ""}).status_code == 422


def report(body, client=None):
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return (client or client_of(None)).post(
        "/leaked-keys/report/", raw, content_type="application/json"
    )


def test_scanners_report_and_learn_nothing(people, mailoutbox):
    finds = [
        {"token": people.secret, "type": "tokenfab", "url": "https://x.example/a"},
        {"token": "nonsense"},
    ]
    known, unknown = report(finds), report([finds[1], finds[1]])
    assert known.status_code == unknown.status_code == 202
    assert known.json() == unknown.json() == {"received": 2}
    people.api_key.refresh_from_db()
    assert people.api_key.leaked_at
    assert "https://x.example/a" in mailoutbox[0].body


@pytest.mark.parametrize(
    "body",
    ["", "{", {}, [], [1], [{"token": 1}], [{"token": "x"}] * (FOUND_MAX + 1)],
)
def test_it_refuses_what_is_no_list_of_finds(db, body):
    del db
    answer = report(body)
    assert answer.status_code == 400
    assert "token" in answer.json()["error"]["message"]


def test_it_refuses_a_body_that_is_too_long_and_reports_without_end(db):
    del db
    assert report(b" " * 70_000).status_code == 413
    cache.clear()
    client = client_of(None)
    finds = [{"token": "x"}]
    with time_machine.travel("2026-11-22T10:00:30Z", tick=False):
        for _ in range(REPORTS_PER_MINUTE):
            assert report(finds, client).status_code == 202
        refused = report(finds, client)
        page = client.post("/leaked-keys/", {"key": "x"})
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert page.status_code == 422
