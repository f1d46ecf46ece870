"""Calls on bulk exports and the archive."""

from shared.clients.base import ServiceClient


class ArchiveCalls(ServiceClient):
    """Calls on bulk exports and the archive."""
