"""What callers read of their limits."""

from datetime import UTC, datetime

import pytest

from metering.proxy.limit_plan import Claim, Plan
from metering.proxy.limit_texts import (
    Tightest,
    duration,
    not_payable,
    rate_limited,
    refuse_never_fitting,
)
from tenants.wire import LimitKind, RateLimit, Scope, SpendLimit, SpendPeriod
from tests.metering.proxy.limits_alone import MODEL, policy

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLAIM = Claim(model=MODEL, least_tokens=130, most_tokens=200, images=2)


def plan(*limits: RateLimit, now: datetime = NOON) -> Plan:
    return Plan(policy(rate_limits=limits), MODEL, now=now, processes=2)


def limit(kind: LimitKind, amount: int, **changes: object) -> RateLimit:
    values = {"scope": Scope.KEY, "kind": kind, "model": None, "amount": amount}
    return RateLimit(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, b"0s"),
        (250, b"250ms"),
        (1000, b"1s"),
        (59_971, b"59.971s"),
        (60_100, b"1m0.1s"),
        (360_000, b"6m0s"),
        (86_399_000, b"23h59m59s"),
    ],
)
def test_a_duration_is_written_as_go_does(milliseconds: int, expected: bytes):
    assert duration(milliseconds) == expected


@pytest.mark.parametrize(
    ("nano", "expected"),
    [
        (0, "and 0.00 USD of"),
        (5_000, "and 0.000005 USD of"),
        (1_500_000_000, "and 1.50 USD of"),
        (-3, "and 0.00 USD of"),
    ],
)
def test_an_amount_has_the_digits_it_needs(nano: int, expected: str):
    refused = not_payable(None, CLAIM, available_nanos=nano, currency="USD")
    assert expected in refused.message


def test_headers_tell_the_tightest_limit():
    of = plan(
        limit(LimitKind.REQUESTS_PER_MINUTE, 10),
        limit(LimitKind.REQUESTS_PER_DAY, 20),
    )
    now_ms = int(NOON.timestamp() * 1000)
    of_minute = Tightest(of, now_ms, (1, 7), (0, 0)).headers()
    assert b"x-ratelimit-limit-requests: 10\r\n" in of_minute
    assert b"x-ratelimit-reset-requests: 1m0.25s\r\n" in of_minute
    of_day = Tightest(of, now_ms, (4, 7), (0, 0)).headers()
    assert b"x-ratelimit-limit-requests: 20\r\n" in of_day
    assert b"x-ratelimit-reset-requests: 12h0m0s\r\n" in of_day


def test_a_refusal_says_whose_limit_and_how_long():
    one = limit(
        LimitKind.TOKENS_PER_MINUTE, 500, scope=Scope.PROJECT, model="some-model"
    )
    of = plan(one)
    error = rate_limited(
        one, CLAIM, wait_ms=2001, tightest=Tightest(of, 0, (0, 0), (0, 0))
    )
    assert error.message == (
        "Rate limit reached: this project with the model some-model may use 500 tokens "
        "per minute, and this request may use 130. Please retry in 3 s."
    )
    assert error.headers() == b"retry-after: 3\r\nretry-after-ms: 2001\r\n"


@pytest.mark.parametrize(
    ("kind", "amount", "part"),
    [
        (
            LimitKind.TOKENS_PER_MINUTE,
            129,
            "up to 130 tokens, more than the 129 tokens",
        ),
        (LimitKind.IMAGES_PER_MINUTE, 1, "up to 2 images, more than the 1 images"),
    ],
)
def test_what_never_fits_is_not_to_be_tried_again(
    kind: LimitKind, amount: int, part: str
):
    error = refuse_never_fitting(plan(limit(kind, amount)), CLAIM)
    assert error is not None
    assert error.refusal.code == "request_exceeds_rate_limit"
    assert part in error.message
    assert b"x-should-retry: false\r\n" in error.headers()
    assert b"retry-after" not in error.headers()


def test_what_just_fits_is_not_refused():
    of = plan(
        limit(LimitKind.TOKENS_PER_MINUTE, 130), limit(LimitKind.IMAGES_PER_MINUTE, 2)
    )
    assert refuse_never_fitting(of, CLAIM) is None


def test_a_refusal_for_money_names_both_sums():
    claim = Claim(
        model=MODEL, least_tokens=1, most_tokens=1, least_cost_nanos=2_000_000
    )
    no_credit = not_payable(None, claim, available_nanos=1_500_000, currency="USD")
    assert no_credit.refusal.status == 402
    assert "up to 0.002 USD" in no_credit.message
    assert "0.0015 USD of credit" in no_credit.message
    spend = SpendLimit(scope=Scope.TENANT, period=SpendPeriod.MONTH, amount_nanos=10**9)
    past_limit = not_payable(spend, claim, available_nanos=0, currency="EUR")
    assert past_limit.refusal.code == "spend_limit_reached"
    assert "the 1.00 EUR that this account may spend a month" in past_limit.message


def test_a_share_is_a_part_of_each_limit():
    of = plan(
        limit(LimitKind.REQUESTS_PER_MINUTE, 5),
        limit(LimitKind.REQUESTS_PER_MONTH, 9),
        limit(LimitKind.CONCURRENT_REQUESTS, 1),
    )
    windows, counters, running = of.share
    assert windows[0][1] == (2, -1, -1)
    assert [amount for _, amount in (*counters, *running)] == [4, 0]


def test_a_limit_of_another_model_does_not_apply():
    of = plan(limit(LimitKind.REQUESTS_PER_MINUTE, 5, model="another"))
    assert not of.needs_hold


def test_a_plan_ends_with_its_day():
    of = plan(now=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    end = datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert of.ends_at_ms == of.month_ends_at_ms == end
