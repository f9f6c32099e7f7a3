"""What is likely to be used until a month ends, tried on series with a known end."""

from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median

import pytest

from billing.domain.forecast import (
    DAY,
    PPM,
    DayUse,
    Method,
    expect,
    scaled,
)
from billing.domain.periods import month_of

NOVEMBER = month_of(datetime(2026, 11, 1, tzinfo=UTC))
OUTPUT = ("small", "output_tokens")
USD = 1_000_000_000


def use(value, quantity=0):
    return DayUse(quantities={OUTPUT: quantity}, value_nanos=value)


def told(before, *, now):
    found = expect(before, month=NOVEMBER, now=now)
    assert found is not None
    return found


def days(values, *, end):
    """The last of `values` is the day before `end`."""
    first = end - len(values) * DAY
    return {first + n * DAY: use(value, value) for n, value in enumerate(values)}


def at(day, hour=0):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def test_it_works():
    """Seven days of 2 and 4 USD in turn: 20 days at the mean, 22/7."""
    before = days([4 * USD, 2 * USD] * 3 + [4 * USD], end=at(11))

    found = told(before, now=at(11))

    assert (found.method, found.days_seen) == (Method.MEAN, 7)
    assert len(found.days) == 20
    assert found.days[-1].ends_at == NOVEMBER.end
    assert found.value_nanos == 20 * 3_142_857_143
    assert found.days[0].use.quantities == {OUTPUT: 3_142_857_143}
    # Seven squares of 48/7 together; of a mean of 22/7 times 20 days.
    assert 0.1 < found.spread_ppm / PPM < 0.2
    assert found.low_ppm + found.high_ppm == 2 * PPM


def test_a_weekday_is_like_its_kind():
    """Four weeks of work from Monday to Friday; the 21st is a Saturday."""
    work = [USD if (at(21) - n * DAY).weekday() < 5 else 0 for n in range(28, 0, -1)]

    found = told(days(work, end=at(21)), now=at(21))

    assert (found.method, found.days_seen) == (Method.WEEKDAYS, 28)
    assert [one.use.value_nanos for one in found.days] == [
        0, 0, USD, USD, USD, USD, USD, 0, 0, USD,
    ]  # fmt: skip
    assert found.spread_ppm == 0


def test_of_today_the_hours_that_are_left_count():
    before = days([USD] * 5, end=at(30))

    (today,) = told(before, now=at(30, 18)).days

    assert today.use.value_nanos == USD // 4
    assert today.use.quantities == {OUTPUT: USD // 4}


def test_a_day_without_use_counts_as_nothing():
    before = days([4 * USD, 0, 0, 0], end=at(21))
    del before[at(18)], before[at(19)], before[at(20)]

    found = told(before, now=at(21))

    assert found.days_seen == 4
    assert found.days[0].use.value_nanos == USD


def test_what_is_older_than_four_weeks_is_forgotten():
    before = days([900 * USD] * 10 + [USD] * 28, end=at(21))

    assert told(before, now=at(21)).days_seen == 28
    assert told(before, now=at(21)).value_nanos == 10 * USD


@pytest.mark.parametrize("count", [0, 1, 2])
def test_of_too_few_days_it_says_nothing(count):
    before = days([USD] * count, end=at(21))

    assert expect(before, month=NOVEMBER, now=at(21, 12)) is None


def test_what_is_used_today_is_no_whole_day():
    before = days([USD] * 2, end=at(21)) | {at(21): use(USD)}

    assert expect(before, month=NOVEMBER, now=at(21, 12)) is None


def test_parts_are_whole_numbers():
    assert scaled({OUTPUT: 3}, PPM // 2) == {OUTPUT: 2}


# --- tried on series whose end is known -----------------------------------


def _even(chance, _day):
    return chance.gauss(100, 20)


def _weekly(chance, day):
    return chance.gauss(150 if day.weekday() < 5 else 20, 15)


def _bursts(chance, _day):
    return chance.lognormvariate(4, 0.7)


def _tries(draw, *, seeds=60):
    """(expected, low, high, what came) of several days of a month, by the seed."""
    for seed in range(seeds):
        chance = Random(seed)  # noqa: S311  the same in every run
        first = NOVEMBER.start - 28 * DAY
        series = {
            first + n * DAY: max(0, round(draw(chance, first + n * DAY) * USD))
            for n in range(58)
        }
        for day in (6, 13, 20):
            now = at(day)
            before = {one: use(value) for one, value in series.items() if one < now}
            found = told(before, now=now)
            came = sum(value for one, value in series.items() if one >= now)
            expected = found.value_nanos
            low, high = (
                expected * ppm // PPM for ppm in (found.low_ppm, found.high_ppm)
            )
            yield expected, low, high, came


@pytest.mark.parametrize(
    ("draw", "off_by"), [(_even, 0.05), (_weekly, 0.05), (_bursts, 0.2)]
)
def test_the_end_lies_within_the_range_about_four_times_of_five(draw, off_by):
    tries = list(_tries(draw))

    within = sum(low <= came <= high for _, low, high, came in tries) / len(tries)
    error = median(abs(came / expected - 1) for expected, _, _, came in tries)

    assert 0.7 <= within <= 0.92
    assert error <= off_by


def test_it_lags_behind_growth_and_says_less_than_what_comes():
    """Two percent a day: that is why the page says that it foresees no growth."""

    def growing(_chance, day):
        return 100 * 1.02 ** ((day - NOVEMBER.start) / timedelta(days=1))

    assert all(came > expected for expected, _, _, came in _tries(growing, seeds=1))
