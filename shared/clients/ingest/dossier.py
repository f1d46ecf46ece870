"""Calls on the rest of 一企一档: contacts, analysers, operation, power-use points, standards."""

from shared.clients.base import ServiceClient


class DossierCalls(ServiceClient):
    """Calls on the rest of 一企一档: contacts, analysers, operation, power-use points, standards."""
