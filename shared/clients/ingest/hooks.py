"""Calls on webhooks."""

from shared.clients.base import ServiceClient


class HookCalls(ServiceClient):
    """Calls on webhooks."""
