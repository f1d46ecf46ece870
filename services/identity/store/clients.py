"""API clients in SQL."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.identity.domain.clients import Client, ClientNotFoundError
from services.identity.store.people import organisation_from
from services.identity.tables import ClientRow, OrganisationRow
from shared.auth import Role


def _client_from(row: ClientRow, organisation: OrganisationRow) -> Client:
    return Client(
        client_id=row.client_id, secret_sha256=row.secret_sha256, name=row.name,
        roles=frozenset(Role(role) for role in row.roles),
        scopes=None if row.scopes is None else frozenset(row.scopes),
        organisation=organisation_from(organisation), active=row.active,
        created_at=row.created_at, last_used_at=row.last_used_at,
    )  # fmt: skip


def _values(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id, "secret_sha256": client.secret_sha256, "name": client.name,
        "roles": sorted(client.roles), "scopes": None if client.scopes is None else sorted(client.scopes),
        "organisation_id": client.organisation.id, "active": client.active,
        "created_at": client.created_at, "last_used_at": client.last_used_at,
    }  # fmt: skip


class ClientStore:
    """Reads and writes API clients in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, client_id: str) -> Client | None:
        """The client, if there is one."""
        found = await self._select(client_id=client_id, after="", limit=1)
        return found[0] if found else None

    async def get(self, client_id: str) -> Client:
        """The client; `ClientNotFoundError` where there is none."""
        client = await self.find(client_id)
        if client is None:
            raise ClientNotFoundError(f"no client {client_id}", client_id=client_id)
        return client

    async def list_clients(self, after: str, limit: int) -> list[Client]:
        """By id, at most `limit` after one."""
        return await self._select(client_id=None, after=after, limit=limit)

    async def add(self, client: Client) -> bool:
        """Insert; False where the id is taken."""
        added = await self._session.execute(
            insert(ClientRow).values(_values(client)).on_conflict_do_nothing().returning(col(ClientRow.client_id))
        )
        return added.first() is not None

    async def save(self, client: Client) -> None:
        """Write all of a client that is there."""
        row = await self._session.get_one(ClientRow, client.client_id)
        for name, value in _values(client).items():
            setattr(row, name, value)
        await self._session.flush()

    async def mark_used(self, client_id: str, at: datetime) -> None:
        """Note that a token was given to it."""
        await self._session.execute(
            update(ClientRow).where(col(ClientRow.client_id) == client_id).values(last_used_at=at)
        )

    async def _select(self, *, client_id: str | None, after: str, limit: int) -> list[Client]:
        query = (
            select(ClientRow, OrganisationRow)
            .join(OrganisationRow, col(OrganisationRow.id) == col(ClientRow.organisation_id))
            .where(col(ClientRow.client_id) > after)
            .order_by(col(ClientRow.client_id))
            .limit(limit)
        )
        if client_id is not None:
            query = query.where(col(ClientRow.client_id) == client_id)
        rows = (await self._session.execute(query)).all()
        return [_client_from(client, organisation) for client, organisation in rows]
