"""Calls on device links, tolerance profiles and quarantine."""

from shared.clients.base import ServiceClient


class LinkCalls(ServiceClient):
    """Calls on device links, tolerance profiles and quarantine."""
