"""The SQL of marks 标记."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.covers import Cover, Effect
from services.ingest.domain.marks.model import EFFECTIVE, Evidence, Mark, Version
from services.ingest.store.evidence import EvidenceStore
from services.ingest.tables import MarkRow, MarkVersionRow, OutletRow
from shared.contracts.ingest.marks import MarkKind, MarkSource, MarkState
from shared.errors import NotFoundError

NOT_COLUMNS = ("evidence", "serial")


class MarkNotFoundError(NotFoundError):
    """No such mark."""

    code = "mark_not_found"


@dataclass(frozen=True, kw_only=True)
class MarkFilter:
    """Which marks to list; None does not restrict. `since` and `until`: those with a moment in the span."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    states: Sequence[MarkState] = ()
    codes: Sequence[str] = ()
    kind: MarkKind | None = None
    source: MarkSource | None = None
    since: datetime | None = None
    until: datetime | None = None


def _mark(row: MarkRow, evidence: Iterable[Evidence] = ()) -> Mark:
    fields = row.model_dump()
    fields |= {
        "kind": MarkKind(row.kind), "effect": Effect(row.effect), "source": MarkSource(row.source),
        "state": MarkState(row.state), "factors": tuple(row.factors), "evidence": tuple(evidence),
    }  # fmt: skip
    return Mark(**fields)


def _columns(mark: Mark) -> dict[str, Any]:
    row = asdict(mark)
    for name in NOT_COLUMNS:
        del row[name]
    return {**row, "factors": list(mark.factors)}


def _effective() -> ColumnElement[bool]:
    """`Mark.effective` in SQL."""
    return or_(
        col(MarkRow.state).in_([state.value for state in EFFECTIVE]),
        and_(col(MarkRow.state) == MarkState.PROPOSED.value, col(MarkRow.source) == MarkSource.AUTO.value),
        and_(col(MarkRow.state) == MarkState.EXPIRED.value, col(MarkRow.effect) == Effect.VALID.value),
    )


