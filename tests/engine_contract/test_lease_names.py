"""What vLLM's own pool of blocks tells proves leases, and disproves them."""

import os
import subprocess

import pytest

from inference.engine.settings import REPOSITORY, read_settings
from tests.engine_contract.vllm_fixture import require_vllm

pytestmark = pytest.mark.engine

SET_UP = """
from functools import partial
from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from inference.vllm_plugin import engine_hooks
def hasher(algorithm):
    hash_of = get_hash_fn_by_name(algorithm)
    init_none_hash(hash_of)
    return get_request_block_hasher(16, hash_of)
"""
PROBE = """
from inference.domain.hash_probe import why_unprovable
names = partial(engine_hooks.name_blocks, hasher({algorithm!r}))
print(why_unprovable(names, block_tokens=16))
"""
PIN = """
from types import SimpleNamespace
from vllm.distributed.kv_events import KVEventBatch
from vllm.sampling_params import SamplingParams
from vllm.v1.core.block_pool import BlockPool
from vllm.v1.request import Request
from inference.domain.kv_control import KvEvents
from inference.domain.kv_feed import KvFeed
from inference.domain.kv_verifier import KvVerifier
from inference.domain.lease_terms import Tier
from inference.vllm_plugin.kv_events import FeedPublisher
vllms = BlockPool(9, True, 16, enable_kv_cache_events=True)
pool = engine_hooks.EnginePool(SimpleNamespace(block_pool=vllms, watermark_blocks=0))
request = Request("r", list(range(48)), SamplingParams(max_tokens=1), None,
    block_hasher=hasher("sha256_cbor"))
feed, verifier = KvFeed(), KvVerifier()
publisher = FeedPublisher(feed)
def is_intact():
    publisher.publish(KVEventBatch(ts=0, events=vllms.take_events()))
    for _ in range(2):
        told, last = feed.after(verifier.sequence, hashes_max=99), feed.last_sequence
        verifier.take(KvEvents(epoch="1", last_sequence=last, events=told))
    assert pool.names() == [] or set(pool.names()) <= set(request.block_hashes)
    return verifier.is_intact(Tier.HBM, request.block_hashes)
blocks = vllms.get_new_blocks(3)
print(is_intact())
vllms.cache_full_blocks(request, blocks, 0, 3, 16, 0)
print(is_intact())
leased = [block.block_id for block in blocks]
pool.pin(leased)
vllms.free_blocks(blocks)
others = vllms.get_new_blocks(5)
print(is_intact())
vllms.free_blocks(others)
pool.free(leased)
vllms.get_new_blocks(8)
print(is_intact(), len(pool.names()))
"""


def run(code):
    """What it prints, in the engine's environment."""
    require_vllm()
    variables = {"PYTHONPATH": str(REPOSITORY), "VLLM_PLUGINS": ""} | {
        "VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES": "0"
    }
    found = subprocess.run(
        [read_settings().venv / "bin" / "python", "-c", SET_UP + code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split("\n")


def test_it_works():
    assert run(PROBE.format(algorithm="sha256_cbor"))[-2] == ""


def test_it_refuses_another_way_of_naming():
    assert "another way" in run(PROBE.format(algorithm="sha256"))[-2]


def test_a_pin_that_does_not_hold_is_told_by_the_pool():
    assert run(PIN)[-5:-1] == ["False", "True", "True", "False 0"]
