"""Thresholds with their versions, and what learning must not learn from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import and_, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.people import Person
from services.detection.domain.thresholds.model import Basis, Threshold, Version
from services.detection.store.bulk import among
from services.detection.tables import AnomalyRow, HitRow, LabelRow, OutletRow, ThresholdRow, ThresholdVersionRow
from shared.contracts.detection.quality import Verdict
from shared.contracts.detection.thresholds import ThresholdOrigin, ThresholdState
from shared.contracts.ingest import OutletOut, ReadingKind

_PERSON: TypeAdapter[Person] = TypeAdapter(Person)
_BASIS: TypeAdapter[Basis] = TypeAdapter(Basis)
MOST_VERSIONS = 100
"""Newest ones of a threshold that are shown and decided upon."""
Span = tuple[str, datetime, datetime]
"""Factor, begin, end."""


@dataclass(frozen=True)
class ThresholdFilter:
    """What a list shows; None does not filter."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    factor: str | None = None
    kind: ReadingKind | None = None
    rule: str | None = None
    state: ThresholdState | None = None


class ThresholdStore:
    """Reads and writes thresholds."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, threshold_id: UUID) -> Threshold | None:
        """One threshold, or None."""
        row = await self._session.get(ThresholdRow, threshold_id, populate_existing=True)
        return (await self._with_versions([row]))[0] if row else None

    async def of_outlet(self, outlet_id: UUID) -> dict[UUID, Threshold]:
        """All thresholds of an outlet's series."""
        query = select(ThresholdRow).where(col(ThresholdRow.outlet_id) == outlet_id)
        rows = list((await self._session.execute(query)).scalars())
        return {one.id: one for one in await self._with_versions(rows)}

    async def select(self, which: ThresholdFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[Threshold]:
        """Those that changed last first; `after` is the last one of the page before."""
        given = {name: value for name, value in vars(which).items() if value is not None}
        query = select(ThresholdRow).where(*(getattr(ThresholdRow, name) == value for name, value in given.items()))
        changed, number = col(ThresholdRow.changed_at), col(ThresholdRow.id)
        if after is not None:
            query = query.where(or_(changed < after[0], and_(changed == after[0], number < after[1])))
        rows = await self._session.execute(query.order_by(changed.desc(), number.desc()).limit(limit))
        return await self._with_versions(list(rows.scalars()))

    async def accepted(self, outlet_ids: Iterable[UUID]) -> list[tuple[ThresholdRow, Version]]:
        """Every accepted version of every threshold of these outlets."""
        rows = await self._session.execute(
            select(ThresholdRow, ThresholdVersionRow)
            .join(ThresholdVersionRow, col(ThresholdVersionRow.threshold_id) == col(ThresholdRow.id))
            .where(among(ThresholdRow.outlet_id, outlet_ids), col(ThresholdVersionRow.accepted).is_(True))
        )
        return [(one, _version(version)) for one, version in rows]

    async def save(self, changed: Sequence[Threshold]) -> None:
        """Thresholds as they are now, with the versions at hand; what was read of their outlets before is old."""
        for one in changed:
            await self._upsert(ThresholdRow, _columns(one), ["id"])
            for version in one.versions:
                await self._upsert(ThresholdVersionRow, _version_columns(one, version), ["threshold_id", "number"])
        await self._session.execute(
            update(OutletRow)
            .where(among(OutletRow.id, {one.outlet_id for one in changed}))
            .values(thresholds=col(OutletRow.thresholds) + 1)
        )

    # -- learning ----------------------------------------------------------------------------------

    async def due(self, slot: datetime, after: UUID | None, limit: int) -> list[OutletOut]:
        """Outlets for which nothing was learnt since `slot`, in order of their id, after a given one."""
        query = select(OutletRow).where(_is_due(slot)).order_by(col(OutletRow.id)).limit(limit)
        if after is not None:
            query = query.where(col(OutletRow.id) > after)
        return [OutletOut.model_validate(row.outlet) for row in (await self._session.execute(query)).scalars()]

    async def claim(self, outlet_id: UUID, slot: datetime) -> bool:
        """True for the one transaction that may write what was learnt of an outlet for this slot."""
        claimed = await self._session.execute(
            update(OutletRow)
            .where(col(OutletRow.id) == outlet_id, _is_due(slot))
            .values(learnt_at=slot)
            .returning(col(OutletRow.id))
        )
        return claimed.first() is not None

    async def doubtful(self, outlet_id: UUID, since: datetime, until: datetime) -> list[Span]:
        """Stretches that teach nothing: anomalies that nobody has called false, and hits that were kept quiet."""
        reach = [col(AnomalyRow.outlet_id) == outlet_id, col(AnomalyRow.until) > since,
                 col(AnomalyRow.started_at) < until]  # fmt: skip
        anomalies = (
            select(AnomalyRow.factor, AnomalyRow.started_at, AnomalyRow.until)
            .join(LabelRow, col(LabelRow.anomaly_id) == col(AnomalyRow.id), isouter=True)
            .where(*reach, func.coalesce(col(LabelRow.verdict), "") != Verdict.FALSE_ALARM.value)
        )
        hits = select(HitRow.factor, HitRow.started_at, HitRow.until).where(
            col(HitRow.outlet_id) == outlet_id, col(HitRow.until) > since, col(HitRow.started_at) < until,
            col(HitRow.suppressed_by).is_not(None),
        )  # fmt: skip
        return [(row[0], row[1], row[2]) for query in (anomalies, hits) for row in await self._session.execute(query)]

    # -- inside ------------------------------------------------------------------------------------

    async def _with_versions(self, rows: Sequence[ThresholdRow]) -> list[Threshold]:
        place = func.row_number().over(
            partition_by=col(ThresholdVersionRow.threshold_id), order_by=col(ThresholdVersionRow.number).desc()
        )
        ranked = (
            select(ThresholdVersionRow.threshold_id, ThresholdVersionRow.number, place.label("place"))
            .where(among(ThresholdVersionRow.threshold_id, [row.id for row in rows]))
            .subquery()
        )
        same = and_(
            col(ThresholdVersionRow.threshold_id) == ranked.c.threshold_id,
            col(ThresholdVersionRow.number) == ranked.c.number,
        )
        found = await self._session.execute(
            select(ThresholdVersionRow)
            .join(ranked, same)
            .where(ranked.c.place <= MOST_VERSIONS)
            .order_by(col(ThresholdVersionRow.number).desc())
        )
        versions: defaultdict[UUID, list[Version]] = defaultdict(list)
        for version in found.scalars():
            versions[version.threshold_id].append(_version(version))
        return [_threshold(row, versions[row.id]) for row in rows]

    async def _upsert(self, table: Any, values: Mapping[str, Any], key: list[str]) -> None:
        statement = insert(table).values(values)
        changes = {name: statement.excluded[name] for name in values if name not in key}
        await self._session.execute(statement.on_conflict_do_update(index_elements=key, set_=changes))


def _is_due(slot: datetime) -> Any:
    return or_(col(OutletRow.learnt_at).is_(None), col(OutletRow.learnt_at) < slot)


def _columns(one: Threshold) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in ThresholdRow.model_fields}
    return {**fields, "kind": one.kind.value, "state": one.state.value, "before": one.before.value,
            "confirmed": None if one.confirmed is None else dict(one.confirmed), "held": _dumped(one.held)}  # fmt: skip


