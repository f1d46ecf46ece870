"""Runs jobs in the service's process, off the request: takes the oldest, beats while it works, takes up lost ones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.transfers import BEAT, KEPT, LEASE, MOST_ATTEMPTS, Transfer, move
from services.ingest.service.intake import Intake
from services.ingest.service.transfers.kinds import Kind, Kinds, Outcome, Work, caller_from
from services.ingest.store.shelf import Shelf
from services.ingest.store.transfers import TransferStore
from shared.clock import Clock, monotonic, wall
from shared.contracts.ingest.transfers import MAX_ROW_ERRORS, RowError, TransferDirection, TransferEvent, TransferState
from shared.db import Database, is_passing_fault
from shared.errors import AppError
from shared.logging import get_logger

log = get_logger(__name__)
IDLE = 2.0
"""Seconds until a process looks by itself whether there is work (another process may have taken the request)."""
LEAST_PAUSE = 0.2
"""Seconds between two writes of a job's progress."""
INTERRUPTED = "the service stopped while it worked on this job, several times; start it again"
UNEXPECTED = "an unexpected error; it was logged under the job's number"


NOTHING: Mapping[str, Any] = MappingProxyType({})


class StoppedError(Exception):
    """The job is no longer ours: cancelled, or taken up by another process."""


class Runner:
    """Held by the process."""

    def __init__(self, db: Database, intake: Intake, clock: Clock, shelf: Shelf, kinds: Kinds) -> None:
        self.db, self.intake, self.clock, self.shelf, self.kinds = db, intake, clock, shelf, kinds
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """There is work."""
        self._awake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for the time of the block. A job in hand at its end is taken up at the next start."""
        task = asyncio.create_task(self._run(), name="transfers")
        try:
            yield
        finally:
            await _end_of(task)

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            try:
                await self.recover()
                while await self.run_one():
                    pass
            except Exception as error:
                if not is_passing_fault(error):
                    log.exception("transfers_stumbled")
                await asyncio.sleep(IDLE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), IDLE)

    async def recover(self) -> None:
        """Jobs whose process died wait again, or fail after too many attempts."""
        async with self.db.transaction() as session:
            store = TransferStore(session)
            for lost in await store.list_lost(wall() - LEASE):
                log.warning("transfer_lost", id=str(lost.id), attempts=lost.attempts)
                if lost.attempts < MOST_ATTEMPTS:
                    state = move(lost.state, TransferEvent.TAKE_UP_AGAIN)
                    await store.change(lost.id, lost.state, state=state.value, sealed=False, done=0)
                else:
                    await self._end(store, lost, TransferEvent.FAIL, reason=INTERRUPTED)

    async def run_one(self) -> bool:
        """Do the oldest job that waits; whether there was one."""
        transfer = await self._take()
        if transfer is None:
            return False
        beat = asyncio.create_task(self._beat(transfer.id))
        try:
            await self._do(transfer)
        except StoppedError:
            log.info("transfer_stopped", id=str(transfer.id))
            self.shelf.forget(transfer.id)
        except AppError as error:
            await self._fail(transfer, error.message, _errors_of(error), error.context)
        except Exception as error:
            if is_passing_fault(error):
                raise  # the beat ends, and the job is taken up again
            log.exception("transfer_failed", id=str(transfer.id))
            await self._fail(transfer, UNEXPECTED, [])
        finally:
            await _end_of(beat)
        return True

    async def _take(self) -> Transfer | None:
        async with self.db.transaction() as session:
            store = TransferStore(session)
            found = await store.next_queued()
            if found is None:
                return None
            state = move(found.state, TransferEvent.START)
            await store.change(
                found.id, found.state, state=state.value, attempts=found.attempts + 1, beat_at=wall(),
                started_at=self.clock.now(), sealed=False, done=0,
            )  # fmt: skip
            return await store.get(found.id)

    async def _beat(self, transfer_id: UUID) -> None:
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            with contextlib.suppress(Exception):  # the work itself meets the same fault, and says so
                async with self.db.transaction() as session:
                    await TransferStore(session).change(transfer_id, TransferState.RUNNING, beat_at=wall())

    async def _do(self, transfer: Transfer) -> None:
        kind = self.kinds.find(transfer.kind)
        if kind is None:
            await self._fail(transfer, f"this release knows no kind {transfer.kind}", [])
            return
        outcome = await kind.run(self._work(transfer))
        values: dict[str, Any] = {}
        if kind.direction is TransferDirection.EXPORT:
            values = {"file_size": self.shelf.finish(transfer.id), "file_name": outcome.file_name}
        await self._finish(transfer, kind, outcome, values)

    async def _finish(self, transfer: Transfer, kind: Kind, outcome: Outcome, values: dict[str, Any]) -> None:
        del kind
        async with self.db.transaction() as session:
            await self._end(
                TransferStore(session), transfer, TransferEvent.FINISH, result=outcome.result,
                errors=[error.model_dump(mode="json") for error in outcome.errors[:MAX_ROW_ERRORS]],
                error_count=max(outcome.error_count, len(outcome.errors)), **values,
            )  # fmt: skip

    async def _fail(
        self, transfer: Transfer, reason: str, errors: list[dict[str, Any]], context: Mapping[str, Any] = NOTHING
    ) -> None:
        told = {name: value for name, value in context.items() if name not in {"row_errors", "count"}}
        async with self.db.transaction() as session:
            await self._end(
                TransferStore(session), transfer, TransferEvent.FAIL, reason=reason, errors=errors[:MAX_ROW_ERRORS],
                error_count=context.get("count", len(errors)), result=told,
            )  # fmt: skip

    async def _end(self, store: TransferStore, transfer: Transfer, event: TransferEvent, **values: Any) -> None:
        now = self.clock.now()
        state = move(transfer.state, event)
        await store.change(
            transfer.id, transfer.state, state=state.value, finished_at=now, expires_at=now + KEPT, **values
        )

    def _work(self, transfer: Transfer) -> Work:
        last = [float("-inf")]

        async def progress(done: int, total: int) -> None:
            if monotonic() - last[0] < LEAST_PAUSE and done < total:
                return
            last[0] = monotonic()
            async with self.db.transaction() as session:
                ours = await TransferStore(session).change(
                    transfer.id, TransferState.RUNNING, done=done, total=total, beat_at=wall()
                )
            if not ours:
                raise StoppedError

        async def seal(session: AsyncSession) -> None:
            if not await TransferStore(session).change(transfer.id, TransferState.RUNNING, sealed=True):
                raise StoppedError

        fields: dict[str, Any] = {
            "id": transfer.id, "caller": caller_from(transfer.caller), "parameters": transfer.parameters,
            "source": self.shelf.source(transfer.source_id or transfer.id)
            if transfer.direction is TransferDirection.IMPORT else None,
            "target": self.shelf.part(transfer.id), "file_name": transfer.file_name,
            "db": self.db, "intake": self.intake, "clock": self.clock,
        }  # fmt: skip
        return Work(**fields, progress=progress, seal=seal)


async def _end_of(task: "asyncio.Task[None]") -> None:
    """End a task for certain: before Python 3.12 `wait_for` can swallow a cancellation, and the task would go on."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)


def _errors_of(error: AppError) -> list[dict[str, Any]]:
    """Where an error names rows, those."""
    rows: list[RowError] = error.context.get("row_errors") or []
    return [row.model_dump(mode="json") for row in rows]
