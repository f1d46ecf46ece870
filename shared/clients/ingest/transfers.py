"""Calls on imports and exports that run as jobs."""

from shared.clients.base import ServiceClient


class TransferCalls(ServiceClient):
    """Calls on imports and exports that run as jobs."""
