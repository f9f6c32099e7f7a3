import msgspec
import pytest

from inference.domain import lease_terms, signed_text
from inference.domain.lease_terms import LeaseClass, PreviousLease, Tier
from inference.domain.warm_order import (
    FRESH_MS_MAX,
    PREFIX,
    OrderRejectedError,
    OrderRejection,
    WarmOrder,
    derive_key,
    sign,
    verify,
)
from tests.inference.lease_samples import NOW, terms

SECRET = b"a snapshot secret"
KEY = derive_key(SECRET)
ORDER = WarmOrder(
    cached_prompt_id="c" * 32,
    key_digest="d" * 64,
    engine_id=7,
    lease_class=LeaseClass.GUARANTEED,
    tier=Tier.HBM,
    ttl_ms=900_000,
    previous=PreviousLease(lease_id="kvl_0", tokens=64, last_hash="ab" * 32),
    is_at_our_cost=True,
    issued_at_ms=NOW,
)


def reason_for(text, *, key=KEY, now_ms=NOW):
    with pytest.raises(OrderRejectedError) as refused:
        verify(text, key=key, now_ms=now_ms)
    return refused.value.reason


def signed(body):
    """Any bytes, well signed, as only we could."""
    return PREFIX + signed_text.sign(body, key=KEY)


def test_it_works():
    assert verify(sign(ORDER, key=KEY), key=KEY, now_ms=NOW) == ORDER


def test_it_refuses_another_secret():
    assert reason_for(sign(ORDER, key=derive_key(b"other"))) == OrderRejection.FORGED


def test_it_refuses_what_was_signed_for_another_use():
    other = lease_terms.derive_key(SECRET.decode())
    assert reason_for(sign(ORDER, key=other)) == OrderRejection.FORGED
    assert reason_for(PREFIX + lease_terms.sign(terms(), key=other)) == (
        OrderRejection.FORGED
    )


def test_it_refuses_a_changed_character():
    text = sign(ORDER, key=KEY)
    place = len(PREFIX) + 20
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    assert reason_for(changed) == OrderRejection.FORGED


@pytest.mark.parametrize("away_ms", [FRESH_MS_MAX + 1, -FRESH_MS_MAX - 1])
def test_it_refuses_a_stale_order(away_ms):
    assert reason_for(sign(ORDER, key=KEY), now_ms=NOW + away_ms) == (
        OrderRejection.STALE
    )


def test_it_takes_an_order_that_is_just_fresh():
    text = sign(ORDER, key=KEY)
    assert verify(text, key=KEY, now_ms=NOW + FRESH_MS_MAX) == ORDER


@pytest.mark.parametrize("text", ["", "tfw_", "tfw_.", "tf_live_a", "tfw_é", "tfw_a=="])
def test_it_refuses_what_is_no_such_text(text):
    assert reason_for(text) in {OrderRejection.FORGED, OrderRejection.MALFORMED}


def test_it_refuses_an_order_without_its_prefix():
    text = sign(ORDER, key=KEY).removeprefix(PREFIX)
    assert reason_for(text) == OrderRejection.MALFORMED


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[]", b"null"])
def test_it_refuses_a_malformed_body(body):
    assert reason_for(signed(body)) == OrderRejection.MALFORMED


@pytest.mark.parametrize(
    "fields",
    [
        {"cached_prompt_id": "cp_1"},
        {"key_digest": "d" * 63},
        {"engine_id": -1},
        {"engine_id": "7"},
        {"ttl_ms": -1},
        {"tier": "tape"},
        {"lease_class": "gold"},
        {"is_at_our_cost": None},
        {"extra": 1},
    ],
)
def test_it_refuses_a_field_out_of_its_bounds(fields):
    body = msgspec.json.encode(msgspec.to_builtins(ORDER) | fields)
    assert reason_for(signed(body)) == OrderRejection.MALFORMED
