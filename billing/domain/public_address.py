"""Which addresses our own machines may be sent to by somebody else's wish."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# An IPv4 address hides in each: translated (NAT64), 6to4, Teredo.
_EMBEDDING = tuple(
    ip_network(one) for one in ("64:ff9b::/32", "2002::/16", "2001::/32")
)


def is_reachable(address: str, *, allows_loopback: bool) -> bool:
    """Whether it is an address of the public internet; or, where `allows_loopback`, of
    this machine. Anything else would let a tenant talk to machines beside ours.
    """
    found: IPv4Address | IPv6Address = ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return allows_loopback
    if any(found in network for network in _EMBEDDING):
        return False
    return found.is_global and not found.is_multicast
