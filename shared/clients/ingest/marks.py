"""Calls on marks 标记."""

from shared.clients.base import ServiceClient


class MarkCalls(ServiceClient):
    """Calls on marks 标记."""
