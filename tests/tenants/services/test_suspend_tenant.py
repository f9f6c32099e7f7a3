import pytest
from django.db import IntegrityError
from django.utils import timezone

from tenants.audit_models import AuditEntry
from tenants.errors import SuspensionReasonError, TenantSuspendedError
from tenants.models import ApiKey, Restriction, Tenant
from tenants.services.issue_api_key import issue_api_key
from tenants.services.lift_suspension import lift_suspension
from tenants.services.send_suspension_mail import send_suspension_mail
from tenants.services.set_restriction import set_restriction
from tenants.services.suspend_tenant import suspend_tenant
from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_api_key, make_project, make_tenant, make_user
from tests.published import is_published, published


def suspend(tenant_id, reason="Spam is sent by it"):
    return suspend_tenant(tenant_id=tenant_id, reason=reason, now=timezone.now())


def suspended_keys(valkey):
    return {
        item["api_key_id"]
        for item in published(valkey, SNAPSHOT_KIND).items
        if item.get("is_suspended_by_staff")
    }


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    """The data plane is told at the commit, and again when it is lifted."""
    key, _ = make_api_key()
    make_api_key(project=make_project(tenant=make_tenant(name="Other")))

    assert suspend(key.tenant_id)
    assert suspended_keys(valkey) == {key.pk}
    assert lift_suspension(tenant_id=key.tenant_id)
    assert suspended_keys(valkey) == set()

    entries = AuditEntry.objects.filter(tenant=key.tenant_id).order_by("pk")
    assert [(one.action, one.words) for one in entries] == [
        ("tenant.suspended", "Spam is sent by it"),
        ("tenant.suspension_lifted", "calls are answered again"),
    ]


@pytest.mark.django_db(transaction=True)
def test_what_is_so_already_is_neither_noted_nor_published(valkey):
    tenant = make_tenant()
    assert not lift_suspension(tenant_id=tenant.pk)
    assert not is_published(valkey, SNAPSHOT_KIND)
    suspend(tenant.pk, "First")
    valkey.flushdb()

    assert not suspend(tenant.pk, "Second")

    assert not is_published(valkey, SNAPSHOT_KIND)
    tenant.refresh_from_db()
    assert tenant.suspension_reason == "First"
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("restriction", [Restriction.NONE, Restriction.NO_CALLS])
def test_neither_it_nor_what_is_owed_lifts_the_other(restriction):
    tenant = make_tenant()
    suspend(tenant.pk)
    set_restriction(tenant_id=tenant.pk, restriction=Restriction.NO_CALLS)
    set_restriction(tenant_id=tenant.pk, restriction=restriction)
    tenant.refresh_from_db()
    assert tenant.suspended_at
    lift_suspension(tenant_id=tenant.pk)
    tenant.refresh_from_db()
    assert tenant.restriction == restriction


@pytest.mark.django_db
def test_it_refuses_new_keys():
    project = make_project()
    suspend(project.tenant_id)
    now = timezone.now()
    with pytest.raises(TenantSuspendedError):
        issue_api_key(project=project, name="Laptop", created_by=None, now=now)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 301])
def test_it_refuses_a_reason_that_is_none(reason):
    tenant = make_tenant()
    with pytest.raises(SuspensionReasonError):
        suspend(tenant.pk, reason)
    tenant.refresh_from_db()
    assert tenant.suspended_at is None


@pytest.mark.django_db
def test_the_database_refuses_one_without_a_reason():
    with pytest.raises(IntegrityError, match="tenant_suspension_has_a_reason"):
        Tenant.objects.filter(pk=make_tenant().pk).update(suspended_at=timezone.now())


@pytest.mark.django_db
def test_owners_are_mailed_why_and_when_it_ends(mailoutbox):
    tenant = make_tenant(owner=make_user(email="olga@acme.example"))
    suspend(tenant.pk)
    tenant.refresh_from_db()
    assert send_suspension_mail(tenant)
    lift_suspension(tenant_id=tenant.pk)
    tenant.refresh_from_db()
    assert send_suspension_mail(tenant)

    assert [mail.to for mail in mailoutbox] == [["olga@acme.example"]] * 2
    assert [mail.subject for mail in mailoutbox] == [
        "Acme is suspended",
        "Acme is no longer suspended",
    ]
    assert "Spam is sent by it" in mailoutbox[0].body
    assert not send_suspension_mail(make_tenant(name="Nobody's"))
