"""Calls leave nothing to the garbage collector: its walks would delay all others, and
until it walks a finished call keeps its body.
"""

import re
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.metering.proxy.conftest import Plane, until

_COLLECTS_AT_A_SIGNAL = """
import gc, runpy, signal
def collect(*_):
    print("garbage", gc.collect(), flush=True)
signal.signal(signal.SIGUSR1, collect)
runpy.run_module("metering.proxy.main", run_name="__main__")
"""
CALLS = 200


def test_calls_leave_no_cycles(bare_plane: Plane):
    plane = bare_plane
    plane.publish_prices()
    plane.start_engine()
    process = plane.start_proxy(code=_COLLECTS_AT_A_SIGNAL)
    secret = plane.add_key(tokens_per_minute=10**9, concurrent_requests=100)
    until(lambda: plane.chat(secret).is_success)

    def garbage() -> int:
        before = len(found := re.findall(r"garbage (\d+)", plane.log("proxy")))
        process.send_signal(signal.SIGUSR1)

        def newer() -> list[str]:
            nonlocal found
            found = re.findall(r"garbage (\d+)", plane.log("proxy"))
            return found[before:]

        return int(until(newer)[0])

    garbage()
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: plane.chat(secret, stream=n % 2 == 0), range(CALLS))
        )
    assert all(answer.is_success for answer in answers)
    assert garbage() < CALLS
