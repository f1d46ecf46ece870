"""Calls on derived means and rates."""

from shared.clients.base import ServiceClient


class MeanCalls(ServiceClient):
    """Calls on derived means and rates."""
