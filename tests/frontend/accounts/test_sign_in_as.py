"""Staff look at a tenant's pages as a member sees them, and do nothing else there."""

from datetime import timedelta

import pytest

from frontend.accounts import signed_in_as
from frontend.urls import urlpatterns
from tenants.audit_models import AuditEntry
from tenants.models import ApiKey
from tests.frontend.test_roles import ACTS, PAGES, tenant_routes

WHY = "Ticket 12: the usage page is empty"


@pytest.fixture
def address(people):
    return f"/operator/tenants/{people.tenant.pk}/sign-in-as/"


@pytest.fixture
def owner(people):
    return people.tenant.members.earliest("pk")


@pytest.fixture
def staff(people, address, owner):
    client = people.client("staff")
    answer = client.post(address, {"member": owner.pk, "reason": WHY})
    assert answer["Location"] == "/"
    return client


def test_it_works(people, staff, owner):
    page = staff.get("/keys/").content.decode()
    assert people.api_key.prefix in page
    assert "You see Acme as olga@acme.example" in page
    entry = AuditEntry.objects.get(tenant=people.tenant)
    assert (entry.actor_kind, entry.actor_name) == (
        "staff",
        people.users["staff"].email,
    )
    assert (entry.action, entry.about_id) == ("staff.signed_in_as", str(owner.pk))
    assert entry.words == f"as olga@acme.example: {WHY}"
    assert WHY in people.client("owner").get("/settings/audit/").content.decode()
    assert "You see" not in people.client("owner").get("/keys/").content.decode()


def test_it_ends_by_a_button(people, staff):
    answer = staff.post("/operator/sign-in-as/stop/")
    assert answer["Location"] == f"/operator/tenants/{people.tenant.pk}/"
    assert staff.get("/keys/")["Location"] == "/operator/"
    last = AuditEntry.objects.latest("pk")
    assert last.action == "staff.signed_out_as"
    assert staff.post("/operator/sign-in-as/stop/")["Location"] == "/operator/"
    assert AuditEntry.objects.latest("pk") == last


def test_it_refuses_every_act(staff):
    keys = ApiKey.objects.count()
    for name, path in tenant_routes().items():
        assert staff.post(path).status_code in {403, 405}, name
    assert ApiKey.objects.count() == keys
    assert len(urlpatterns) > len(ACTS)


def test_it_refuses_pages_that_lead_to_money_or_secrets(staff):
    for name in ("create_api_key", "add_webhook", "top_up", *PAGES):
        if not name.startswith("audit"):
            assert staff.get(tenant_routes()[name]).status_code == 403, name


def test_it_refuses_without_a_reason(people, address, owner):
    answer = people.client("staff").post(address, {"member": owner.pk, "reason": " "})
    assert answer.status_code == 422
    assert people.client("staff").get("/keys/")["Location"] == "/operator/"


def test_it_refuses_a_member_of_another_tenant(people, address):
    stranger = people.strangers_tenant.members.get()
    answer = people.client("staff").post(
        address, {"member": stranger.pk, "reason": WHY}
    )
    assert answer.status_code == 422


def test_it_refuses_whoever_is_not_staff(people, address, owner):
    form = {"member": owner.pk, "reason": WHY}
    assert people.client("stranger").post(address, form).status_code == 403
    assert people.client("stranger").get("/keys/").status_code == 200


def test_it_ends_when_they_are_no_longer_staff(people, staff):
    people.users["staff"].is_staff = False
    people.users["staff"].save()
    assert staff.get("/keys/").status_code == 403


def test_it_ends_when_the_member_is_gone(staff, owner):
    owner.delete()
    assert staff.get("/keys/")["Location"] == "/operator/"


def test_it_ends_after_an_hour(people, owner, now):
    session = people.client("staff").session
    user = people.users["staff"]
    signed_in_as.begin(session, owner, now=now)
    before_end = now + signed_in_as.LIFETIME - timedelta(seconds=1)
    assert signed_in_as.find(session, user, now=before_end) == owner
    assert not signed_in_as.find(session, user, now=now + signed_in_as.LIFETIME)
