"""What `/metrics` says of limits, counts, images and tries."""

import re
from collections import Counter

from inference.wire import Task
from tests.metering.proxy.conftest import MODELS, Plane, until
from tests.metering.proxy.limit_script import own_valkey
from tests.metering.proxy.limits_alone import policy, running_proxy
from tests.metering.proxy.limits_alone import until as until_here

LINE = re.compile(r"tokenfab_proxy_([a-z_]+?)(?:_total)?(?:\{(.*)\})? ([0-9.e+]+)")


def read(plane: Plane) -> Counter[str]:
    """By name and labels, as `retries` or `images{model="painter"}`."""
    lines = plane.client.get("/metrics").text.splitlines()
    found = [match.groups() for line in lines if (match := LINE.fullmatch(line))]
    return Counter(
        {
            f"{name}{{{labels}}}" if labels else name: int(float(value))
            for name, labels, value in found
        }
    )


def test_it_works(plane: Plane):
    """Decisions of Valkey, prompts counted exactly, and further tries."""
    limited = plane.add_key(tokens_per_minute=470)
    content = "cat sat mat hat " * 100  # fits by its tokens, not by its bytes
    before = read(plane)
    assert before["limiter_up"] == 1
    assert plane.chat(limited, content).status_code == 200
    assert plane.chat(limited, content).status_code == 429
    plane.order_fault("status:503", times=2)
    assert plane.chat(plane.add_key()).status_code == 200
    more = read(plane) - before
    assert more["retries"] == 2
    assert more['prompts_counted{by="engine"}'] == 1
    assert more['limit_decisions{by="valkey"}'] >= 2
    assert more["limiter_outages"] == 0


def test_images_are_counted(bare_plane: Plane):
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_prices()
    plane.start_engine(task=Task.IMAGE)
    plane.start_proxy()
    until(plane.is_ready)
    body = {"model": MODELS[Task.IMAGE], "prompt": "A cat", "n": 2}
    headers = {"authorization": f"Bearer {secret}"}
    path = "/v1/images/generations"
    until(lambda: plane.client.post(path, json=body, headers=headers).is_success)
    assert read(plane)['images{model="painter"}'] == 2


async def test_slices_shares_and_refusals_are_told_apart():
    """In one process, whose Valkey then dies."""
    sliced = policy(1, requests_per_minute=100_000)
    strict = policy(2, requests_per_minute=10, refuses_without_limiter=True)
    with own_valkey() as server:
        async with running_proxy(server.url) as proxy:
            counts = proxy.limits.counts
            for _ in range(50):
                await proxy.held(sliced)
            assert counts.by_slice + counts.by_valkey == 50
            assert counts.by_slice > 0
            assert counts.is_up
            server.kill()
            await until_here(lambda: not counts.is_up)
            await proxy.held(policy(3, requests_per_minute=10))
            await proxy.refused(strict)
            assert (counts.by_share, counts.unavailable, counts.outages) == (1, 1, 1)
