import pytest

from inference.domain import lease_feed
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_receipt import Reason
from tests.inference.lease_samples import NOW, terms


@pytest.fixture
def feed(monkeypatch):
    monkeypatch.setattr(lease_feed, "KEPT_MAX", 5)
    made = LeaseFeed(engine_id="e", epoch="1", block_tokens=32, block_bytes=1)
    for number in range(8):
        made.of_refusal(terms(f"kvl_{number}"), reason=Reason.PRESSURE, at_ms=NOW)
    return made


@pytest.mark.parametrize(
    ("after", "numbers"),
    [(5, [6, 7, 8]), (7, [8]), (8, []), (99, []), (4, [5, 6, 7])],
)
def test_it_works(feed, after, numbers):
    found = feed.after(after, count_max=3)
    assert [one.sequence for one in found] == numbers


def test_a_gap_shows_what_is_forgotten(feed):
    assert feed.after(0, count_max=9)[0].sequence == 4
    assert feed.last_sequence == 8
