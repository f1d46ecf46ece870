"""Automatic marks: the flags of a logger become marks, and follow the data as they come, late ones too."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks import moves, runs
from services.ingest.domain.marks.model import OPEN, Mark
from services.ingest.domain.marks.rules import Code, Rules, catalogue, rules_at
from services.ingest.domain.marks.runs import Stretch
from services.ingest.domain.marks.table import find
from services.ingest.service.mark_trail import MarkTrail
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.flag_runs import HOUR, FlagRunStore, Place, Told
from services.ingest.store.marks import MarkStore
from shared.clock import Clock
from shared.contracts.ingest.marks import MarkEvent, MarkSource, MarkState
from shared.db import Database, raw

EVENTS_AT_ONCE = 50
LOGGER = "logger"


async def follow_flags(db: Database, dictionaries: Dictionaries, clock: Clock) -> int:
    """Work off all new readings; how many points had something to say. Each batch in a transaction of its own."""
    seen = 0
    while True:
        async with db.transaction() as session:
            found = await FlagMarks(session, FlagRunStore(await raw(session), dictionaries), clock.now()).step()
        if found is None:
            return seen
        seen += found


class FlagMarks:
    """One batch in one transaction."""

    def __init__(self, session: AsyncSession, store: FlagRunStore, now: datetime) -> None:
        self._store = store
        self._marks = MarkStore(session)
        self._trail = MarkTrail(session, self._marks, None)
        self._now = now

    async def step(self) -> int | None:
        """The next events; None where there are none."""
        told = await self._store.take(EVENTS_AT_ONCE)
        if told is None:
            return None
        return await self._look(told)

    async def look_again(self, spans: Sequence[tuple[UUID, int, int]]) -> int:
        """Readings of outlets in spans (Unix seconds) whose meaning has changed: the states of their analysers did."""
        await self._store.wait_turn()
        return await self._look(await self._store.around(spans))

    async def _look(self, told: Told) -> int:
        flagged = await self._store.flagged(told, catalogue())
        for point in sorted(flagged):
            await self._settle(told.places[point], flagged[point])
        return len(flagged)

    async def _settle(self, place: Place, readings: Sequence[runs.Flagged]) -> None:
        """Bring runs and marks of one point to what its readings say now."""
        await self._marks.lock_outlet(place.outlet_id)
        first = min(reading.at for reading in readings)
        last = max(reading.at + reading.step for reading in readings)
        rules = rules_at(datetime.fromtimestamp(first, UTC))
        reach, gap = int(rules.minimum.total_seconds()), int(rules.chain_gap.total_seconds())
        old = await self._store.list_runs(place.point, first - reach - HOUR, last + reach + HOUR)
        new = runs.edit(old, readings, frozenset(catalogue().by_flag))
        wanted = runs.stretches(new, reach, gap)
        held = {run.mark_id for run in old if run.mark_id is not None}
        owner: dict[tuple[str, int, int], UUID] = {}
        for stretch in wanted:
            mark = await self._bring(place, stretch, rules)
            owner[stretch.flag, stretch.since, stretch.until] = mark.id
        for mark_id in sorted(held - set(owner.values())):
            await self._revoke(mark_id)
        settled = [run._replace(mark_id=owner.get((run.flag, run.since, run.until))) for run in new]
        await self._store.replace_runs(place.point, old, settled)

    async def _bring(self, place: Place, stretch: Stretch, rules: Rules) -> Mark:
        """The mark of a stretch: the one it had, one that says the same already, or a new one."""
        since, until = datetime.fromtimestamp(stretch.since, UTC), datetime.fromtimestamp(stretch.until, UTC)
        reached = await self._store.reaches_to(place, stretch.since)
        ended = until if reached is not None and reached > until else None
        code = catalogue().by_flag[stretch.flag]
        for mark_id in stretch.mark_ids:
            mark = await self._marks.get(mark_id, lock=True)
            if mark.state is not MarkState.WITHDRAWN:
                return await self._follow(mark, (since, ended, until), stretch.factors, code)
        near = await self._marks.list_near(place.outlet_id, since, until)
        for mark in near:
            told = mark.code == code.code and mark.state in OPEN and mark.shares_factor(stretch.factors)
            if told and mark.since <= since and (mark.until is None or mark.until >= until):
                return mark
        return await self._trail.add(self._new(place, stretch, (since, ended, until), code, rules), "flagged")

    def _new(
        self, place: Place, stretch: Stretch, span: tuple[datetime, datetime | None, datetime], code: Code,
        rules: Rules,
    ) -> Mark:  # fmt: skip
        since, until, seen_until = span
        stands = not code.completes
        mark = Mark(
            id=uuid4(), serial=0, enterprise_id=place.enterprise_id, outlet_id=place.outlet_id, device_id=None,
            kind=code.kind, code=code.code, effect=code.effect, since=since, until=until, factors=stretch.factors,
            source=MarkSource.AUTO, flag=stretch.flag, follows=True, seen_until=seen_until, reason="",
            state=MarkState.ACCEPTED if stands else MarkState.PROPOSED, submitted_at=since if stands else None,
            submitted_by=LOGGER if stands else "", due_at=rules.due_at(since), evidence_due_at=None,
            reviewed_at=None, reviewed_by="", review_reason="", untrue=False, version=1, changed_at=self._now,
        )  # fmt: skip
        return mark.changed_deadlines(mark.due_at, moves.evidence_due_at(mark, code))

    async def _follow(
        self, mark: Mark, span: tuple[datetime, datetime | None, datetime], factors: tuple[str, ...], code: Code
    ) -> Mark:
        since, until, seen_until = span
        if not mark.follows or find(mark.state, MarkEvent.FOLLOW) is None:
            return mark
        if (mark.since, mark.until, mark.factors) == (since, until, factors):
            if mark.seen_until != seen_until:
                await self._marks.see(mark.id, seen_until)
            return mark
        after = mark.changed(self._now, since=since, until=until, factors=factors, seen_until=seen_until)
        after = after.changed_deadlines(rules_at(since).due_at(since), moves.evidence_due_at(after, code))
        return await self._trail.save(mark, after, MarkEvent.FOLLOW.value, "")

    async def _revoke(self, mark_id: UUID) -> None:
        """The flags are gone: what nobody has spoken for goes with them."""
        mark = await self._marks.get(mark_id, lock=True)
        row = find(mark.state, MarkEvent.REVOKE)
        if mark.source is MarkSource.AUTO and mark.follows and row is not None and row.target is not None:
            after = mark.changed(self._now, state=row.target, follows=False)
            await self._trail.save(mark, after, MarkEvent.REVOKE.value, "")