def _version_columns(one: Threshold, version: Version) -> dict[str, Any]:
    fields = {name: getattr(version, name) for name in ThresholdVersionRow.model_fields if name != "threshold_id"}
    basis = None if version.basis is None else _BASIS.dump_python(version.basis, mode="json")
    return {**fields, "threshold_id": one.id, "origin": version.origin.value, "numbers": dict(version.numbers),
            "made": _dumped(version.made), "decided": _dumped(version.decided), "basis": basis}  # fmt: skip


def _dumped(person: Person | None) -> dict[str, Any] | None:
    return None if person is None else {**asdict(person), "at": person.at.isoformat()}


def _person(document: dict[str, Any] | None) -> Person | None:
    return None if document is None else _PERSON.validate_python(document)


def _version(row: ThresholdVersionRow) -> Version:
    return Version(
        number=row.number, origin=ThresholdOrigin(row.origin), numbers=row.numbers,
        made=_PERSON.validate_python(row.made), note=row.note,
        basis=None if row.basis is None else _BASIS.validate_python(row.basis), accepted=row.accepted,
        valid_from=row.valid_from, decided=_person(row.decided), decision=row.decision,
    )  # fmt: skip


def _threshold(row: ThresholdRow, versions: Sequence[Version]) -> Threshold:
    fields = {name: getattr(row, name) for name in ThresholdRow.model_fields}
    return Threshold(
        **{**fields, "kind": ReadingKind(row.kind), "state": ThresholdState(row.state),
           "before": ThresholdState(row.before), "held": _person(row.held), "versions": tuple(versions)}
    )  # fmt: skip
