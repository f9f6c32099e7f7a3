from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.services.end_playground_secrets import end_playground_secrets
from tenants.services.issue_playground_secret import TTL, issue_playground_secret
from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_api_key, make_project, make_user
from tests.published import published

MINUTE = timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    project, user, now = make_project(), make_user(), timezone.now()
    key = issue_playground_secret(project=project, user=user, now=now).api_key
    valkey.flushdb()

    assert end_playground_secrets(user=user, now=now + MINUTE)

    key.refresh_from_db()
    assert (key.expires_at, key.revoked_at) == (now + MINUTE, None)
    (policy,) = published(valkey, SNAPSHOT_KIND).items
    assert policy["expires_at"] == (now + MINUTE).timestamp()


@pytest.mark.django_db
def test_it_ends_nothing_else():
    project, user, now = make_project(), make_user(), timezone.now()
    others = issue_playground_secret(project=project, user=make_user(), now=now).api_key
    own, _ = make_api_key(
        project=project, created_by=user, expires_at=now + timedelta(days=1)
    )

    assert not end_playground_secrets(user=user, now=now)

    for key, expires_at in ((others, now + TTL), (own, now + timedelta(days=1))):
        key.refresh_from_db()
        assert key.expires_at == expires_at


@pytest.mark.django_db(transaction=True)
def test_what_had_ended_is_not_published_again(valkey):
    project, user, now = make_project(), make_user(), timezone.now()
    issue_playground_secret(project=project, user=user, now=now)
    end_playground_secrets(user=user, now=now)
    valkey.flushdb()

    assert not end_playground_secrets(user=user, now=now + MINUTE)

    assert valkey.dbsize() == 0
