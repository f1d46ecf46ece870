"""What must exist from the first start: organisations, accounts and clients from a file, written when missing.

The file is the operator's word: names, roles and secrets that differ are set to it again at each start.
A person's password is checked against the stored hash, and hashed anew only where it differs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field, SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain.accounts import Account
from services.identity.domain.clients import Client, digest
from services.identity.domain.organisations import Organisation, check_organisation, check_roles
from services.identity.passwords import Passwords
from services.identity.service.accounts import shown as account_shown
from services.identity.service.clients import shown as client_shown
from services.identity.store.clients import ClientStore
from services.identity.store.people import PeopleStore
from services.identity.store.sessions import SessionStore
from shared import audit
from shared.auth import Role
from shared.contracts.identity import OrganisationKind, Username
from shared.contracts.ingest import Code, Wire, enterprise_uuid
from shared.errors import InvalidError
from shared.settings import SettingsError

MAX_ENTRIES = 10_000
MAX_BYTES = 8 * 1024 * 1024
Roles = Annotated[list[Role], Field(min_length=1, max_length=8)]


class BootstrapError(SettingsError):
    """The bootstrap file cannot be used; the service must not start."""


class OrganisationEntry(Wire):
    """An organisation; an enterprise's is named by the registry's code."""

    id: UUID
    kind: OrganisationKind
    name_zh: Annotated[str, Field(min_length=1, max_length=120)]
    name_en: str = Field("", max_length=200)
    enterprise_code: Code | None = None


class AccountEntry(Wire):
    """A person."""

    username: Username
    password: Annotated[SecretStr, Field(min_length=8, max_length=200)]
    name_zh: Annotated[str, Field(min_length=1, max_length=60)]
    name_en: str = Field("", max_length=60)
    roles: Roles
    organisation_id: UUID


class ClientEntry(Wire):
    """A program. Its secret must be long: only a fast hash of it is stored."""

    client_id: Code
    client_secret: Annotated[SecretStr, Field(min_length=32, max_length=200)]
    roles: Roles
    organisation_id: UUID
    name: Annotated[str, Field(min_length=1, max_length=120)]


class Bootstrap(Wire):
    """The whole file."""

    organisations: list[OrganisationEntry] = Field(max_length=MAX_ENTRIES)
    accounts: list[AccountEntry] = Field(max_length=MAX_ENTRIES)
    clients: list[ClientEntry] = Field(max_length=MAX_ENTRIES)


def read_bootstrap(path: str) -> Bootstrap:
    """Read and check a file; `BootstrapError` says what is wrong where, and never shows a value."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BootstrapError(f"IDENTITY_BOOTSTRAP_FILE {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise BootstrapError(f"IDENTITY_BOOTSTRAP_FILE {path} is larger than {MAX_BYTES} bytes")
    try:
        bootstrap = Bootstrap.model_validate_json(content)
        _check(bootstrap)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_context=False)[:10]
        )
        raise BootstrapError(f"IDENTITY_BOOTSTRAP_FILE {path} is not right: {faults}") from None
    except InvalidError as error:
        raise BootstrapError(f"IDENTITY_BOOTSTRAP_FILE {path} is not right: {error.message}") from None
    return bootstrap


def _check(bootstrap: Bootstrap) -> None:
    kinds = {entry.id: entry.kind for entry in bootstrap.organisations}
    for entry in bootstrap.organisations:
        code = entry.enterprise_code
        _at(f"organisation {entry.id}", check_organisation, entry.kind, enterprise_uuid(code) if code else None)
    _check_single("organisation", (entry.id for entry in bootstrap.organisations))
    _check_single("account", (entry.username for entry in bootstrap.accounts))
    _check_single("client", (entry.client_id for entry in bootstrap.clients))
    members: list[tuple[str, AccountEntry | ClientEntry]] = [
        *((f"account {entry.username}", entry) for entry in bootstrap.accounts),
        *((f"client {entry.client_id}", entry) for entry in bootstrap.clients),
    ]
    for place, member in members:
        if member.organisation_id not in kinds:
            raise InvalidError(f"{place}: no organisation {member.organisation_id} in the file")
        _at(place, check_roles, member.roles, kinds[member.organisation_id])


