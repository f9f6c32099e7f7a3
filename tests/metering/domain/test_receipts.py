"""What a receipt says, its one spelling, and its chain."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.domain.receipts import (
    FIRST_PREVIOUS,
    CallReceipt,
    Chain,
    IntervalReceipt,
    ReceiptCharge,
    canonical,
    charges_of,
    read_receipt,
    receipt_hash,
)
from metering.domain.usage import Meter

NOON = "2026-11-21T12:00:00.123456Z"
COUNTS = st.integers(0, 2**31 - 1)


def make_receipt(**changes) -> CallReceipt:
    return CallReceipt(
        **{
            "sequence": 1,
            "previous": FIRST_PREVIOUS,
            "tenant_id": 7,
            "project_id": 8,
            "api_key_id": 9,
            "cache_salt_id": "00" * 8,
            "event_id": "ab" * 16,
            "model": "smollm2",
            "engine_id": 1,
            "price_version_id": 3,
            "happened_at": NOON,
            "currency": "USD",
            "charges": charges_of({Meter.OUTPUT_TOKENS: 15}, {"output_tokens": 400}),
            "endpoint": "chat.completions",
            "streamed": True,
            "outcome": "completed",
            "usage_source": "engine",
            "is_warming": False,
            "samples": 1,
            "tries": 1,
            "received_at": NOON,
            "sent_at": None,
            "first_token_at": None,
            "input_tokens": 0,
            "cached_input_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 15,
            "reasoning_tokens": 0,
            "images": 0,
            "leased_input_tokens": 0,
            "absorbed_input_tokens": 0,
            "cost_nanos": 1,
            "lease_id": None,
            "lease_expires_at": None,
            "lease_cost_nanos": 0,
            "previous_lease_id": None,
            "cached_prompt_id": None,
            **changes,
        }
    )


INTERVAL = IntervalReceipt(
    sequence=2,
    previous="11" * 32,
    tenant_id=7,
    project_id=8,
    api_key_id=9,
    cache_salt_id="00" * 8,
    event_id="ab" * 16,
    model="smollm2",
    engine_id=1,
    price_version_id=3,
    happened_at=NOON,
    currency="USD",
    charges={},
    lease_id="cd" * 16,
    epoch="e1",
    tier="hbm",
    bytes=10**9,
    started_at=NOON,
    first_sequence=1,
    last_sequence=2,
    mb_s=5,
    credit_reason="engine_gone",
)


def test_it_works():
    """Keys in order and no spaces: any JSON library makes the same text of it."""
    text = canonical(make_receipt()).decode()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert '"kind":"call"' in text
    assert '"happened_at":"2026-11-21T12:00:00.123456Z"' in text
    assert (
        '"charges":{"output_tokens":{"amount":"0.000000000006","quantity":15,'
        '"rate_nanos_per_million":400}}' in text
    )


@pytest.mark.parametrize("receipt", [make_receipt(), INTERVAL])
def test_another_spelling_is_the_same_receipt(receipt):
    text = canonical(receipt)
    respelled = json.dumps(json.loads(text), indent=2)
    assert read_receipt(respelled) == receipt
    assert canonical(read_receipt(respelled)) == text


@settings(max_examples=50)
@given(st.text(max_size=20), COUNTS)
def test_reading_gives_back_what_was_written(model, count):
    receipt = make_receipt(model=model, input_tokens=count)
    text = canonical(receipt)
    assert read_receipt(text) == receipt
    assert canonical(read_receipt(text)) == text


def test_it_refuses_what_is_no_receipt():
    known = json.loads(canonical(make_receipt()))
    for wrong in (
        {**known, "extra": 1},
        {**known, "format": 2},
        {**known, "kind": ""},
        {**known, "happened_at": "2026-11-21T12:00:00Z"},
    ):
        with pytest.raises(msgspec.DecodeError):
            read_receipt(json.dumps(wrong))


@pytest.mark.parametrize("field", CallReceipt.__struct_fields__)
def test_every_field_is_in_the_hash(field):
    fields = json.loads(canonical(make_receipt()))
    fields[field] = "changed"
    changed = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    assert receipt_hash(changed) != receipt_hash(canonical(make_receipt()))


def test_what_has_no_price_is_not_charged():
    quantities = {
        Meter.REQUESTS: 1,
        Meter.LEASED_INPUT_TOKENS: 9,
        Meter.NEW_INPUT_TOKENS: 1_000_000,
        Meter.IMAGES: 2,
    }
    assert charges_of(quantities, {"new_input_tokens": 1_500_000_000}) == {
        "new_input_tokens": ReceiptCharge(
            quantity=1_000_000,
            rate_nanos_per_million=1_500_000_000,
            amount="1.5",
        ),
        "images": ReceiptCharge(quantity=2, rate_nanos_per_million=None, amount=None),
    }


def test_a_free_meter_is_charged_nothing():
    charge = charges_of({Meter.IMAGES: 2}, {"images": 0})["images"]
    assert charge.amount == "0"


def _chained(length: int) -> list[CallReceipt]:
    receipts, previous = [], FIRST_PREVIOUS
    for sequence in range(1, length + 1):
        receipts.append(make_receipt(sequence=sequence, previous=previous))
        previous = receipt_hash(canonical(receipts[-1])).hex()
    return receipts


def _objections(receipts) -> list[str]:
    chain = Chain()
    return [text for text in map(chain.objection, receipts) if text]


def test_a_chain_holds_also_with_some_left_out():
    receipts = _chained(5)
    assert _objections(receipts) == []
    assert _objections([receipts[0], *receipts[3:]]) == []
    assert _objections(receipts[2:]) == []


def test_it_refuses_a_broken_chain():
    one, two, three = _chained(3)
    other = msgspec.structs.replace(one, model="other")
    assert _objections([other, two]) == ["receipt 2 names another one before it"]
    assert _objections([one, three, two]) == ["receipt 2 comes after 3"]
    assert _objections([one, one]) == ["receipt 1 comes after 1"]
    forged = msgspec.structs.replace(one, previous="22" * 32)
    assert _objections([forged]) == ["receipt 1 names another one before it"]
