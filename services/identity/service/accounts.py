"""Accounts and organisations: what an administrator does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain.accounts import Account, AccountNotFoundError, UsernameTakenError
from services.identity.domain.organisations import Organisation, check_organisation, check_roles
from services.identity.passwords import Passwords
from services.identity.store.people import PeopleStore
from services.identity.store.sessions import SessionStore
from shared import audit
from shared.auth import Principal
from shared.contracts.identity import AccountChange, AccountIn, OrganisationIn
from shared.errors import ConflictError, InvalidError
from shared.logging import get_logger

log = get_logger(__name__)


class AccountService:
    """Makes, changes and lists accounts and organisations."""

    def __init__(self, session: AsyncSession, passwords: Passwords, now: Callable[[], datetime]) -> None:
        self._session = session
        self._people = PeopleStore(session)
        self._sessions = SessionStore(session)
        self._passwords = passwords
        self._now = now

    async def me(self, caller: Principal) -> Account:
        """The caller's own account; `AccountNotFoundError` for the token of a program."""
        try:
            account_id = UUID(caller.subject)
        except ValueError:
            raise AccountNotFoundError("this token belongs to an API client, not to a person") from None
        return await self._people.get_account(account_id)

    async def list_accounts(self, after: str, limit: int) -> list[Account]:
        """Accounts by username."""
        return await self._people.list_accounts(after, limit)

    async def add_account(self, account: AccountIn, caller: Principal) -> Account:
        """Make an account; `UsernameTakenError` where the name is gone."""
        organisation = await self.organisation(account.organisation_id)
        check_roles(account.roles, organisation.kind)
        made = Account(
            id=uuid4(), username=account.username, name_zh=account.name_zh, name_en=account.name_en,
            password_hash=await self._passwords.hash(account.password.get_secret_value()),
            roles=frozenset(account.roles), organisation=organisation, active=True, created_at=self._now(),
        )  # fmt: skip
        if not await self._people.add_account(made):
            raise UsernameTakenError(f"the username {made.username} is taken", username=made.username)
        await self._record(caller, "account.add", f"account:{made.id}", after=shown(made))
        log.info("account_added", account=str(made.id), by=caller.subject)
        return made

    async def change_account(self, account_id: UUID, change: AccountChange, caller: Principal) -> Account:
        """Change what is given. Closing it or a new password ends all its sessions."""
        account = await self._people.get_account(account_id, lock=True)
        changed = replace(account, **await self._changes(change))
        check_roles(changed.roles, changed.organisation.kind)
        await self._people.save_account(changed)
        if change.password is not None or not changed.active:
            await self._sessions.end_all_of(account_id, self._now())
        after = shown(changed) | ({"password": "changed"} if change.password is not None else {})
        await self._record(caller, "account.change", f"account:{account_id}", before=shown(account), after=after)
        log.info("account_changed", account=str(account_id), active=changed.active, by=caller.subject)
        return changed

    async def list_organisations(self, after: UUID | None, limit: int) -> list[Organisation]:
        """Organisations by id."""
        return await self._people.list_organisations(after, limit)

    async def add_organisation(self, organisation: OrganisationIn, caller: Principal) -> Organisation:
        """Make an organisation; an enterprise has one only."""
        check_organisation(organisation.kind, organisation.enterprise_id)
        made = Organisation(
            uuid4(), organisation.kind, organisation.name_zh, organisation.name_en, organisation.enterprise_id,
            self._now(),
        )  # fmt: skip
        if not await self._people.add_organisation(made):
            raise ConflictError("this enterprise has an organisation already", enterprise_id=str(made.enterprise_id))
        after = organisation.model_dump(mode="json")
        await self._record(caller, "organisation.add", f"organisation:{made.id}", after=after)
        return made

    async def organisation(self, organisation_id: UUID) -> Organisation:
        """The organisation a body names; `InvalidError` where there is none."""
        found = await self._people.find_organisation(organisation_id)
        if found is None:
            raise InvalidError(f"no organisation {organisation_id}", field="organisation_id")
        return found

    async def _changes(self, change: AccountChange) -> dict[str, Any]:
        changes: dict[str, Any] = change.model_dump(exclude={"password", "roles"}, exclude_none=True)
        if change.password is not None:
            changes["password_hash"] = await self._passwords.hash(change.password.get_secret_value())
        if change.roles is not None:
            changes["roles"] = frozenset(change.roles)
        return changes

    async def _record(self, caller: Principal, action: str, subject: str, **change: Any) -> None:
        await audit.record(self._session, audit.Actor.of(caller), action, subject, at=self._now(), **change)


def shown(account: Account) -> dict[str, Any]:
    """An account as the audit trail keeps it: no hash."""
    return {
        "username": account.username, "name_zh": account.name_zh, "name_en": account.name_en,
        "roles": sorted(account.roles), "organisation": str(account.organisation.id), "active": account.active,
    }  # fmt: skip
