"""The portal reads a limit's minute as the proxies' scripts left it."""

import pytest
import redis

from metering.domain.limits import UNLIMITED, Bounds
from metering.domain.window_bytes import use_of_window
from tests.metering.proxy.limit_script import Limited, Scripts

NAME = "{1}:w"


@pytest.fixture
def scripts(valkey: redis.Redis) -> Scripts:
    return Scripts(valkey)


def use(scripts: Scripts) -> tuple[int, int, int]:
    window = scripts.valkey.execute_command("GET", NAME, NEVER_DECODE=True)
    assert window is None or isinstance(window, bytes)
    return use_of_window(window or b"", now_ms=scripts.now_ms)


def test_it_works(scripts: Scripts):
    limited = Limited(scripts, Bounds([(NAME, (10, 1_000, UNLIMITED))], [], []))
    assert use(scripts) == (0, 0, 0)
    limited.hold(70, images=2)
    scripts.advance(30_000)
    limited.hold(30)
    assert use(scripts) == (2, 100, 2)


def test_what_left_the_minute_since_is_not_in_it(scripts: Scripts):
    limited = Limited(scripts, Bounds([(NAME, (10, 1_000, UNLIMITED))], [], []))
    limited.hold(70)
    scripts.advance(30_000)
    limited.hold(30)
    scripts.advance(30_000)
    assert use(scripts) == (2, 100, 0)
    scripts.advance(250)
    assert use(scripts) == (1, 30, 0)
    scripts.advance(30_000)
    assert use(scripts) == (0, 0, 0)


def test_long_after_nothing_is_left(scripts: Scripts):
    limited = Limited(scripts, Bounds([(NAME, (10, 1_000, UNLIMITED))], [], []))
    limited.hold(70)
    scripts.advance(600_000)
    assert use(scripts) == (0, 0, 0)
