"""A tenant's wish sends our machines to the public internet and nowhere else."""

import pytest

from billing.domain.public_address import is_reachable


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1"])
def test_it_works(address):
    assert is_reachable(address, allows_loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",  # noqa: S104  an address to refuse
        "::",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "::ffff:10.0.0.1",
        "100.64.0.1",  # carriers' own
        "169.254.169.254",  # where clouds tell a machine its secrets
        "fe80::1",
        "fd00::1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "64:ff9b::a00:1",  # 10.0.0.1 by NAT64
        "2002:a00:1::",  # 10.0.0.1 by 6to4
        "2001:0:a00:1::",  # Teredo
    ],
)
def test_it_refuses_what_is_not_public(address):
    assert not is_reachable(address, allows_loopback=False)


def test_loopback_is_allowed_where_it_is_asked_for():
    assert is_reachable("127.0.0.1", allows_loopback=True)
    assert is_reachable("::1", allows_loopback=True)
    assert not is_reachable("10.0.0.1", allows_loopback=True)
