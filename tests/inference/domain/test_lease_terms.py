import base64
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.domain.lease_terms import (
    FRESH_MS_MAX,
    LeaseTerms,
    PreviousLease,
    Rejection,
    TermsRejectedError,
    derive_key,
    sign,
    verify,
)
from tests.inference.lease_samples import NOW, terms

KEY = derive_key("engine-key")
TERMS = terms(
    previous=PreviousLease(lease_id="kvl_0", tokens=64, last_hash="ab" * 32),
)


def read(text, *, key=KEY, engine_id="e", now_ms=NOW):
    return verify(text, key=key, engine_id=engine_id, now_ms=now_ms)


def reason_for(text, **fields):
    with pytest.raises(TermsRejectedError) as refused:
        read(text, **fields)
    return refused.value.reason


def signed(body):
    """Any bytes, well signed, as only we could."""
    text = base64.urlsafe_b64encode(body).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.digest(KEY, text, "sha256")).rstrip(b"=")
    return f"{text.decode()}.{mac.decode()}"


def test_it_works():
    assert read(sign(TERMS, key=KEY)) == TERMS


def test_it_refuses_another_key():
    assert reason_for(sign(TERMS, key=derive_key("other"))) == Rejection.FORGED


def test_it_refuses_the_engine_key_itself_as_signing_key():
    assert reason_for(sign(TERMS, key=b"engine-key")) == Rejection.FORGED


@given(st.data())
def test_it_refuses_any_changed_character(data):
    text = sign(TERMS, key=KEY)
    # The last character carries four bits of the signature: some spell it alike.
    place = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(st.sampled_from("AZaz09-_.").filter(lambda c: c != text[place]))
    changed = text[:place] + letter + text[place + 1 :]
    assert reason_for(changed) in {Rejection.FORGED, Rejection.MALFORMED}


def test_it_refuses_terms_for_another_engine():
    text = sign(TERMS, key=KEY)
    assert reason_for(text, engine_id="f") == Rejection.OTHER_ENGINE


@pytest.mark.parametrize("away_ms", [FRESH_MS_MAX + 1, -FRESH_MS_MAX - 1])
def test_it_refuses_stale_terms(away_ms):
    text = sign(TERMS, key=KEY)
    assert reason_for(text, now_ms=NOW + away_ms) == Rejection.STALE


def test_it_takes_terms_that_are_just_fresh():
    assert read(sign(TERMS, key=KEY), now_ms=NOW + FRESH_MS_MAX) == TERMS


@pytest.mark.parametrize(
    "text", [None, 7, {"lease": 1}, "", ".", "a.b.c", "é.é", "\ud800", "x" * 5000]
)
def test_it_refuses_what_is_no_such_text(text):
    assert reason_for(text) in {Rejection.FORGED, Rejection.MALFORMED}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[]", b"null"])
def test_it_refuses_a_malformed_body(body):
    assert reason_for(signed(body)) == Rejection.MALFORMED


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"ttl_ms": -1},
        {"ttl_ms": 1.5},
        {"ttl_ms": None},
        {"ttl_ms": 10**12},
        {"lease_id": ""},
        {"tenant_id": "x" * 129},
        {"lease_class": "gold"},
        {"tier": "tape"},
        {"value": -1},
        {"extra": 1},
        {"previous": {"lease_id": "kvl_0", "tokens": 1, "last_hash": "AB" * 32}},
    ],
)
def test_it_refuses_a_field_out_of_its_bounds(fields):
    body = msgspec.json.encode(msgspec.to_builtins(TERMS) | fields)
    assert reason_for(signed(body)) == Rejection.MALFORMED


def test_every_field_has_its_place_on_the_wire():
    assert set(msgspec.to_builtins(TERMS)) == set(LeaseTerms.__struct_fields__)