def _touching(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    conditions = [] if until is None else [col(MarkRow.since) <= until]
    if since is not None:
        conditions.append(or_(col(MarkRow.until).is_(None), col(MarkRow.until) >= since))
    return and_(True, *conditions)


class MarkStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._evidence = EvidenceStore(session)

    async def covers(self, points: Sequence[int], since: int, until: int) -> dict[int, list[Cover]]:
        """What effective marks cover of each point from `since` to before `until` (Unix seconds), by start.

        A running mark reaches to `until`, an automatic one as far as its flags were seen. Points without
        any are left out.
        """
        first, last = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
        query = (
            select(OutletRow.point, MarkRow)
            .join(OutletRow, col(OutletRow.id) == col(MarkRow.outlet_id))
            .where(col(OutletRow.point).in_(list(points)), _effective(), _touching(first, last))
            .where(col(MarkRow.effect) != Effect.NONE.value)
            .order_by(col(MarkRow.since), col(MarkRow.id))
        )
        found: dict[int, list[Cover]] = {}
        for point, row in await self._session.execute(query):
            mark = _mark(row)
            begin, end = int(mark.since.timestamp()), int(mark.end(last).timestamp())
            if begin < until and end > since:
                factors = frozenset(mark.factors) or None
                cover = Cover(max(begin, since), min(end, until), factors, mark.effect, mark.id)
                found.setdefault(point, []).append(cover)
        return found

    async def list_marks(self, which: MarkFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Mark]:
        """The latest beginning first."""
        query = select(MarkRow).order_by(col(MarkRow.since).desc(), col(MarkRow.id).desc()).limit(limit)
        for column, value in ((MarkRow.enterprise_id, which.enterprise_id), (MarkRow.outlet_id, which.outlet_id),
                              (MarkRow.kind, which.kind), (MarkRow.source, which.source)):  # fmt: skip
            if value is not None:
                query = query.where(col(column) == value)
        if which.states:
            query = query.where(col(MarkRow.state).in_([state.value for state in which.states]))
        if which.codes:
            query = query.where(col(MarkRow.code).in_(list(which.codes)))
        query = query.where(_touching(which.since, which.until))
        if after is not None:
            query = query.where(tuple_(col(MarkRow.since), col(MarkRow.id)) < after)
        return await self._read(query)

    async def list_near(self, outlet_id: UUID, since: datetime, until: datetime | None) -> list[Mark]:
        """All marks of an outlet that touch a span, whatever their state."""
        query = select(MarkRow).where(col(MarkRow.outlet_id) == outlet_id, _touching(since, until))
        return await self._read(query.order_by(col(MarkRow.since), col(MarkRow.id)))

    async def in_force(self, outlet_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Mark]]:
        """Effective marks that hold at `now`, by outlet, the earliest start first; without their evidence."""
        query = (
            select(MarkRow)
            .where(col(MarkRow.outlet_id).in_(outlet_ids), _effective(), col(MarkRow.since) <= now)
            .where(or_(col(MarkRow.until).is_(None), col(MarkRow.until) > now))
            .order_by(col(MarkRow.since), col(MarkRow.id))
        )
        found: dict[UUID, list[Mark]] = {}
        for row in (await self._session.execute(query)).scalars():
            found.setdefault(row.outlet_id, []).append(_mark(row))
        return found

    async def list_due(self, since: datetime, until: datetime, only: UUID | None, limit: int) -> list[Mark]:
        """Marks due in a span that were not withdrawn, by enterprise and deadline."""
        query = (
            select(MarkRow)
            .where(col(MarkRow.due_at) >= since, col(MarkRow.due_at) < until)
            .where(col(MarkRow.state) != MarkState.WITHDRAWN.value)
            .order_by(col(MarkRow.enterprise_id), col(MarkRow.due_at), col(MarkRow.id))
            .limit(limit)
        )
        if only is not None:
            query = query.where(col(MarkRow.enterprise_id) == only)
        return [_mark(row) for row in (await self._session.execute(query)).scalars()]

    async def list_with_codes(
        self, codes: Iterable[str], since: datetime, until: datetime, only: UUID | None
    ) -> list[Mark]:
        """Effective marks of some codes that touch a span, by outlet."""
        query = select(MarkRow).where(col(MarkRow.code).in_(list(codes)), _effective(), _touching(since, until))
        if only is not None:
            query = query.where(col(MarkRow.enterprise_id) == only)
        rows = await self._session.execute(query.order_by(col(MarkRow.outlet_id), col(MarkRow.since)))
        return [_mark(row) for row in rows.scalars()]

    async def list_overdue(self, now: datetime, *, limit: int) -> list[Mark]:
        """Ended marks that may have expired, locked; the longest overdue first."""
        query = (
            select(MarkRow)
            .where(col(MarkRow.state).in_([MarkState.PROPOSED, MarkState.PENDING, MarkState.QUERIED]))
            .where(col(MarkRow.evidence_due_at) <= now)
            .where(or_(col(MarkRow.state) == MarkState.PROPOSED, ~col(MarkRow.id).in_(EvidenceStore.subjects())))
            .order_by(col(MarkRow.evidence_due_at), col(MarkRow.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return await self._read(query)

    async def get(self, mark_id: UUID, *, lock: bool = False) -> Mark:
        """One mark with its evidence; raises when there is none."""
        row = await self._session.get(MarkRow, mark_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            raise MarkNotFoundError("no such mark", mark_id=str(mark_id))
        return _mark(row, (await self._evidence.list_of([mark_id])).get(mark_id, ()))

    async def lock_outlet(self, outlet_id: UUID) -> None:
        """One writer of an outlet's marks at a time, so that no two overlap unseen."""
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"mark:{outlet_id}"))))

    async def add(self, mark: Mark, *, by: str, event: str) -> Mark:
        """A new mark with its first version; the mark with its number."""
        serial = await self._session.execute(insert(MarkRow).values(_columns(mark)).returning(col(MarkRow.serial)))
        numbered = Mark(**{**mark.__dict__, "serial": serial.scalar_one()})
        await self._keep_version(numbered, by, event)
        return numbered

    async def save(self, mark: Mark, *, by: str, event: str) -> None:
        """The next version of a mark."""
        values = _columns(mark)
        await self._session.execute(update(MarkRow).where(col(MarkRow.id) == mark.id).values(values))
        await self._keep_version(mark, by, event)

    async def see(self, mark_id: UUID, seen_until: datetime) -> None:
        """How far the flags of an automatic mark reach: data that grow, not a change of what it says."""
        await self._session.execute(update(MarkRow).where(col(MarkRow.id) == mark_id).values(seen_until=seen_until))

    async def list_versions(self, mark_id: UUID) -> list[Version]:
        """All versions, the first one first."""
        query = select(MarkVersionRow).where(col(MarkVersionRow.mark_id) == mark_id)
        rows = (await self._session.execute(query.order_by(col(MarkVersionRow.version)))).scalars()
        return [Version(**row.model_dump(exclude={"mark_id"})) for row in rows]

    async def _keep_version(self, mark: Mark, by: str, event: str) -> None:
        values = {
            "mark_id": mark.id, "version": mark.version, "at": mark.changed_at, "by": by, "event": event,
            "content": mark.content(),
        }  # fmt: skip
        await self._session.execute(insert(MarkVersionRow).values(values))

    async def _read(self, query: Select[Any]) -> list[Mark]:
        rows = list((await self._session.execute(query.execution_options(populate_existing=True))).scalars())
        evidence = await self._evidence.list_of([row.id for row in rows])
        return [_mark(row, evidence.get(row.id, ())) for row in rows]
