"""Calls on commands to devices."""

from shared.clients.base import ServiceClient


class CommandCalls(ServiceClient):
    """Calls on commands to devices."""
