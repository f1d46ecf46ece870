"""Running backtests: one at a time by the leader, an outlet after the other, the reckoning in processes of a pool."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.comparison import Outcome
from services.detection.domain.backtests.life import move
from services.detection.domain.backtests.model import Backtest
from services.detection.domain.rules import RuleError
from services.detection.gateways import Readings
from services.detection.service.backtest_wire import result_out
from services.detection.service.backtests import record
from services.detection.service.local_rules import usable_versions
from services.detection.service.timelines import read_timelines
from services.detection.service.trial import Ask, Trial, kinds_judged, try_outlet, warm_up, watch_parent
from services.detection.store import EnterpriseStore, MarkStore, SeriesStore
from services.detection.store.backtests import BacktestStore
from shared import audit
from shared.clients.base import ServiceCallError
from shared.clock import Clock
from shared.contracts.detection.backtests import BacktestEvent
from shared.db import Database
from shared.errors import TooLargeError
from shared.logging import get_logger

log = get_logger(__name__)

Finished = Callable[[AsyncSession, Backtest, Sequence[Outcome], datetime], Awaitable[int]]
"""In the transaction that ends a run: what else comes of it; which of the changes the result shows."""


class StoppedError(Exception):
    """Somebody cancelled the run, or another process has taken it up."""


def process_pool(workers: int) -> Executor:
    """Processes that end with this one, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=watch_parent)


