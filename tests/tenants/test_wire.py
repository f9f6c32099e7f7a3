import msgspec
import pytest

from tenants.wire import KeyPolicy, LimitKind, RateLimit, Retention, Scope

POLICY = KeyPolicy(
    api_key_id=1,
    tenant_id=2,
    project_id=3,
    digest="ab" * 32,
    state="active",
    expires_at=None,
    allowed_models=("smollm2-135m-instruct",),
    rate_limits=(
        RateLimit(
            scope=Scope.KEY, kind=LimitKind.REQUESTS_PER_MINUTE, model=None, amount=600
        ),
    ),
    spend_limits=(),
    is_prepaid=False,
    counts_spend=False,
    are_cached_tokens_limited=False,
    refuses_without_limiter=False,
    cache_salt="cd" * 32,
)


def test_it_works():
    """The proxy reads a snapshot's items as plain JSON objects, then as structs."""
    item = msgspec.json.decode(msgspec.json.encode(POLICY))

    assert msgspec.convert(item, KeyPolicy) == POLICY


def test_a_project_that_leases_nothing_takes_no_room():
    assert b"retention" not in msgspec.json.encode(POLICY)
    leasing = msgspec.structs.replace(POLICY, retention=Retention(timeout_seconds=15))
    assert b'"retention":[15,"auto","degrade",false]' in msgspec.json.encode(leasing)


def test_a_newer_field_does_not_stop_an_older_proxy():
    item = msgspec.to_builtins(POLICY) | {"colour": "red"}

    assert msgspec.convert(item, KeyPolicy) == POLICY


@pytest.mark.parametrize(
    "changed", [{"state": "paused"}, {"digest": None}, {"is_prepaid": "no"}]
)
def test_it_refuses_another_form(changed):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(POLICY) | changed, KeyPolicy)


@pytest.mark.parametrize(
    "field",
    sorted(
        {*KeyPolicy.__struct_fields__}
        - {"retention", "price_books", "currency"}
        - {"is_suspended", "is_suspended_by_staff", "keeps_texts", "scopes"}
        - {"is_of_playground"}
    ),
)
def test_it_refuses_a_missing_field(field):
    item = msgspec.to_builtins(POLICY)
    del item[field]

    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(item, KeyPolicy)
