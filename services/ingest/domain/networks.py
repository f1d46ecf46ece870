"""IP networks that connections may come from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from shared.errors import InvalidError

Network = IPv4Network | IPv6Network


def read_networks(texts: Iterable[str], *, field: str) -> tuple[Network, ...]:
    """Networks as `10.1.0.0/16`, or single addresses. Raises `InvalidError` naming the one that is none."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError as error:
            raise InvalidError(f"{field}: {text!r} is no network: {error}", field=field) from error
    return tuple(found)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an IP address lies in one of the networks; IPv4 written as IPv6 counts as IPv4."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def address_of(peer: str) -> str:
    """The IP address of a peer `address:port`."""
    return peer.rpartition(":")[0]


@lru_cache(maxsize=4096)
def comes_from(peer: str, networks: tuple[str, ...]) -> bool:
    """Whether a peer `address:port` lies in networks that were checked when they were set."""
    return is_within(address_of(peer), read_networks(networks, field="networks"))
