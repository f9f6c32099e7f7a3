"""The rules of rate limits; the scripts in Valkey are tested against them elsewhere."""

import pytest

from metering.domain import limit_keys
from metering.domain.limits import (
    BUCKET_MS,
    LENT_MS,
    PLACES_MAX,
    UNLIMITED,
    WANTED_MS,
    Ask,
    Bounds,
    Correction,
    Counts,
    Held,
    Refused,
    Slice,
    Window,
    bucket_of,
)

NOW = 1_800_000_000_100
NONE = (0, 0, 0)
BOUNDS = Bounds([("w", (5, 100, UNLIMITED))], [("day", 4)], [("running", 3)])


def ask(tokens: int = 1, most: int | None = None) -> Ask:
    return Ask(1, tokens, tokens if most is None else most, 0)


def hold(counts: Counts, call_id: str, one: Ask, now_ms: int = NOW) -> Held | Refused:
    return counts.hold(BOUNDS, one, call_id=call_id, now_ms=now_ms)


def test_it_works():
    counts = Counts()
    assert hold(counts, "a", ask(10, 60)) == Held(bucket_of(NOW), 60)
    assert hold(counts, "b", ask(10, 60)) == Held(bucket_of(NOW), 40)
    counts.settle(
        BOUNDS,
        Correction(bucket_of(NOW), (0, -30, 0), NONE),
        requests=0,
        call_id="a",
        now_ms=NOW,
    )
    assert hold(counts, "c", ask(30)) == Held(bucket_of(NOW), 30)


def test_it_refuses_until_enough_has_left():
    counts = Counts()
    hold(counts, "a", ask(100))
    assert hold(counts, "b", ask(1)) == Refused(1, 60_150)
    assert isinstance(hold(counts, "b", ask(1), NOW + 60_149), Refused)
    assert isinstance(hold(counts, "b", ask(1), NOW + 60_150), Held)


def test_it_tells_the_longest_wait():
    counts = Counts()
    for number in range(3):
        assert isinstance(hold(counts, str(number), ask()), Held)
    assert hold(counts, "3", ask()) == Refused(4, 1000)  # three are running
    counts.settle(
        BOUNDS, Correction(0, NONE, NONE), requests=0, call_id="0", now_ms=NOW
    )
    assert isinstance(hold(counts, "3", ask()), Held)
    assert hold(counts, "4", ask()) == Refused(3, None)  # until the day is over


def test_free_places_are_lent_far_from_the_limit():
    counts = Counts()
    bounds = Bounds([], [], [("key", 40), ("tenant", 100)])
    for number in range(16):
        counts.hold(bounds, ask(), call_id=str(number), now_ms=NOW)
    assert counts.lend(bounds, processes=3, now_ms=NOW) == 24 // 12
    counts.hold(bounds, ask(), call_id="16", now_ms=NOW)
    assert counts.lend(bounds, processes=3, now_ms=NOW) is None
    counts.give_back(bounds, ["16"])
    assert counts.lend(bounds, processes=3, now_ms=NOW) == 2
    wide = Bounds([], [], [("wide", 10**6)])
    assert counts.lend(wide, processes=1, now_ms=NOW) == PLACES_MAX


def test_who_is_refused_waits_for_what_is_lent():
    counts = Counts()
    bounds = Bounds([], [], [("key", 8)])
    assert counts.lend(bounds, processes=1, now_ms=NOW) == 2
    calls = [str(number) for number in range(8)]
    for call_id in calls:
        counts.hold(bounds, ask(), call_id=call_id, now_ms=NOW)
    refused = counts.hold(bounds, ask(), call_id="8", now_ms=NOW + 100)
    assert refused == Refused(0, LENT_MS - 100, is_lent=True)
    refused = counts.hold(bounds, ask(), call_id="8", now_ms=NOW + LENT_MS)
    assert refused == Refused(0, 1000)
    counts.give_back(bounds, calls)
    wanted_until = NOW + LENT_MS + WANTED_MS
    assert counts.lend(bounds, processes=1, now_ms=wanted_until - 1) is None
    assert counts.lend(bounds, processes=1, now_ms=wanted_until) == 2


def test_a_call_for_nothing_gives_its_request_back():
    counts = Counts()
    for number in range(9):
        assert isinstance(hold(counts, str(number), ask()), Held)
        counts.settle(
            BOUNDS,
            Correction(bucket_of(NOW), (-1, -1, 0), NONE),
            requests=-1,
            call_id=str(number),
            now_ms=NOW,
        )
    assert counts.counters == {"day": 0}


def test_a_late_word_counts_now():
    window = Window(NOW)
    late = Correction(bucket_of(NOW) - 241, (0, -5, 0), (0, 7, 0))
    window.correct(late)
    assert window.sums == [0, 7, 0]


def test_a_window_holds_never_less_than_nothing():
    window = Window(NOW)
    window.add(window.present, (1, 5, 0))
    window.add(window.present, (-3, -9, 0))
    assert window.sums == [0, 0, 0]
    assert window.contents() == []


def test_a_clock_that_goes_back_moves_nothing():
    window = Window(NOW)
    window.add(window.present, (1, 0, 0))
    window.advance(NOW - 100_000)
    assert window.sums == [1, 0, 0]
    assert window.present == bucket_of(NOW)


def test_what_comes_back_of_a_slice_is_booked_now():
    window = Window(NOW)
    window.add(window.present + 2, (10, 50, 0))
    window.advance(NOW + BUCKET_MS)
    window.take_back(Slice(bucket_of(NOW) + 2, (10, 50, 0), (3, 20, 0)))
    assert window.contents() == [(bucket_of(NOW) + 1, (3, 20, 0))]


def test_when_all_is_free_again():
    window = Window(NOW)
    assert window.reset_ms(0, NOW) == 0
    window.add(window.present, (1, 0, 0))
    assert window.reset_ms(0, NOW) == 60_150
    assert window.reset_ms(1, NOW) == 0
    assert window.wait_ms(0, 5, NOW) == 60_650  # more than it holds: the last to leave


@pytest.mark.parametrize(
    ("model", "expected"),
    [(None, "tokenfab:limit:{7}:key:3"), ("m", "tokenfab:limit:{7}:key:3:model:m")],
)
def test_the_names_of_counters(model: str | None, expected: str):
    name = limit_keys.limit_key(7, "key", 3, model)
    assert name == expected
    assert limit_keys.requests_day_key(name, "2026-11-21").endswith(
        ":requests:day:2026-11-21"
    )
    assert limit_keys.spent_key(7, "tenant", 7, "day:2026-11-21") == (
        "tokenfab:spent:{7}:tenant:7:day:2026-11-21"
    )
