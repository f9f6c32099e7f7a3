"""A key is rotated: both work for a while, and either end of it can be chosen."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.audit_models import AuditEntry
from tenants.errors import (
    ApiKeyNotFoundError,
    ApiKeyNotRotatableError,
    InvalidExpiryError,
    RotationOverError,
)
from tenants.models import ApiKey
from tenants.services.end_rotation import end_overlap, take_rotation_back
from tenants.services.find_api_key import find_api_key
from tenants.services.revoke_api_key import revoke_api_key
from tenants.services.rotate_api_key import rotate_api_key
from tenants.wire import SNAPSHOT_KIND, LimitKind, Scope
from tests.factories import (
    make_api_key,
    make_budget,
    make_rate_limit,
    make_spend_limit,
    make_tenant,
)
from tests.parallel import in_parallel
from tests.published import published

DAY = timedelta(days=1)


def rotate(old, *, overlap=DAY, now=None, tenant=None):
    return rotate_api_key(
        api_key_id=old.pk,
        tenant=tenant or old.tenant,
        created_by=None,
        overlap=overlap,
        now=now or timezone.now(),
    )


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    now = timezone.now()
    old, secret = make_api_key(
        name="Worker",
        mode="test",
        scopes=["generate"],
        allowed_models=["a"],
        expires_at=now + 90 * DAY,
    )
    make_rate_limit(subject=old, kind=LimitKind.TOKENS_PER_MINUTE, amount=7, model="a")
    make_spend_limit(subject=old, amount_nanos=5)
    make_budget(subject=old, amount_nanos=4)

    issued = rotate(old, now=now)

    old.refresh_from_db()
    new = issued.api_key
    assert (new.name, new.project, new.scopes, new.allowed_models, new.expires_at) == (
        "Worker",
        old.project,
        ["generate"],
        ["a"],
        now + 90 * DAY,
    )
    assert issued.secret.startswith("tf_test_")
    assert new.ratelimits.get().model == "a"
    assert new.spendlimits.get().scope == Scope.KEY
    assert new.budgets.get().amount_nanos == 4
    assert old.expires_at == now + DAY
    assert new.replaces == old
    for one in (secret, issued.secret):
        assert find_api_key(one, now=now + DAY / 2)
    assert find_api_key(secret, now=now + DAY) is None
    ends = {
        one["api_key_id"]: one["expires_at"]
        for one in published(valkey, SNAPSHOT_KIND).items
    }
    assert ends[old.pk] == (now + DAY).timestamp()
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["api_key.issued", "api_key.rotated"]


@pytest.mark.django_db
def test_an_own_expiry_that_comes_first_stays():
    now = timezone.now()
    old, _ = make_api_key(expires_at=now + DAY / 2)
    rotate(old, now=now)
    old.refresh_from_db()
    assert old.expires_at == now + DAY / 2


@pytest.mark.django_db
@pytest.mark.parametrize("overlap", [-DAY, 31 * DAY])
def test_it_refuses_an_overlap_that_is_too_long(overlap):
    with pytest.raises(InvalidExpiryError):
        rotate(make_api_key()[0], overlap=overlap)


@pytest.mark.django_db
def test_it_refuses_keys_that_do_not_work_and_those_rotated_already():
    now = timezone.now()
    for ended, _ in (make_api_key(revoked_at=now), make_api_key(expires_at=now)):
        with pytest.raises(ApiKeyNotRotatableError):
            rotate(ended, now=now)
    old, _ = make_api_key()
    rotate(old)
    with pytest.raises(ApiKeyNotRotatableError):
        rotate(old)
    with pytest.raises(ApiKeyNotFoundError):
        rotate(make_api_key()[0], tenant=make_tenant(name="Stranger"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_of_parallel_rotations_one_makes_a_key():
    old, _ = make_api_key()

    def try_it():
        try:
            return bool(rotate(old))
        except ApiKeyNotRotatableError:
            return False

    assert sorted(in_parallel(*[try_it] * 3)) == [False, False, True]
    assert ApiKey.objects.count() == 2


@pytest.mark.django_db
def test_the_overlap_ends_early():
    now = timezone.now()
    old, secret = make_api_key()
    issued = rotate(old, now=now)
    end_overlap(api_key_id=old.pk, tenant=old.tenant, now=now + DAY / 4)
    assert find_api_key(secret, now=now + DAY / 4) is None
    assert find_api_key(issued.secret, now=now + DAY / 4)
    with pytest.raises(RotationOverError):
        end_overlap(api_key_id=old.pk, tenant=old.tenant, now=now + DAY / 2)


@pytest.mark.django_db
def test_the_rotation_is_taken_back():
    now = timezone.now()
    old, secret = make_api_key()
    issued = rotate(old, now=now)
    take_rotation_back(api_key_id=old.pk, tenant=old.tenant, now=now)
    assert find_api_key(secret, now=now + 5 * DAY)
    assert find_api_key(issued.secret, now=now) is None
    assert rotate(old, now=now)  # and may be rotated again


@pytest.mark.django_db
@pytest.mark.parametrize("act", [end_overlap, take_rotation_back])
def test_it_refuses_what_is_over_or_never_was(act):
    now = timezone.now()
    old, _ = make_api_key()
    with pytest.raises(ApiKeyNotFoundError):
        act(api_key_id=old.pk, tenant=old.tenant, now=now)
    rotate(old, now=now)
    with pytest.raises(ApiKeyNotFoundError):
        act(api_key_id=old.pk, tenant=make_tenant(name="Stranger"), now=now)
    with pytest.raises(RotationOverError):
        act(api_key_id=old.pk, tenant=old.tenant, now=now + DAY)
    revoke_api_key(api_key_id=old.pk, tenant=old.tenant, now=now)
    with pytest.raises(RotationOverError):
        act(api_key_id=old.pk, tenant=old.tenant, now=now)