def _check_single(what: str, keys: Iterable[object]) -> None:
    seen: set[object] = set()
    for key in keys:
        if key in seen:
            raise InvalidError(f"{what} {key} stands there twice")
        seen.add(key)


def _at(place: str, check: Callable[..., None], *values: object) -> None:
    try:
        check(*values)
    except InvalidError as error:
        raise InvalidError(f"{place}: {error.message}") from None


@dataclass
class Applier:
    """Writes a bootstrap into the database, in one transaction; writes nothing that is there already."""

    session: AsyncSession
    passwords: Passwords
    now: datetime

    async def apply(self, bootstrap: Bootstrap) -> int:
        """Bring all entries in; how many were new or different."""
        people, clients = PeopleStore(self.session), ClientStore(self.session)
        changes = [await self._organisation(entry, people) for entry in bootstrap.organisations]
        changes += [await self._account(entry, people) for entry in bootstrap.accounts]
        changes += [await self._client(entry, people, clients) for entry in bootstrap.clients]
        return sum(changes)

    async def _organisation(self, entry: OrganisationEntry, people: PeopleStore) -> bool:
        enterprise_id = enterprise_uuid(entry.enterprise_code) if entry.enterprise_code else None
        old = await people.find_organisation(entry.id)
        made = Organisation(
            entry.id, entry.kind, entry.name_zh, entry.name_en, enterprise_id, old.created_at if old else self.now
        )
        if made == old:
            return False
        if old is not None:
            await people.save_organisation(made)
        elif not await people.add_organisation(made):
            raise BootstrapError(f"another organisation has the enterprise {entry.enterprise_code} already")
        await self._record("organisation.bootstrap", f"organisation:{entry.id}", {"name_zh": entry.name_zh})
        return True

    async def _account(self, entry: AccountEntry, people: PeopleStore) -> bool:
        old = await people.find_account(entry.username)
        password = entry.password.get_secret_value()
        stored, same = old.password_hash if old else "", False
        if old is not None:
            same, better = await self.passwords.verify(password, stored)
            stored = better or stored
        organisation = await people.find_organisation(entry.organisation_id)
        if organisation is None:
            raise BootstrapError(f"account {entry.username}: no organisation {entry.organisation_id}")
        made = Account(
            id=old.id if old else uuid4(), username=entry.username, name_zh=entry.name_zh, name_en=entry.name_en,
            password_hash=stored if same else await self.passwords.hash(password), roles=frozenset(entry.roles),
            organisation=organisation, active=old.active if old else True,
            created_at=old.created_at if old else self.now,
        )  # fmt: skip
        if made == old:
            return False
        await (people.save_account(made) if old else people.add_account(made))
        if old is not None and not same:
            await SessionStore(self.session).end_all_of(made.id, self.now)
        await self._record("account.bootstrap", f"account:{made.id}", account_shown(made))
        return True

    async def _client(self, entry: ClientEntry, people: PeopleStore, clients: ClientStore) -> bool:
        old = await clients.find(entry.client_id)
        organisation = await people.find_organisation(entry.organisation_id)
        if organisation is None:
            raise BootstrapError(f"client {entry.client_id}: no organisation {entry.organisation_id}")
        secret = digest(entry.client_secret.get_secret_value())
        fresh = Client(
            client_id=entry.client_id, secret_sha256=secret, name=entry.name, roles=frozenset(entry.roles),
            scopes=None, organisation=organisation, active=True, created_at=self.now,
        )  # fmt: skip
        made = replace(
            fresh, scopes=old.scopes, active=old.active, created_at=old.created_at, last_used_at=old.last_used_at
        ) if old else fresh  # fmt: skip
        if made == old:
            return False
        await (clients.save(made) if old else clients.add(made))
        await self._record("client.bootstrap", f"client:{entry.client_id}", client_shown(made))
        return True

    async def _record(self, action: str, subject: str, after: dict[str, object]) -> None:
        await audit.record(self.session, audit.SYSTEM, action, subject, at=self.now, after=after)
