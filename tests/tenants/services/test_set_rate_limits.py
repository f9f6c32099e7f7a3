import msgspec
import pytest
from django.db import IntegrityError, connection

from tenants.errors import InvalidLimitError
from tenants.models import RateLimit
from tenants.services.set_rate_limits import read_rate_limits, set_rate_limits
from tenants.wire import SNAPSHOT_KIND, KeyPolicy, LimitKind, Scope
from tests.factories import make_api_key, make_project, make_rate_limit, make_tenant
from tests.parallel import in_parallel
from tests.published import is_published, published

REQUESTS = (LimitKind.REQUESTS_PER_MINUTE, None)
TOKENS = (LimitKind.TOKENS_PER_MINUTE, None)
SMALL = (LimitKind.REQUESTS_PER_MINUTE, "small")


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    """A limit is changed long after the key was issued."""
    api_key, _ = make_api_key(requests_per_minute=60, tokens_per_minute=1000)

    assert set_rate_limits(subject=api_key, limits={REQUESTS: 61, SMALL: 5})

    assert read_rate_limits(api_key) == {REQUESTS: 61, SMALL: 5}
    (policy,) = msgspec.convert(published(valkey, SNAPSHOT_KIND).items, list[KeyPolicy])
    assert {
        (one.scope, one.kind, one.model, one.amount) for one in policy.rate_limits
    } == {
        (Scope.KEY, LimitKind.REQUESTS_PER_MINUTE, None, 61),
        (Scope.KEY, LimitKind.REQUESTS_PER_MINUTE, "small", 5),
    }


@pytest.mark.django_db(transaction=True)
def test_the_same_again_writes_and_publishes_nothing(valkey):
    api_key, _ = make_api_key(requests_per_minute=60)
    before = RateLimit.objects.get().pk

    assert not set_rate_limits(subject=api_key, limits={REQUESTS: 60})

    assert RateLimit.objects.get().pk == before
    assert not is_published(valkey, SNAPSHOT_KIND)


@pytest.mark.django_db
def test_each_subject_has_its_own():
    api_key, _ = make_api_key()
    for subject in (api_key.tenant, api_key.project, api_key):
        set_rate_limits(subject=subject, limits={REQUESTS: 5})

    set_rate_limits(subject=api_key.project, limits={})

    assert read_rate_limits(api_key.tenant) == {REQUESTS: 5}
    assert read_rate_limits(api_key.project) == {}
    assert read_rate_limits(api_key) == {REQUESTS: 5}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "limits",
    [
        {REQUESTS: 0},
        {REQUESTS: -1},
        {TOKENS: 2**53},
        {(LimitKind.REQUESTS_PER_DAY, ""): 1},
        {(LimitKind.REQUESTS_PER_DAY, " x "): 1},
        {(LimitKind.REQUESTS_PER_DAY, f"m{number}"): 1 for number in range(51)},
    ],
)
def test_it_refuses(limits):
    api_key, _ = make_api_key(requests_per_minute=60)

    with pytest.raises(InvalidLimitError):
        set_rate_limits(subject=api_key, limits=limits)

    assert read_rate_limits(api_key) == {REQUESTS: 60}


@pytest.mark.django_db
def test_it_refuses_a_key_more_than_its_tenant_has():
    api_key, _ = make_api_key()
    make_rate_limit(subject=api_key.tenant, amount=5)

    with pytest.raises(InvalidLimitError, match="at most 5 requests per minute"):
        set_rate_limits(subject=api_key, limits={REQUESTS: 6})

    assert set_rate_limits(subject=api_key, limits={REQUESTS: 5, TOKENS: 10_000})
    assert set_rate_limits(subject=api_key.tenant, limits={REQUESTS: 4})


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_parallel_changes_leave_one_of_them():
    api_key, _ = make_api_key()

    in_parallel(
        *[
            lambda n=n: set_rate_limits(
                subject=api_key, limits={REQUESTS: n, TOKENS: n}
            )
            for n in range(1, 7)
        ]
    )

    found = read_rate_limits(api_key)
    assert set(found) == {REQUESTS, TOKENS}
    assert found[REQUESTS] == found[TOKENS]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["ratelimit", "spendlimit", "budget"])
def test_the_database_refuses_another_tenants_key_or_project(table):
    """Else one tenant could limit, or read, what another spends."""
    api_key, _ = make_api_key()
    other = make_project(tenant=make_tenant(name="Other"))
    values = {
        "ratelimit": "kind, amount) VALUES (%s, %s, 'requests_per_day', 1)",
        "spendlimit": "period, amount_nanos) VALUES (%s, %s, 'day', 1)",
        "budget": "period, amount_nanos, thresholds_percent)"
        " VALUES (%s, %s, 'day', 1, '{50}')",
    }[table]
    for column, pk in (("api_key_id", api_key.pk), ("project_id", api_key.project_id)):
        with (
            pytest.raises(IntegrityError, match="is_the_tenants"),
            connection.cursor() as c,
        ):
            c.execute(
                f"INSERT INTO tenants_{table} (tenant_id, {column}, {values}",
                [other.tenant_id, pk],
            )
