import pytest

from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_receipt import Reason
from inference.vllm_plugin.feed import ReceiptWaiters
from tests.inference.lease_samples import NOW, terms


@pytest.fixture
def feed():
    made = LeaseFeed(engine_id="e", epoch="1", block_tokens=32, block_bytes=1)
    made.of_refusal(terms(), reason=Reason.PRESSURE, at_ms=NOW)
    return made


def test_it_works(feed):
    waiters = ReceiptWaiters()
    waiter = waiters.next_after(1, feed)
    late = waiters.next_after(2, feed)
    waiters.wake(feed)
    assert not waiter.done()
    feed.of_refusal(terms("kvl_2"), reason=Reason.PRESSURE, at_ms=NOW)
    waiters.wake(feed)
    assert waiter.result(timeout=0) == 2
    assert not late.done()


def test_who_is_behind_does_not_wait(feed):
    assert ReceiptWaiters().next_after(0, feed).result(timeout=0) == 1
