"""Calls on quality-assurance records."""

from shared.clients.base import ServiceClient


class QaCalls(ServiceClient):
    """Calls on quality-assurance records."""
