"""In which memory a lease may lie, on an engine that has both."""

import pytest

from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.talk import Talk, forget_leases, leases_on

HOST_RATE = 200_000


@pytest.fixture
def plane(bare_plane: Plane):
    bare_plane.start_engine(LEASE_HOST_MIB="90")
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
    plane.publish_prices(host_mb_s_nano_usd_per_million=HOST_RATE)
    until(lambda: lies_below(plane))
    assert not lies_below(plane, tier="hbm")
    assert lies_below(plane, tier="host")


def test_what_host_memory_lost_is_our_loss(plane):
    plane.publish_prices(host_mb_s_nano_usd_per_million=HOST_RATE)
    until(lambda: lies_below(plane))  # the price has come
    talk = Talk(plane, tier="host")
    lease = talk.turn("What is the time?")["kv_lease"]
    plane.order_fault("lose")

    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["absorbed_tokens"] == previous["leased_tokens"] == lease["tokens"]
