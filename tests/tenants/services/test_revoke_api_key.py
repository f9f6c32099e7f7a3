from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.errors import ApiKeyNotFoundError
from tenants.services.revoke_api_key import revoke_api_key
from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_api_key, make_tenant
from tests.parallel import in_parallel
from tests.published import published


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    api_key, _ = make_api_key()
    now = timezone.now()

    assert revoke_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=now)

    api_key.refresh_from_db()
    assert api_key.revoked_at == now
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["state"] == "revoked"


@pytest.mark.django_db(transaction=True)
def test_revoking_twice_keeps_the_first_time_and_publishes_again(valkey):
    api_key, _ = make_api_key()
    now = timezone.now()
    revoke_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=now)
    valkey.flushdb()

    later = now + timedelta(minutes=1)
    again = revoke_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=later)

    assert again is False
    api_key.refresh_from_db()
    assert api_key.revoked_at == now
    assert published(valkey, SNAPSHOT_KIND).items[0]["state"] == "revoked"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_of_parallel_calls_one_revokes():
    api_key, _ = make_api_key()

    def revoke():
        return revoke_api_key(
            api_key_id=api_key.pk, tenant=api_key.tenant, now=timezone.now()
        )

    assert sorted(in_parallel(*[revoke] * 4)) == [False, False, False, True]


@pytest.mark.django_db
def test_it_refuses_another_tenants_key_like_one_that_is_not_there():
    api_key, _ = make_api_key()
    stranger = make_tenant(name="Stranger")

    answers = []
    for api_key_id in (api_key.pk, api_key.pk + 1):
        with pytest.raises(ApiKeyNotFoundError) as refusal:
            revoke_api_key(api_key_id=api_key_id, tenant=stranger, now=timezone.now())
        answers.append(str(refusal.value))

    assert answers[0] == answers[1]
    api_key.refresh_from_db()
    assert api_key.revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_without_valkey_it_is_revoked_and_published_later(valkey, settings, caplog):
    api_key, _ = make_api_key()
    address = settings.VALKEY_URL
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    now = timezone.now()
    assert revoke_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=now)

    assert "publish_key_policies" in caplog.text
    settings.VALKEY_URL = address
    revoke_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=now)
    assert published(valkey, SNAPSHOT_KIND).items[0]["state"] == "revoked"
