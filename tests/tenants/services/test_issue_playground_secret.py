from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants.audit_models import AuditEntry
from tenants.domain import api_keys
from tenants.errors import PaymentOverdueError
from tenants.models import ApiKey, Restriction
from tenants.services.issue_playground_secret import TTL, issue_playground_secret
from tenants.services.revoke_api_key import revoke_api_key
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import SNAPSHOT_KIND, LimitKind
from tests.factories import make_api_key, make_project, make_user
from tests.parallel import in_parallel
from tests.published import published

MINUTE = timedelta(minutes=1)


def issue(project, user, now):
    return issue_playground_secret(project=project, user=user, now=now)


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    project, user, now = make_project(), make_user(), timezone.now()

    first = issue(project, user, now)
    second = issue(project, user, now + MINUTE)

    assert first.secret != second.secret
    row = ApiKey.objects.get()
    assert row.pk == first.api_key.pk == second.api_key.pk
    assert (row.tenant, row.project, row.created_by) == (project.tenant, project, user)
    assert row.is_of_playground
    assert (row.created_at, row.expires_at) == (now, now + MINUTE + TTL)
    assert bytes(row.digest) == api_keys.digest(second.secret)
    assert row.prefix == second.secret[:12]
    assert read_rate_limits(row)[LimitKind.REQUESTS_PER_MINUTE, None] == 60
    acts = AuditEntry.objects.order_by("pk").values_list("action", "about_id")
    about = str(row.pk)
    assert list(acts) == [("api_key.issued", about), ("playground.opened", about)]
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["digest"] == api_keys.digest(second.secret).hex()
    assert policy["expires_at"] == (now + MINUTE + TTL).timestamp()
    assert policy["is_of_playground"]


@pytest.mark.django_db
def test_each_member_and_project_has_a_key_of_its_own():
    project, now = make_project(), timezone.now()
    other = make_project(tenant=project.tenant, name="Other")
    one, two = make_user(), make_user()

    issued = [
        issue(*who, now) for who in ((project, one), (project, two), (other, one))
    ]

    assert len({each.api_key.pk for each in issued}) == 3


@pytest.mark.django_db
def test_a_key_that_was_revoked_stays_so():
    project, user, now = make_project(), make_user(), timezone.now()
    first = issue(project, user, now).api_key
    revoke_api_key(api_key_id=first.pk, tenant=project.tenant, now=now)

    second = issue(project, user, now + MINUTE).api_key

    assert second.pk != first.pk
    first.refresh_from_db()
    assert (first.revoked_at, first.expires_at) == (now, now + TTL)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_of_parallel_calls_one_makes_the_key():
    project, user, now = make_project(), make_user(), timezone.now()

    issued = in_parallel(*[lambda: issue(project, user, now)] * 4)

    row = ApiKey.objects.get()
    assert bytes(row.digest) in {api_keys.digest(each.secret) for each in issued}


@pytest.mark.django_db
@pytest.mark.parametrize("has_key", [False, True])
def test_it_refuses_a_tenant_that_has_not_paid(has_key):
    project, user, now = make_project(), make_user(), timezone.now()
    if has_key:
        issue(project, user, now)
    tenant = project.tenant
    tenant.restriction = Restriction.NO_NEW_KEYS
    tenant.save()

    with pytest.raises(PaymentOverdueError):
        issue(project, user, now + MINUTE)

    assert not ApiKey.objects.filter(expires_at__gt=now + TTL).exists()


@pytest.mark.django_db
def test_the_database_refuses_one_that_lives_for_ever():
    with pytest.raises(IntegrityError, match="api_key_of_playground_expires"):
        make_api_key(is_of_playground=True)


@pytest.mark.django_db
def test_the_database_refuses_a_second_one_of_a_member():
    issued = issue(make_project(), make_user(), timezone.now()).api_key
    fields = {"created_by": issued.created_by, "expires_at": issued.expires_at}

    with (
        pytest.raises(IntegrityError, match="api_key_one_of_playground"),
        transaction.atomic(),
    ):
        make_api_key(project=issued.project, is_of_playground=True, **fields)
