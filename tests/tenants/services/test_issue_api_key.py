from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from tenants.domain import api_keys
from tenants.errors import (
    InvalidExpiryError,
    InvalidLimitError,
    InvalidModelListError,
    InvalidNameError,
    InvalidScopesError,
    TooManyApiKeysError,
)
from tenants.models import ApiKey
from tenants.services import issue_api_key as module
from tenants.services.issue_api_key import issue_api_key
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import SNAPSHOT_KIND, KeyScope, LimitKind
from tests.factories import make_api_key, make_project, make_tenant, make_user
from tests.parallel import in_parallel
from tests.published import published


def issue(**changed):
    """A call that is accepted, but for what `changed` says."""
    arguments: dict[str, Any] = {
        "name": "Laptop",
        "created_by": None,
        "now": timezone.now(),
    }
    project = changed.pop("project", None) or make_project()
    return issue_api_key(project=project, **arguments | changed)


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    project, user, now = make_project(), make_user(), timezone.now()

    issued = issue_api_key(project=project, name=" Laptop ", created_by=user, now=now)

    row = ApiKey.objects.get()
    assert row == issued.api_key
    assert (row.tenant, row.project, row.created_by) == (project.tenant, project, user)
    assert (row.name, row.created_at) == ("Laptop", now)
    assert row.prefix == issued.secret[:12]
    assert issued.secret.startswith("tf_live_")
    assert api_keys.is_well_formed(issued.secret)
    assert bytes(row.digest) == api_keys.digest(issued.secret)
    assert read_rate_limits(row) == {
        (LimitKind.REQUESTS_PER_MINUTE, None): 600,
        (LimitKind.TOKENS_PER_MINUTE, None): 1_000_000,
    }
    assert (row.expires_at, row.revoked_at, row.allowed_models) == (None, None, None)
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["api_key_id"] == row.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_it_takes_every_option():
    expires_at = timezone.now() + timedelta(days=1)

    issued = issue(
        mode="test",
        expires_at=expires_at,
        allowed_models=["b", "a", "b"],
        requests_per_minute=None,
        tokens_per_minute=5,
    )

    row = ApiKey.objects.get()
    assert issued.secret.startswith("tf_test_")
    assert row.expires_at == expires_at
    assert row.allowed_models == ["a", "b"]
    assert read_rate_limits(row) == {(LimitKind.TOKENS_PER_MINUTE, None): 5}


@pytest.mark.django_db
def test_the_secret_is_nowhere_but_in_the_answer():
    issued = issue()

    assert issued.secret not in repr(issued)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants_apikey::text FROM tenants_apikey")
        assert issued.secret not in cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": " "}, InvalidNameError),
        ({"name": "x" * 101}, InvalidNameError),
        ({"expires_at": timezone.now() - timedelta(days=1)}, InvalidExpiryError),
        ({"requests_per_minute": 0}, InvalidLimitError),
        ({"requests_per_minute": 2**53}, InvalidLimitError),
        ({"tokens_per_minute": -1}, InvalidLimitError),
        ({"tokens_per_minute": 2**53}, InvalidLimitError),
        ({"allowed_models": []}, InvalidModelListError),
        ({"allowed_models": [""]}, InvalidModelListError),
        ({"allowed_models": ["x" * 101]}, InvalidModelListError),
        ({"allowed_models": [str(n) for n in range(101)]}, InvalidModelListError),
    ],
)
def test_it_refuses(changed, error):
    with pytest.raises(error):
        issue(**changed)

    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_it_refuses_an_expiry_of_just_now():
    now = timezone.now()

    with pytest.raises(InvalidExpiryError):
        issue(now=now, expires_at=now)


@pytest.mark.django_db
def test_it_refuses_one_key_too_many(monkeypatch):
    """A key just revoked counts: the snapshot still carries it, so a loop of issuing
    and revoking must not make it grow without end.
    """
    monkeypatch.setattr(module, "API_KEYS_MAX", 2)
    project, now = make_project(), timezone.now()
    make_api_key(project=project, revoked_at=now - timedelta(days=31))
    make_api_key(project=project, revoked_at=now - timedelta(days=1))
    issue(project=project)

    with pytest.raises(TooManyApiKeysError):
        issue(project=project)

    issue(project=make_project(tenant=make_tenant(name="Other")))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_parallel_calls_stop_at_the_same_number(monkeypatch):
    monkeypatch.setattr(module, "API_KEYS_MAX", 3)
    project = make_project()

    def one():
        try:
            return issue(project=project)
        except TooManyApiKeysError:
            return None

    results = in_parallel(*[one] * 6)

    assert ApiKey.objects.count() == 3 == sum(result is not None for result in results)


@pytest.mark.django_db(transaction=True)
def test_without_valkey_the_key_exists_all_the_same(settings, caplog):
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    issue()

    assert ApiKey.objects.count() == 1
    assert "publish_key_policies" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_a_key_of_another_tenants_project():
    """Else one tenant's calls would stand on another's invoice."""
    project, other = make_project(), make_tenant(name="Other")

    with pytest.raises(IntegrityError, match="api_key_tenant_is_the_projects"):
        ApiKey.objects.create(
            tenant=other,
            project=project,
            name="Stolen",
            prefix="tf_live_0000",
            digest=b"x" * 32,
            created_at=timezone.now(),
        )


@pytest.mark.django_db(transaction=True)
def test_scopes_reach_the_data_plane(valkey):
    issued = issue(scopes=[KeyScope.KV, KeyScope.GENERATE])
    assert issued.api_key.scopes == ["generate", "kv"]
    assert issued.api_key.may(KeyScope.KV)
    assert not issued.api_key.may(KeyScope.ACCOUNT)
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["scopes"] == ["generate", "kv"]
    assert issue().api_key.may(KeyScope.ACCOUNT)
    assert "scopes" not in published(valkey, SNAPSHOT_KIND).items[1]


@pytest.mark.django_db
def test_it_refuses_no_scope_and_the_database_an_unknown_one():
    with pytest.raises(InvalidScopesError):
        issue(scopes=[])
    with pytest.raises(IntegrityError, match="api_key_scopes_known"):
        make_api_key(scopes=["everything"])
