import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.domain.snapshot import SnapshotRejectedError, sign, verify

SECRET = b"a snapshot key"
CONTENT = {
    "kind": "routes",
    "version": 7,
    "issued_at": 1_700_000_000.5,
    "expires_at": 1_700_086_400.5,
    "items": [{"model": "smollm2-135m-instruct"}],
}


def blob(content=CONTENT, secret=SECRET):
    return sign(json.dumps(content).encode(), secret=secret)


def test_it_works():
    snapshot = verify(blob(), kind="routes", secret=SECRET)

    assert snapshot.kind == "routes"
    assert snapshot.version == 7
    assert snapshot.issued_at == 1_700_000_000.5
    assert snapshot.expires_at == 1_700_086_400.5
    assert snapshot.items == [{"model": "smollm2-135m-instruct"}]


def test_an_expired_one_still_verifies():
    """Whoever acts on it compares `expires_at` with his clock; signing knows none."""
    assert verify(blob(), kind="routes", secret=SECRET).expires_at < 1_800_000_000


def test_it_refuses_another_key():
    with pytest.raises(SnapshotRejectedError, match="signature"):
        verify(blob(secret=b"another"), kind="routes", secret=SECRET)


def test_it_refuses_another_kind():
    """Keys passed off as routes are signed well, and yet refused."""
    with pytest.raises(SnapshotRejectedError, match="expected routes, got prices"):
        verify(blob({**CONTENT, "kind": "prices"}), kind="routes", secret=SECRET)


@given(position=st.integers(0, len(blob()) - 1), flip=st.integers(1, 255))
def test_it_refuses_any_changed_byte(position, flip):
    changed = bytearray(blob())
    changed[position] ^= flip

    with pytest.raises(SnapshotRejectedError):
        verify(bytes(changed), kind="routes", secret=SECRET)


@given(junk=st.binary(max_size=200))
def test_it_refuses_junk(junk):
    with pytest.raises(SnapshotRejectedError):
        verify(junk, kind="routes", secret=SECRET)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b'{"kind": "routes"}', b'{"kind": "routes", "x": 1}'],
)
def test_it_refuses_a_signed_payload_of_another_form(payload):
    with pytest.raises(SnapshotRejectedError, match="malformed"):
        verify(sign(payload, secret=SECRET), kind="routes", secret=SECRET)


def test_it_refuses_a_signed_payload_that_is_not_packed():
    packed = b"{}"
    mac = hmac.new(SECRET, packed, hashlib.sha256).hexdigest().encode()

    with pytest.raises(SnapshotRejectedError, match="malformed"):
        verify(mac + b"." + packed, kind="routes", secret=SECRET)
