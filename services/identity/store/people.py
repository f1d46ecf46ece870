"""Organisations and accounts in SQL."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.identity.domain.accounts import Account, AccountNotFoundError
from services.identity.domain.organisations import Organisation
from services.identity.tables import AccountRow, OrganisationRow
from shared.auth import Role
from shared.contracts.identity import OrganisationKind


def organisation_from(row: OrganisationRow) -> Organisation:
    """The domain's organisation of a row."""
    return Organisation(row.id, OrganisationKind(row.kind), row.name_zh, row.name_en, row.enterprise_id, row.created_at)


def account_from(row: AccountRow, organisation: OrganisationRow) -> Account:
    """The domain's account of a row and its organisation's."""
    return Account(
        id=row.id, username=row.username, password_hash=row.password_hash, name_zh=row.name_zh, name_en=row.name_en,
        roles=frozenset(Role(role) for role in row.roles), organisation=organisation_from(organisation),
        active=row.active, created_at=row.created_at,
    )  # fmt: skip


def _values(account: Account) -> dict[str, object]:
    return {
        "id": account.id, "username": account.username, "password_hash": account.password_hash,
        "name_zh": account.name_zh, "name_en": account.name_en, "roles": sorted(account.roles),
        "organisation_id": account.organisation.id, "active": account.active, "created_at": account.created_at,
    }  # fmt: skip


class PeopleStore:
    """Reads and writes organisations and accounts in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_organisation(self, organisation_id: UUID) -> Organisation | None:
        """The organisation, if there is one."""
        row = await self._session.get(OrganisationRow, organisation_id)
        return organisation_from(row) if row else None

    async def list_organisations(self, after: UUID | None, limit: int) -> list[Organisation]:
        """By id, at most `limit` after one."""
        query = select(OrganisationRow).order_by(col(OrganisationRow.id)).limit(limit)
        if after is not None:
            query = query.where(col(OrganisationRow.id) > after)
        return [organisation_from(row) for row in await self._session.scalars(query)]

    async def add_organisation(self, organisation: Organisation) -> bool:
        """Insert; False where the id or the enterprise has an organisation already."""
        values = {
            "id": organisation.id, "kind": organisation.kind.value, "name_zh": organisation.name_zh,
            "name_en": organisation.name_en, "enterprise_id": organisation.enterprise_id,
            "created_at": organisation.created_at,
        }  # fmt: skip
        added = await self._session.execute(
            insert(OrganisationRow).values(values).on_conflict_do_nothing().returning(col(OrganisationRow.id))
        )
        return added.first() is not None

    async def save_organisation(self, organisation: Organisation) -> None:
        """Write the changed names, kind and enterprise of one that is there."""
        row = await self._session.get_one(OrganisationRow, organisation.id)
        row.kind, row.enterprise_id = organisation.kind.value, organisation.enterprise_id
        row.name_zh, row.name_en = organisation.name_zh, organisation.name_en
        await self._session.flush()

    async def find_account(self, username: str) -> Account | None:
        """The account with this username, if there is one."""
        return await self._one(col(AccountRow.username) == username, lock=False)

    async def get_account(self, account_id: UUID, *, lock: bool = False) -> Account:
        """The account; `AccountNotFoundError` where there is none."""
        account = await self._one(col(AccountRow.id) == account_id, lock=lock)
        if account is None:
            raise AccountNotFoundError(f"no account {account_id}", account_id=str(account_id))
        return account

    async def list_accounts(self, after: str, limit: int) -> list[Account]:
        """By username, at most `limit` after one."""
        query = (
            select(AccountRow, OrganisationRow)
            .join(OrganisationRow, col(OrganisationRow.id) == col(AccountRow.organisation_id))
            .where(col(AccountRow.username) > after)
            .order_by(col(AccountRow.username))
            .limit(limit)
        )
        rows = (await self._session.execute(query)).all()
        return [account_from(account, organisation) for account, organisation in rows]

    async def add_account(self, account: Account) -> bool:
        """Insert; False where the username is taken."""
        added = await self._session.execute(
            insert(AccountRow).values(_values(account)).on_conflict_do_nothing().returning(col(AccountRow.id))
        )
        return added.first() is not None

    async def save_account(self, account: Account) -> None:
        """Write all of an account that is there."""
        row = await self._session.get_one(AccountRow, account.id)
        for name, value in _values(account).items():
            setattr(row, name, value)
        await self._session.flush()

    async def _one(self, condition: object, *, lock: bool) -> Account | None:
        query = (
            select(AccountRow, OrganisationRow)
            .join(OrganisationRow, col(OrganisationRow.id) == col(AccountRow.organisation_id))
            .where(condition)  # type: ignore[arg-type]
        )
        if lock:
            query = query.with_for_update(of=AccountRow)
        row: Sequence[object] | None = (await self._session.execute(query)).first()
        if row is None:
            return None
        account, organisation = row
        return account_from(account, organisation)  # type: ignore[arg-type]
