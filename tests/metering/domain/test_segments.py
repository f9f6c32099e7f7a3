"""What one read of a segment makes of its bytes, wherever the read ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.domain.journal_format import HEAD_BYTES, PAYLOAD_BYTES_MAX, Record, pack
from metering.domain.segments import (
    RECORD_BYTES_MAX,
    Gap,
    Place,
    Tail,
    is_segment,
    place_of,
    split,
)

BOOT_ID = bytes(range(8))
ZEROES = bytes(HEAD_BYTES)
PAYLOADS = st.lists(st.binary(min_size=1, max_size=50), max_size=8)


def packed(payloads):
    return [
        pack(payload, boot_id=BOOT_ID, sequence=n)
        for n, payload in enumerate(payloads, start=1)
    ]


@given(payloads=PAYLOADS)
def test_it_works(payloads):
    window = split(b"".join(packed(payloads)) + ZEROES, records_max=9, is_last=True)
    assert [record.payload for record in window.records] == payloads
    assert [record.sequence for record in window.records] == [
        *range(1, len(payloads) + 1)
    ]
    assert window.tail is Tail.NOTHING


@given(payloads=PAYLOADS, data=st.data())
def test_a_window_cut_anywhere_gives_the_whole_records_before(payloads, data):
    records = packed(payloads)
    segment = b"".join(records)
    cut = data.draw(st.integers(0, len(segment)))
    whole, end = 0, 0
    while whole < len(records) and end + len(records[whole]) <= cut:
        end += len(records[whole])
        whole += 1

    window = split(segment[:cut], records_max=9, is_last=False)
    assert len(window.records) == whole
    # What was cut off may be a record: the next read begins behind the last whole one.
    assert window.tail is Tail.MORE

    at_end = split(segment[:cut], records_max=9, is_last=True)
    assert len(at_end.records) == whole
    # A few bytes at the end of a file are no head, so nothing was begun there.
    is_torn = cut - end >= HEAD_BYTES
    assert at_end.tail is (Tail.TORN if is_torn else Tail.NOTHING)


@given(payloads=PAYLOADS.filter(bool), data=st.data())
def test_a_flipped_bit_ends_the_records_there(payloads, data):
    records = packed(payloads)
    broken = data.draw(st.integers(0, len(records) - 1))
    # Not the length: a larger one reads on into what follows, still without a match.
    at = data.draw(st.integers(4, len(records[broken]) - 1))
    flipped = bytearray(records[broken])
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    segment = b"".join([*records[:broken], flipped, *records[broken + 1 :]])

    window = split(segment + ZEROES, records_max=9, is_last=True)
    assert len(window.records) == broken
    assert window.tail is Tail.TORN


def test_nonsense_far_from_the_windows_end_is_torn():
    nonsense = b"\xff" * (RECORD_BYTES_MAX + 1)
    assert split(nonsense, records_max=9, is_last=False).tail is Tail.TORN


def test_it_stops_at_the_number_of_records_asked_for():
    window = split(b"".join(packed([b"a", b"b", b"c"])), records_max=2, is_last=True)
    assert [record.payload for record in window.records] == [b"a", b"b"]
    assert window.tail is Tail.MORE


def test_the_longest_record_is_read():
    (record,) = packed([bytes(PAYLOAD_BYTES_MAX)])
    assert len(record) == RECORD_BYTES_MAX
    assert len(split(record, records_max=1, is_last=True).records) == 1
    assert split(record + b"x", records_max=9, is_last=True).tail is Tail.NOTHING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("01795262400000000000-0001020304050607.journal", True),
        ("01795262400000000000-0001020304050607-12.journal", True),
        ("1795262400000000000-0001020304050607.journal", False),
        ("01795262400000000000-0001020304050607.draft", False),
        ("01795262400000000000-000102030405060G.journal", False),
        ("x01795262400000000000-0001020304050607.journal", False),
        ("01795262400000000000-0001020304050607.journal\n", False),
    ],
)
def test_which_names_are_segments(name, expected):
    assert is_segment(name) is expected


def record(sequence, boot_id=BOOT_ID):
    return Record(boot_id=boot_id, sequence=sequence, payload=b"", end=0)


@pytest.mark.parametrize(
    ("place", "sequence", "expected"),
    [
        (Place(), 1, None),
        (Place(), 3, 1),
        (place_of(record(4)), 5, None),
        (place_of(record(4)), 6, 5),
        (place_of(record(4)), 4, 5),
        (place_of(record(4, boot_id=b"another.")), 1, None),
        (place_of(record(4, boot_id=b"another.")), 5, 1),
    ],
)
def test_which_record_follows_a_gap(place, sequence, expected):
    gap = place.gap_before(record(sequence))
    if expected is None:
        assert gap is None
    else:
        assert gap == Gap(boot_id=BOOT_ID.hex(), expected=expected, found=sequence)
