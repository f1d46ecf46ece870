"""Use cases on jobs: ask for one, hand in a file, look, cancel, fetch the file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID, uuid4

from services.ingest.domain.transfers import MOST_OPEN, Transfer, move
from services.ingest.service.transfers.kinds import Kind, caller_record
from services.ingest.service.transfers.runner import Runner
from services.ingest.store.transfers import TransferNotFoundError, TransferStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal, Role
from shared.contracts.ingest.transfers import (
    MAX_UPLOAD,
    ImportMode,
    TransferDirection,
    TransferEvent,
    TransferIn,
    TransferState,
)
from shared.errors import ConflictError, GoneError, InvalidError, TooManyRequestsError

LONGEST_NAME = 120


def _check_not_empty(size: int) -> None:
    if size == 0:
        raise InvalidError("the file is empty", field="file")


@dataclass(frozen=True)
class Stored:
    """A file to send."""

    path: Path
    name: str


class TransferService:
    """Each use case opens its transaction itself and has committed when it returns: a job starts only then."""

    def __init__(self, runner: Runner, caller: Principal) -> None:
        self._runner = runner
        self._db = runner.db
        self._now = runner.clock.now
        self._caller = caller

    def list_kinds(self) -> list[Kind]:
        """Kinds this caller may start."""
        return self._runner.kinds.for_caller(self._caller)

    async def start_export(self, given: TransferIn) -> Transfer:
        """Ask for a file."""
        kind = self._runner.kinds.check_may_start(given.kind, TransferDirection.EXPORT, self._caller)
        return await self._add(self._new(kind, kind.check(given.parameters), uuid4()))

    async def start_import(
        self, kind_name: str, name: str, mode: ImportMode, parameters: dict[str, Any], content: AsyncIterator[bytes]
    ) -> Transfer:
        """Take a file in; a check looks at it only."""
        kind = self._runner.kinds.check_may_start(kind_name, TransferDirection.IMPORT, self._caller)
        name = PurePath(name.replace("\\", "/")).name[-LONGEST_NAME:]
        suffix = PurePath(name).suffix.lower().lstrip(".")
        if suffix not in kind.formats:
            raise InvalidError(f"send one of: {', '.join(kind.formats)}", field="name", formats=list(kind.formats))
        checked = kind.check({**parameters, "mode": mode.value})
        transfer_id = uuid4()
        size = await self._runner.shelf.receive(transfer_id, content, MAX_UPLOAD)
        try:
            _check_not_empty(size)
            return await self._add(self._new(kind, checked, transfer_id, file_name=name, file_size=size))
        except BaseException:
            self._runner.shelf.forget(transfer_id)
            raise

    async def apply(self, transfer_id: UUID, mode: ImportMode) -> Transfer:
        """Import the file of a check; a job of its own."""
        check = await self.get(transfer_id)
        kind = self._runner.kinds.check_may_start(check.kind, TransferDirection.IMPORT, self._caller)
        if not check.may_apply or mode is ImportMode.CHECK:
            raise ConflictError("this job is not a check with rows to import", state=check.state.value)
        parameters = {**check.parameters, "mode": mode.value}
        new = self._new(kind, parameters, uuid4(), file_name=check.file_name, file_size=check.file_size)
        return await self._add(new, source=check.source_id or check.id)

    async def get(self, transfer_id: UUID) -> Transfer:
        """One job of the caller's organisation."""
        async with self._db.transaction() as session:
            found = await TransferStore(session).get(transfer_id)
        self._check_may_see(found)
        return found

    async def list_newest(
        self, direction: TransferDirection | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Transfer]:
        """Jobs of the caller's organisation, newest first."""
        everybody = self._caller.has(Role.ADMIN)
        async with self._db.transaction() as session:
            return await TransferStore(session).list_newest(
                owner=None if everybody else self._caller.subject, organisation=self._caller.organisation_id,
                tenant=self._caller.tenant, direction=direction, after=after, limit=limit,
            )  # fmt: skip

    async def cancel(self, transfer_id: UUID) -> Transfer:
        """Stop a job; its rows are not written, its file goes."""
        async with self._db.transaction() as session:
            store = TransferStore(session)
            found = await store.get(transfer_id, lock=True)
            self._check_may_see(found)
            target = move(found.state, TransferEvent.CANCEL, sealed=found.sealed)
            now = self._now()
            await store.change(transfer_id, found.state, state=target.value, finished_at=now, expires_at=now, reason="")
            await self._record(session, "transfer.cancelled", found)
        return await self.get(transfer_id)

    async def open_file(self, transfer_id: UUID) -> Stored:
        """The file of an export that is done, for who may see the job."""
        found = await self.get(transfer_id)
        if found.direction is TransferDirection.IMPORT or found.state is not TransferState.DONE:
            raise TransferNotFoundError("this job has no file to fetch", transfer_id=str(transfer_id))
        path = self._runner.shelf.target(transfer_id)
        if found.file_size is None or not path.exists():
            raise GoneError("the file is gone; start the export again", transfer_id=str(transfer_id))
        async with self._db.transaction() as session:
            await self._record(session, "transfer.fetched", found)
        return Stored(path, found.file_name)

    def _new(self, kind: Kind, parameters: dict[str, Any], transfer_id: UUID, **more: Any) -> Transfer:
        return Transfer(
            id=transfer_id, kind=kind.name, direction=kind.direction, state=TransferState.QUEUED,
            parameters=parameters, caller=caller_record(self._caller), owner=self._caller.subject,
            organisation=self._caller.organisation_id, tenant=self._caller.tenant, created_at=self._now(), **more,
        )  # fmt: skip

    async def _add(self, transfer: Transfer, source: UUID | None = None) -> Transfer:
        async with self._db.transaction() as session:
            store = TransferStore(session)
            if await store.count_open(transfer.owner) >= MOST_OPEN:
                raise TooManyRequestsError(f"at most {MOST_OPEN} jobs at a time", limit=MOST_OPEN, retry_after=30)
            if source is not None:
                transfer = Transfer(**{**vars(transfer), "source_id": source})
            await store.add(transfer)
            await self._record(session, "transfer.asked", transfer)
        self._runner.wake()
        return transfer

    def _check_may_see(self, found: Transfer) -> None:
        caller = self._caller
        if caller.tenant is not None and found.tenant != caller.tenant:
            raise TransferNotFoundError("no such job", transfer_id=str(found.id))
        same = caller.organisation_id is not None and found.organisation == caller.organisation_id
        if not (same or found.owner == caller.subject or caller.has(Role.ADMIN)):
            raise TransferNotFoundError("no such job", transfer_id=str(found.id))

    async def _record(self, session: Any, action: str, transfer: Transfer) -> None:
        what = {"kind": transfer.kind, "parameters": transfer.parameters, "file": transfer.file_name}
        await audit.record(
            session, Actor.of(self._caller), action, f"transfer:{transfer.id}", at=self._now(), after=what
        )


async def forget_files(runner: Runner) -> int:
    """Remove files whose time is over; how many jobs lost theirs. A file a later job needs goes with that job."""
    async with runner.db.transaction() as session:
        store = TransferStore(session)
        expired = await store.list_expired(runner.clock.now())
        for transfer in expired:
            await store.change(transfer.id, transfer.state, file_size=None)
    for transfer in expired:
        runner.shelf.forget(transfer.id)
    return len(expired)
