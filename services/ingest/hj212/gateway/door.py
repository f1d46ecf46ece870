"""Who may connect: networks that are allowed, and how many connections come from one address."""

from services.ingest.domain.networks import address_of, is_within
from services.ingest.hj212.gateway.limits import Limits


class Door:
    """Counts connections by address. `enter` and `leave` go together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: dict[str, int] = {}

    def enter(self, address: str) -> str | None:
        """Let a connection in and count it, or say why not."""
        if self._limits.allowed and not is_within(address, self._limits.allowed):
            return "address_not_allowed"
        count = self._inside.get(address, 0)
        if count >= self._limits.max_per_address and not is_within(address, self._limits.unlimited):
            return "address_full"
        self._inside[address] = count + 1
        return None

    def leave(self, peer: str) -> None:
        """A connection that was let in is gone."""
        address = address_of(peer)
        left = self._inside.get(address, 0) - 1
        if left > 0:
            self._inside[address] = left
        else:
            self._inside.pop(address, None)
