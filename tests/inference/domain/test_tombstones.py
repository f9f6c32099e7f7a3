from dataclasses import replace

import pytest

from inference.domain.lease import Lease, Tombstones
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import NOW, names, terms


def ended(lease_id):
    return Lease(
        terms=terms(lease_id),
        hashes=names([1, 2]),
        blocks=(),
        until_ms=NOW,
        tier=Tier.HBM,
        held_blocks=2,
    )


@pytest.fixture
def tombstones():
    made = Tombstones()
    for lease_id in ("a", "b", "c"):
        made.add(ended(lease_id), now_ms=NOW)
    return made


def kept(tombstones):
    return [one for one in ("a", "b", "c", "d") if one in tombstones]


def test_it_works(tombstones):
    assert tombstones.get("a").hashes == names([1, 2])
    assert tombstones.get("d") is None


def test_it_forgets_after_an_hour(tombstones):
    tombstones.forget_old(now_ms=NOW + 3_599_999)
    assert kept(tombstones) == ["a", "b", "c"]
    tombstones.forget_old(now_ms=NOW + 3_600_000)
    assert kept(tombstones) == []


@pytest.mark.parametrize(("bound", "value"), [("HASHES_MAX", 4), ("LEASES_MAX", 2)])
def test_it_forgets_the_oldest_of_too_many(tombstones, monkeypatch, bound, value):
    monkeypatch.setattr(Tombstones, bound, value)
    tombstones.add(replace(ended("d")), now_ms=NOW)
    assert kept(tombstones) == ["c", "d"]
