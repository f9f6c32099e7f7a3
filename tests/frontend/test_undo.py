"""What was ended comes back by the button beside the message that says so."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.ping_webhook import ping_webhook
from tenants.audit_models import AuditEntry
from tenants.invitation_models import Invitation
from tenants.models import Budget, SpendLimit
from tenants.saved_view_models import SavedView
from tests.billing.webhooks import make_endpoint
from tests.factories import make_api_key, make_project
from tests.frontend.people import client_of


@pytest.fixture
def owner(people):
    return people.client("owner")


def token_of(answer):
    found = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


def undo(client, answer):
    return client.post("/undo/", {"token": token_of(answer)}, follow=True)


def archive(owner, project):
    path = f"/settings/projects/{project.pk}/archive/"
    return owner.post(path, {"name": project.name}, follow=True)


def test_it_works(people, owner):
    make_project(tenant=people.tenant, name="Other")
    people.api_key.created_by = people.users["colleague"]
    people.api_key.save()
    dead, _ = make_api_key(
        project=people.project, revoked_at=timezone.now(), name="Dead before"
    )
    archived = archive(owner, people.project)
    people.api_key.refresh_from_db()
    assert people.api_key.revoked_at is not None

    answer = undo(owner, archived)

    assert f"{people.project.name} is back" in answer.text
    for row in (people.project, people.api_key, dead):
        row.refresh_from_db()
    assert people.project.archived_at is None
    assert people.api_key.revoked_at is None
    assert dead.revoked_at is not None
    entry = AuditEntry.objects.filter(action="project.restored").get()
    assert entry.actor_name == people.users["owner"].email


def test_keys_of_who_left_stay_revoked(people, owner):
    make_project(tenant=people.tenant, name="Other")
    people.api_key.created_by = people.users["colleague"]
    people.api_key.save()
    archived = archive(owner, people.project)
    people.tenant.members.filter(user=people.users["colleague"]).delete()

    undo(owner, archived)

    people.api_key.refresh_from_db()
    assert people.api_key.revoked_at is not None


def test_an_invitation_holds_again(owner):
    owner.post("/settings/members/", {"email": "ina@acme.example", "role": "viewer"})
    row = Invitation.objects.get()
    gone = owner.post(f"/settings/invitations/{row.pk}/revoke/", follow=True)

    assert "its link works again" in undo(owner, gone).text

    row.refresh_from_db()
    assert row.revoked_at is None


def test_an_invitation_that_was_sent_anew_meanwhile_stays_alone(owner):
    invited = {"email": "ina@acme.example", "role": "viewer"}
    owner.post("/settings/members/", invited)
    row = Invitation.objects.get()
    gone = owner.post(f"/settings/invitations/{row.pk}/revoke/", follow=True)
    owner.post("/settings/members/", invited)

    assert "is invited already" in undo(owner, gone).text

    row.refresh_from_db()
    assert row.revoked_at is not None


def test_an_endpoint_is_told_what_waited(people, owner):
    endpoint = make_endpoint(people.tenant)
    ping_webhook(endpoint, now=timezone.now())
    message = endpoint.messages.get()
    path = f"/webhooks/{endpoint.public_id}/remove/"
    name = urlsplit(endpoint.url).hostname
    gone = owner.post(path, {"name": name}, follow=True)
    message.refresh_from_db()
    assert message.next_try_at is None

    undo(owner, gone)

    message.refresh_from_db()
    assert message.next_try_at is not None
    assert message.failed_at is None
    assert WebhookEndpoint.objects.in_use().get() == endpoint
    assert AuditEntry.objects.filter(action="webhook.restored").exists()


def test_a_view_comes_back(owner):
    owner.post("/usage/views/save/", {"name": "Costs", "query": "range=month"})
    view = SavedView.objects.get()
    gone = owner.post(f"/usage/views/{view.pk}/delete/", follow=True)
    assert not SavedView.objects.exists()

    undo(owner, gone)

    back = SavedView.objects.get()
    assert (back.name, back.query, back.user) == (view.name, view.query, view.user)
    assert "of this name by now" in undo(owner, gone).text


@pytest.mark.parametrize(
    ("path", "model", "more"),
    [
        ("/limits/spend/", SpendLimit, {}),
        ("/limits/budget/", Budget, {"thresholds_percent": "10, 20"}),
    ],
)
def test_a_limit_comes_back_as_it_was(owner, path, model, more):
    whose = {"subject": "tenant", "period": "month"}
    owner.post(path, {**whose, "amount_nanos": "9.5", **more})
    before = model.objects.values().get()
    gone = owner.post(f"{path}remove/", whose, follow=True)
    assert not model.objects.exists()

    undo(owner, gone)

    after = model.objects.values().get()
    for row in (before, after):
        for name in ("id", "created_at", "updated_at"):
            row.pop(name, None)
    assert after == before
    assert "in its place by now" in undo(owner, gone).text


def test_it_refuses_when_it_is_too_late(people, owner):
    make_project(tenant=people.tenant, name="Other")
    archived = archive(owner, people.project)

    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert "too late" in undo(owner, archived).text

    people.project.refresh_from_db()
    assert people.project.archived_at is not None


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_it_refuses_another_user(people, owner, who):
    make_project(tenant=people.tenant, name="Other")
    archived = archive(owner, people.project)

    assert "too late" in undo(people.client(who), archived).text

    people.project.refresh_from_db()
    assert people.project.archived_at is not None


def test_it_refuses_who_may_not_any_more(people, owner):
    make_project(tenant=people.tenant, name="Other")
    archived = archive(owner, people.project)
    people.tenant.members.filter(user=people.users["owner"]).update(role="developer")

    token = {"token": token_of(archived)}
    client = client_of(people.users["owner"])
    assert client.post("/undo/", token).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "a:b:c"])
def test_it_refuses_what_was_never_offered(owner, token):
    answer = owner.post("/undo/", {"token": token}, follow=True)
    assert "too late" in answer.text
