import msgspec
import pytest

from benchmarks.control_plane import make_key
from metering.proxy.key_policies import _STEP_ITEMS, KeyPolicies


def raw(policies):
    return msgspec.json.decode(msgspec.json.encode(policies), type=list[msgspec.Raw])


def digest_of(policy):
    return bytes.fromhex(policy.digest)


@pytest.fixture
def policies():
    return [make_key(number, tenant_id=1).policy for number in range(3)]


def test_it_works(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies)))
    assert [keys.find(digest_of(one)) for one in policies] == policies
    assert keys.find(b"another") is None


def test_what_is_gone_is_not_found(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies)))
    list(keys.take(raw(policies[1:])))
    assert keys.find(digest_of(policies[0])) is None
    assert keys.find(digest_of(policies[1])) == policies[1]


def test_what_changed_is_another_and_the_rest_the_same(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies)))
    before = [keys.find(digest_of(one)) for one in policies]
    revoked = msgspec.structs.replace(policies[0], state="revoked")
    list(keys.take(raw([revoked, *policies[1:]])))
    assert keys.find(digest_of(revoked)) == revoked
    after = [keys.find(digest_of(one)) for one in policies]
    assert after[0] is not before[0]
    assert after[1] is before[1]
    assert after[2] is before[2]


def test_equal_limits_are_one_object(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies)))
    first, second, _ = (keys.find(digest_of(one)) for one in policies)
    assert first
    assert second
    assert first.rate_limits is second.rate_limits


def test_the_old_ones_count_until_all_are_read(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies[:1])))
    steps = keys.take(raw(policies[1:] * _STEP_ITEMS))
    next(steps)
    assert keys.find(digest_of(policies[0])) == policies[0]
    assert keys.find(digest_of(policies[1])) is None
    list(steps)
    assert keys.find(digest_of(policies[0])) is None
    assert keys.find(digest_of(policies[1])) == policies[1]


def test_it_refuses_all_when_one_is_malformed(policies):
    keys = KeyPolicies()
    list(keys.take(raw(policies)))
    with pytest.raises(msgspec.ValidationError):
        list(keys.take([*raw(policies[:1]), msgspec.Raw(b'{"api_key_id":"x"}')]))
    assert keys.find(digest_of(policies[2])) == policies[2]
