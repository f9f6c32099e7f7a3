import hashlib
from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from tenants.models import ApiKey
from tenants.models import RateLimit as RateLimitRow
from tenants.services.publish_key_policies import (
    publish_key_policies,
    read_key_policies,
)
from tenants.services.revoke_api_key import revoke_api_key
from tenants.wire import SNAPSHOT_KIND, KeyPolicy, LimitKind, RateLimit, Scope
from tests.factories import (
    make_api_key,
    make_budget,
    make_project,
    make_rate_limit,
    make_spend_limit,
    make_tenant,
)
from tests.parallel import in_parallel
from tests.published import published

DAY = timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    expires_at = timezone.now() + DAY
    api_key, secret = make_api_key(
        allowed_models=["smollm2-135m-instruct"],
        requests_per_minute=60,
        expires_at=expires_at,
    )

    version = publish_key_policies()

    snapshot = published(valkey, SNAPSHOT_KIND)
    assert snapshot.version == version
    assert msgspec.convert(snapshot.items, list[KeyPolicy]) == [
        KeyPolicy(
            api_key_id=api_key.pk,
            tenant_id=api_key.tenant_id,
            project_id=api_key.project_id,
            digest=hashlib.sha256(secret.encode()).hexdigest(),
            state="active",
            expires_at=expires_at.timestamp(),
            allowed_models=("smollm2-135m-instruct",),
            rate_limits=(
                RateLimit(
                    scope=Scope.KEY,
                    kind=LimitKind.REQUESTS_PER_MINUTE,
                    model=None,
                    amount=60,
                ),
            ),
            spend_limits=(),
            is_prepaid=False,
            counts_spend=False,
            are_cached_tokens_limited=False,
            refuses_without_limiter=False,
            cache_salt=api_key.tenant.cache_salt,
        )
    ]


@pytest.mark.django_db
def test_no_secret_leaves_the_database():
    _, secret = make_api_key()

    assert secret.encode() not in msgspec.json.encode(read_key_policies(timezone.now()))


@pytest.mark.django_db
def test_keys_of_one_tenant_share_its_salt_and_no_other():
    ours, theirs = make_project(), make_project(tenant=make_tenant(name="Other"))
    for project in (ours, ours, theirs):
        make_api_key(project=project)

    salts = [policy.cache_salt for policy in read_key_policies(timezone.now())]

    assert salts[0] == salts[1] != salts[2]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "states"),
    [
        ({}, ["active"]),
        ({"revoked_at": timedelta(days=-29)}, ["revoked"]),
        ({"revoked_at": timedelta(days=-30)}, []),
        ({"expires_at": timedelta(days=1)}, ["active"]),
        ({"expires_at": timedelta(days=-29)}, ["active"]),
        ({"expires_at": timedelta(days=-30)}, []),
    ],
)
def test_a_dead_key_is_remembered_for_30_days(fields, states):
    """An expired key is `active` with an expiry: the proxy has a clock of its own."""
    now = timezone.now()
    make_api_key(**{name: now + offset for name, offset in fields.items()})

    assert [policy.state for policy in read_key_policies(now)] == states


@pytest.mark.django_db(transaction=True)
def test_parallel_publications_end_with_what_the_database_says(valkey):
    """Whichever revocation publishes last, it has seen the other's row."""
    project = make_project()
    keys = [make_api_key(project=project)[0] for _ in range(6)]
    now = timezone.now()

    in_parallel(
        *[
            lambda key=key: revoke_api_key(
                api_key_id=key.pk, tenant=project.tenant, now=now
            )
            for key in keys
        ]
    )

    items = msgspec.convert(published(valkey, SNAPSHOT_KIND).items, list[KeyPolicy])
    assert {item.api_key_id for item in items} == {key.pk for key in keys}
    assert {item.state for item in items} == {"revoked"}
    assert not ApiKey.objects.filter(revoked_at__isnull=True).exists()


@pytest.mark.django_db
def test_a_key_has_the_limits_of_its_project_and_its_tenant_too():
    project, other = make_project(), make_project(tenant=make_tenant(name="Other"))
    api_key, _ = make_api_key(project=project, requests_per_minute=1)
    make_api_key(project=other)
    make_rate_limit(subject=project, amount=2, model="small")
    make_rate_limit(subject=project.tenant, amount=3)
    make_spend_limit(subject=api_key, amount_nanos=4)
    make_spend_limit(subject=project.tenant, amount_nanos=5)

    mine, others = read_key_policies(timezone.now())

    assert [(one.scope, one.model, one.amount) for one in mine.rate_limits] == [
        (Scope.KEY, None, 1),
        (Scope.PROJECT, "small", 2),
        (Scope.TENANT, None, 3),
    ]
    assert [(one.scope, one.amount_nanos) for one in mine.spend_limits] == [
        (Scope.KEY, 4),
        (Scope.TENANT, 5),
    ]
    assert (others.rate_limits, others.spend_limits) == ((), ())


@pytest.mark.django_db
def test_spend_is_counted_where_anything_of_the_tenant_depends_on_it():
    """A project's budget makes the other projects count, too: pages show them all."""
    plain, prepaid, limited, budgeted = (
        make_project(tenant=make_tenant(name=name)) for name in "abcd"
    )
    prepaid.tenant.is_prepaid = True
    prepaid.tenant.save()
    make_spend_limit(subject=limited)
    make_budget(subject=make_project(tenant=budgeted.tenant, name="Another"))
    for project in (plain, prepaid, limited, budgeted):
        make_api_key(project=project)

    counts = [policy.counts_spend for policy in read_key_policies(timezone.now())]

    assert counts == [False, True, True, True]


@pytest.mark.django_db
def test_ten_thousand_keys_ask_no_more_than_one(django_assert_num_queries):
    project, now = make_project(), timezone.now()
    make_api_key(project=project, requests_per_minute=60)
    with django_assert_num_queries(7):
        read_key_policies(now)
    keys = ApiKey.objects.bulk_create(
        ApiKey(
            tenant=project.tenant,
            project=project,
            name="Many",
            prefix="tf_live_0000",
            digest=number.to_bytes(32, "big"),
            created_at=now,
        )
        for number in range(10_000)
    )
    RateLimitRow.objects.bulk_create(
        RateLimitRow(
            tenant=project.tenant, api_key=key, kind="requests_per_minute", amount=60
        )
        for key in keys
    )

    with django_assert_num_queries(7):
        policies = read_key_policies(now)

    assert len(policies) == 10_001
    assert all(len(policy.rate_limits) == 1 for policy in policies)
