"""In which memory a lease may lie, on an engine that has both."""

import pytest

from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.talk import Talk, forget_leases, leases_on

HOST_RATE = 200_000
DISK_RATE = 2_850


@pytest.fixture
def plane(bare_plane: Plane):
    bare_plane.start_engine(LEASE_HOST_MIB="90", LEASE_DISK_MIB="90")
    bare_plane.start_proxy()
    bare_plane.begin_test()
    return bare_plane


def lies_below(plane, **retention):
    """Whether the lease of a turn may come to lie in host memory."""
    forget_leases(plane)
    lease = Talk(plane, **retention).turn("Hi.")["kv_lease"]
    assert lease["status"] == "granted"
    return leases_on(plane)[lease["id"].removeprefix("kvl_")]["host_until_ms"] > 0


def test_it_lies_in_host_memory_only_where_that_has_a_price(plane):
    """Time in a tier without a price would keep the whole month from being rated."""
    assert not lies_below(plane)
    plane.publish_prices(host_mb_s_nanos_per_million=HOST_RATE)
    until(lambda: lies_below(plane))
    assert not lies_below(plane, tier="hbm")
    assert lies_below(plane, tier="host")


def test_what_host_memory_lost_is_our_loss(plane):
    plane.publish_prices(host_mb_s_nanos_per_million=HOST_RATE)
    until(lambda: lies_below(plane))  # the price has come
    talk = Talk(plane, tier="host")
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("lose")

    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["absorbed_tokens"] == previous["leased_tokens"] == lease["tokens"]


def test_it_lies_on_disk_only_where_that_has_a_price_and_is_asked_for(plane):
    talk = Talk(plane, tier="disk")
    refused = talk.post(talk.body("Hi."))
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "kv_leases_not_offered"
    plane.publish_prices(disk_mb_s_nanos_per_million=DISK_RATE)
    until(lambda: talk.post(talk.body("Hi.")).status_code == 200)
    forget_leases(plane)
    lease = talk.turn("Hi.")["kv_lease"]
    assert (lease["status"], lease["tier"]) == ("granted", "disk")
    held = leases_on(plane)[lease["id"].removeprefix("kvl_")]
    assert (held["host_until_ms"], held["disk_until_ms"] > 0) == (0, True)
    upper = Talk(plane).turn("Hi.")["kv_lease"]
    held = leases_on(plane)[upper["id"].removeprefix("kvl_")]
    assert held["disk_until_ms"] == 0