@dataclass(frozen=True)
class BacktestRunner:
    """Runs what waits. `pool` makes the executor of a run; `workers` outlets are held in memory beside the next one."""

    db: Database
    clock: Clock
    readings: Readings
    finished: Finished
    pool: Callable[[int], Executor]
    workers: int = 1

    async def run_waiting(self) -> None:
        """Take up what a killed process left, then run all that waits.

        Only the leader does this, so a backtest that is said to run while it begins is nobody's.
        """
        await self._recover()
        while (one := await self._take()) is not None:
            if not await self._run(one):
                return

    async def _recover(self) -> None:
        async with self.db.transaction() as session:
            store = BacktestStore(session)
            for one in await store.lock_running():
                lost = one.attempts >= bounds().most_attempts
                event = BacktestEvent.FAIL if lost else BacktestEvent.TAKE_UP_AGAIN
                after = replace(one, state=move(one.state, event), reason="interrupted" if lost else "", done=0)
                after = replace(after, finished_at=self.clock.now() if lost else None)
                await store.save(after)
                await record(session, audit.SYSTEM, event.value, after, self.clock.now())
                log.warning("backtest_taken_up", no=one.no, attempts=one.attempts, failed=lost)

    async def _take(self) -> Backtest | None:
        async with self.db.transaction() as session:
            store = BacktestStore(session)
            found = await store.lock_next()
            if found is None:
                return None
            state = move(found.state, BacktestEvent.START)
            one = replace(found, state=state, attempts=found.attempts + 1, started_at=self.clock.now(), done=0)
            await store.save(one)
            return one

    async def _run(self, one: Backtest) -> bool:
        """To its end; False where ingest or a process failed, so that the next look takes it up again."""
        try:
            async with asyncio.timeout(bounds().most_minutes * 60):
                outcomes = await self._try(one)
        except StoppedError:
            log.info("backtest_stopped", no=one.no)
        except TimeoutError:
            await self._fail(one, "too_long")
        except TooLargeError:
            await self._fail(one, "too_many_readings")
        except RuleError as wrong:
            log.warning("backtest_refused", no=one.no, detail=str(wrong))
            await self._fail(one, "bad_rule")
        except (ServiceCallError, BrokenExecutor) as error:
            log.warning("backtest_interrupted", no=one.no, error=repr(error))
            return False
        else:
            await self._finish(one, outcomes)
        return True

    async def _try(self, one: Backtest) -> list[Outcome]:
        async with self.db.transaction() as session:
            versions = await usable_versions(session)
            ids = await BacktestStore(session).scope(one.enterprise_id, one.outlet_id, bounds().most_outlet_days)
        ask = Ask(one.changes, one.window, versions)
        totals = [Outcome() for _ in one.changes]
        async with self._executor() as pool:
            running: set[asyncio.Future[list[Outcome]]] = set()
            for place, outlet_id in enumerate(ids):
                trial = await self._load(replace(one, done=place - len(running), total=len(ids)), ask, outlet_id)
                running.add(asyncio.get_running_loop().run_in_executor(pool, try_outlet, trial))
                if len(running) > self.workers:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    totals = _added(totals, done)
            if running:
                totals = _added(totals, (await asyncio.wait(running))[0])
        return totals

    @asynccontextmanager
    async def _executor(self) -> AsyncIterator[Executor]:
        pool = self.pool(self.workers)
        try:
            yield pool
        finally:
            # Not awaited: an outlet under way ends by itself, and its outcome is dropped.
            pool.shutdown(wait=False, cancel_futures=True)

    async def _load(self, one: Backtest, ask: Ask, outlet_id: UUID) -> Trial:
        since = warm_up(ask.window)
        async with self.db.transaction() as session:
            store = BacktestStore(session)
            if not await store.note_progress(one):
                raise StoppedError
            outlet = (await SeriesStore(session).outlets([outlet_id]))[outlet_id]
            trades = await EnterpriseStore(session).trades([outlet.enterprise_id])
            covers = (await MarkStore(session).covers({outlet_id: since})).get(outlet_id, [])
            known = await store.known(outlet_id, ask.window, ask.codes)
            read = await read_timelines(session, {rule.code: rule for rule in ask.rules()}, [outlet_id])
        own = {(series.factor, series.kind): timeline for series, timeline in read.items()}
        kinds = kinds_judged([rule for change in (None, *ask.changes) for rule in ask.rules(change)
                              if rule.code in ask.codes])  # fmt: skip
        columns = await self.readings.history(outlet_id, kinds, since, ask.window.until, bounds().most_values)
        return Trial(ask, outlet, trades.get(outlet.enterprise_id, ""), columns, tuple(covers), known, own)

    async def _finish(self, one: Backtest, outcomes: Sequence[Outcome]) -> None:
        async with self.db.transaction() as session:
            current = await self._mine(session, one)
            if current is None:
                return
            chosen = await self.finished(session, current, outcomes, self.clock.now())
            done = replace(
                current, state=move(current.state, BacktestEvent.FINISH), result=result_out(outcomes[chosen]),
                changes=(current.changes[chosen],), done=outcomes[chosen].outlets, total=outcomes[chosen].outlets,
                finished_at=self.clock.now(),
            )  # fmt: skip
            await BacktestStore(session).save(done)
            await record(session, audit.SYSTEM, BacktestEvent.FINISH.value, done, self.clock.now())

    async def _fail(self, one: Backtest, reason: str) -> None:
        async with self.db.transaction() as session:
            current = await self._mine(session, one)
            if current is not None:
                state = move(current.state, BacktestEvent.FAIL)
                failed = replace(current, state=state, reason=reason, finished_at=self.clock.now())
                await BacktestStore(session).save(failed)
                await record(session, audit.SYSTEM, BacktestEvent.FAIL.value, failed, self.clock.now())

    async def _mine(self, session: AsyncSession, one: Backtest) -> Backtest | None:
        """The backtest as it stands, locked; None where this run no longer counts."""
        current = await BacktestStore(session).find(one.id, lock=True)
        counts = current is not None and (current.state, current.attempts) == (one.state, one.attempts)
        return current if counts else None


def _added(totals: Sequence[Outcome], done: set[asyncio.Future[list[Outcome]]]) -> list[Outcome]:
    most = bounds().most_differences
    made = list(totals)
    for one in done:
        made = [total.joined(more, most) for total, more in zip(made, one.result(), strict=True)]
    return made
