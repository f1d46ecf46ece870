"""Typed client of identity."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.identity import (
    AccessToken,
    AccountChange,
    AccountIn,
    AccountOut,
    ClientChange,
    ClientIn,
    ClientOut,
    KeyOut,
    Login,
    OrganisationIn,
    OrganisationOut,
    SessionOut,
    SessionToken,
)
from shared.http import Page


class IdentityClient(ServiceClient):
    """Sessions, accounts, organisations, API clients."""

    service = "identity"

    async def log_in(self, login: Login, *, remote: str = "") -> SessionOut:
        """Open a session; 401 where name or password is wrong, 429 after too many tries.

        `remote` is the person's address; identity believes it from a caller with the role `service`.
        """
        body = {"username": login.username, "password": login.password.get_secret_value()}
        headers = {"X-Forwarded-For": remote} if remote else None
        return SessionOut.model_validate(await self.post_json("/v1/sessions", body, headers=headers))

    async def access_token(self, session: SessionToken) -> AccessToken:
        """A short-lived access token for a session; 401 where it has ended."""
        return AccessToken.model_validate(await self.post_json("/v1/sessions/token", session))

    async def log_out(self, session: SessionToken) -> None:
        """End a session."""
        await self.post_json("/v1/sessions/end", session)

    async def me(self) -> AccountOut:
        """The account of the token."""
        return AccountOut.model_validate(await self.get_json("/v1/accounts/me"))

    async def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[AccountOut]:
        """All accounts, by name."""
        return Page[AccountOut].model_validate(await self.get_json("/v1/accounts", cursor=cursor, limit=limit))

    async def add_account(self, account: AccountIn) -> AccountOut:
        """Make an account."""
        body = account.model_dump(mode="json") | {"password": account.password.get_secret_value()}
        return AccountOut.model_validate(await self.post_json("/v1/accounts", body))

    async def change_account(self, account_id: UUID, change: AccountChange) -> AccountOut:
        """Change what is given; closing the account or a new password ends its sessions."""
        body = change.model_dump(mode="json", exclude_unset=True)
        if change.password is not None:
            body["password"] = change.password.get_secret_value()
        return AccountOut.model_validate(await self.post_json(f"/v1/accounts/{account_id}", body, method="PATCH"))

    async def list_organisations(self) -> list[OrganisationOut]:
        """Organisations, the first thousand by id."""
        return [OrganisationOut.model_validate(item) for item in await self.get_json("/v1/organisations")]

    async def add_organisation(self, organisation: OrganisationIn) -> OrganisationOut:
        """Make an organisation."""
        return OrganisationOut.model_validate(await self.post_json("/v1/organisations", organisation))

    async def add_client(self, client: ClientIn) -> ClientOut:
        """Make an API client; its secret comes with this answer only."""
        return ClientOut.model_validate(await self.post_json("/v1/clients", client))

    async def list_clients(self, *, cursor: str | None = None, limit: int = 100) -> Page[ClientOut]:
        """All API clients, by id."""
        return Page[ClientOut].model_validate(await self.get_json("/v1/clients", cursor=cursor, limit=limit))

    async def change_client(self, client_id: str, change: ClientChange) -> ClientOut:
        """Open or close an API client."""
        return ClientOut.model_validate(await self.post_json(f"/v1/clients/{client_id}", change, method="PATCH"))

    async def rotate_key(self) -> KeyOut:
        """Make a new signing key."""
        return KeyOut.model_validate(await self.post_json("/v1/keys"))
