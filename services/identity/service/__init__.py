"""Use cases of identity, by noun."""

from services.identity.service.accounts import AccountService
from services.identity.service.clients import ClientService
from services.identity.service.keys import KeyService
from services.identity.service.sessions import SessionService

__all__ = ["AccountService", "ClientService", "KeyService", "SessionService"]
