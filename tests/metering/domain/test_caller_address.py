from ipaddress import ip_network

import pytest

from metering.domain.caller_address import caller_address

FRONTS = [ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("fd00::/8")]
CALLER = "203.0.113.7"


def test_it_works():
    assert caller_address("10.0.0.1", b"203.0.113.7", FRONTS) == CALLER


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (CALLER, CALLER),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", CALLER),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("/run/proxy.sock", ""),
    ],
)
def test_without_the_header_it_is_the_peer(peer, expected):
    assert caller_address(peer, b"", FRONTS) == expected


@pytest.mark.parametrize("peer", [CALLER, "2001:db8::7", "11.0.0.1"])
def test_who_is_no_front_is_not_believed(peer):
    assert caller_address(peer, b"198.51.100.1", FRONTS) == peer
    assert caller_address(peer, b"198.51.100.1", []) == peer


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        # What the caller sent itself stands before what the front appended.
        (b"198.51.100.1, 203.0.113.7", CALLER),
        (b"spoofed, 203.0.113.7", CALLER),
        (b"127.0.0.1,203.0.113.7", CALLER),
        # A second front behind the first.
        (b"198.51.100.1, 203.0.113.7, 10.0.0.2", CALLER),
        (b"203.0.113.7 , 10.0.0.2,127.0.0.1", CALLER),
        # A caller within the network of the fronts.
        (b"10.7.7.7", "10.7.7.7"),
        (b"10.7.7.7, 10.0.0.2", "10.7.7.7"),
        (b"203.0.113.7:5012", CALLER),
        (b"2001:db8::7", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"[2001:db8::7]:5012", "2001:db8::7"),
        (b"2001:db8::7, fd00::2", "2001:db8::7"),
        (b"::ffff:203.0.113.7, ::ffff:10.0.0.2", CALLER),
    ],
)
def test_the_last_that_is_no_front_is_the_caller(forwarded_for, expected):
    assert caller_address("10.0.0.1", forwarded_for, FRONTS) == expected
    assert caller_address("::ffff:10.0.0.1", forwarded_for, FRONTS) == expected


@pytest.mark.parametrize(
    "forwarded_for",
    [
        b"unknown",
        b",",
        b" ",
        b"203.0.113.7,",
        b"203.0.113.7, garbage",
        b"203.0.113.7, , 10.0.0.2",
        b"203.0.113.300",
        b"0203.0.113.7",
        b"203.0.113.7:port",
        b"[203.0.113.7",
        b"for=203.0.113.7",
        b"\xff\xfe\x00",
        b"<script>alert(1)</script>",
    ],
)
def test_garbage_leaves_the_peer(forwarded_for):
    assert caller_address("10.0.0.1", forwarded_for, FRONTS) == "10.0.0.1"


def test_a_long_chain_is_not_read_to_its_end():
    chain = b",".join([b"garbage", *[b"10.0.0.2"] * 10])
    assert caller_address("10.0.0.1", chain, FRONTS) == "10.0.0.2"
