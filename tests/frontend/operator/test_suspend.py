import pytest

from billing.models.webhooks import WebhookMessage
from tenants.audit_models import AuditEntry
from tenants.services.suspend_tenant import suspend_tenant
from tests.billing.webhooks import make_endpoint

WHY = "Calls come from a list of stolen cards"


@pytest.fixture
def address(people):
    return f"/operator/tenants/{people.tenant.pk}/suspend/"


def test_it_works(people, address, mailoutbox):
    staff = people.client("staff")
    answer = staff.post(address, {"reason": WHY, "name": "Acme"})
    assert answer["Location"] == f"/operator/tenants/{people.tenant.pk}/"
    people.tenant.refresh_from_db()
    assert people.tenant.suspension_reason == WHY
    entry = AuditEntry.objects.get(tenant=people.tenant)
    assert (entry.actor_kind, entry.action) == ("staff", "tenant.suspended")
    assert [mail.to for mail in mailoutbox] == [["olga@acme.example"]]
    for name in ("owner", "colleague"):
        page = people.client(name).get("/keys/").content.decode()
        assert "The operator has suspended Acme" in page
        assert WHY in page
    assert WHY not in people.client("stranger").get("/keys/").content.decode()
    assert "Its owners were mailed." in staff.get("/operator/").content.decode()


def test_it_is_lifted_with_one_press(people, address, mailoutbox):
    staff = people.client("staff")
    make_endpoint(people.tenant)
    staff.post(address, {"reason": WHY, "name": "Acme"})
    assert "Lift" in staff.get(address.replace("suspend/", "")).content.decode()
    for _ in range(2):
        staff.post(address.replace("suspend", "lift"))
    people.tenant.refresh_from_db()
    assert people.tenant.suspended_at is None
    assert len(mailoutbox) == 2
    told = WebhookMessage.objects.order_by("pk").values_list("type", flat=True)
    assert list(told) == ["tenant.suspended", "tenant.unsuspended"]


def test_it_refuses_another_name_and_keeps_what_was_typed(people, address, mailoutbox):
    answer = people.client("staff").post(address, {"reason": WHY, "name": "acme"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "It is not the same: type Acme." in page
    assert WHY in page
    people.tenant.refresh_from_db()
    assert people.tenant.suspended_at is None
    assert mailoutbox == []


@pytest.mark.parametrize("name", ["owner", "colleague", "stranger"])
@pytest.mark.parametrize("act", ["suspend", "lift"])
def test_it_refuses_whoever_is_not_staff(people, address, name, act):
    form = {"reason": WHY, "name": "Acme"}
    answer = people.client(name).post(address.replace("suspend", act), form)
    assert answer.status_code == 403


def test_a_playgrounds_page_says_why_there_is_no_secret(people, now):
    suspend_tenant(tenant_id=people.tenant.pk, reason=WHY, now=now)
    refused = people.client("owner").post("/playground/secret/")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "tenant_suspended"
