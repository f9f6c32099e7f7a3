"""From which address a call came, where front servers may stand before the proxy."""

import re
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address
_HOPS_MAX = 10
"""More front servers do not stand in a row; what lies behind is the caller's text."""
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+")


def caller_address(peer: str, forwarded_for: bytes, fronts: Sequence[Network]) -> str:
    """`peer` is the other end of the connection; empty is returned where it is none.

    Where it is a front server, the last address in `forwarded_for` that is none: each
    server appends whom it sees, so that whatever a caller wrote there stands before.
    What is no address there counts for nothing at all, and the peer is returned.
    """
    nearest = _read(peer)
    if nearest is None:
        return ""
    if not forwarded_for or not _is_front(nearest, fronts):
        return str(nearest)
    caller = nearest
    hops = forwarded_for.decode("latin-1").rsplit(",", _HOPS_MAX)[-_HOPS_MAX:]
    for hop in reversed(hops):
        address = _read(hop)
        if address is None:
            return str(nearest)
        caller = address
        if not _is_front(address, fronts):
            break
    return str(caller)


def _is_front(address: _Address, fronts: Sequence[Network]) -> bool:
    return any(address in network for network in fronts)


def _read(text: str) -> _Address | None:
    """Without a port, and without a zone, which means something to one machine only."""
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # As a socket that listens to both kinds names a caller by IPv4.
    return getattr(address, "ipv4_mapped", None) or address
