"""Which network addresses a name stands for, and which of them are open to the public."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Resolver = Callable[[str, int], list[str]]

# not all of them are marked by the standard library: protocol assignments, and relays of 6to4, which is no more
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host, in the system's order of preference; OSError when it has none.

    Spellings such as `2130706433`, `0x7f.1` or `localhost.` become the address that a connection would go to.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, in itself and in every IPv4 address that it embeds.

    False for private, loopback, link-local, carrier-grade NAT, multicast, unspecified and reserved ones, and for text
    that is no address.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        special = any(parsed in network for network in _SPECIAL)
        return parsed.is_global and not parsed.is_multicast and not special
    if any(not is_public(str(inner)) for inner in _embedded(parsed)):
        return False
    return parsed in _NAT64 or parsed.ipv4_mapped is not None or (parsed in _GLOBAL_UNICAST and parsed.is_global)


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one: mapped, 6to4, Teredo (server and client), NAT64."""
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in inner if each is not None]
