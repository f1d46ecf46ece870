"""The SQL of quality-assurance records."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.qa.judging import Record
from services.ingest.tables import QaRecordRow
from shared.contracts.ingest.qa import ErrorKind, QaKind, QaPair, QaSource
from shared.errors import NotFoundError


class QaNotFoundError(NotFoundError):
    """No such record."""

    code = "qa_record_not_found"


@dataclass(frozen=True, kw_only=True)
class QaFilter:
    """Which records to list; None does not restrict."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    factor: str | None = None
    kind: QaKind | None = None
    passed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def _record(row: QaRecordRow) -> Record:
    fields = row.model_dump(exclude={"allowed_error", "packet_id"})
    fields |= {
        "limit": row.allowed_error, "kind": QaKind(row.kind), "error_kind": ErrorKind(row.error_kind),
        "source": QaSource(row.source), "pairs": tuple(QaPair(**pair) for pair in row.pairs),
    }  # fmt: skip
    return Record(**fields)


class QaStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_records(self, which: QaFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Record]:
        """The latest first, replaced ones too."""
        query = select(QaRecordRow).order_by(col(QaRecordRow.at).desc(), col(QaRecordRow.id).desc()).limit(limit)
        for name in ("enterprise_id", "outlet_id", "factor", "kind", "passed"):
            value = getattr(which, name)
            if value is not None:
                query = query.where(col(getattr(QaRecordRow, name)) == value)
        if which.since is not None:
            query = query.where(col(QaRecordRow.at) >= which.since)
        if which.until is not None:
            query = query.where(col(QaRecordRow.at) < which.until)
        if after is not None:
            query = query.where(tuple_(col(QaRecordRow.at), col(QaRecordRow.id)) < after)
        return [_record(row) for row in (await self._session.execute(query)).scalars()]

    async def list_latest(self, outlet_ids: Sequence[UUID]) -> dict[tuple[UUID, str, QaKind], Record]:
        """The last record that counts, by outlet, factor and kind."""
        key = (col(QaRecordRow.outlet_id), col(QaRecordRow.factor), col(QaRecordRow.kind))
        query = (
            select(QaRecordRow)
            .ext(distinct_on(*key))
            .where(col(QaRecordRow.outlet_id).in_(list(outlet_ids)), ~col(QaRecordRow.replaced))
            .order_by(*key, col(QaRecordRow.at).desc())
        )
        records = [_record(row) for row in (await self._session.execute(query)).scalars()]
        return {(record.outlet_id, record.factor, record.kind): record for record in records}

    async def get(self, record_id: UUID, *, lock: bool = False) -> Record:
        """One record; raises when there is none."""
        row = await self._session.get(QaRecordRow, record_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            raise QaNotFoundError("no such record", record_id=str(record_id))
        return _record(row)

    async def find_same(self, record: Record) -> Record | None:
        """A record that says the same and counts."""
        query = select(QaRecordRow).where(
            col(QaRecordRow.outlet_id) == record.outlet_id, col(QaRecordRow.factor) == record.factor,
            col(QaRecordRow.kind) == record.kind, col(QaRecordRow.at) == record.at, ~col(QaRecordRow.replaced),
            col(QaRecordRow.pairs) == [pair.model_dump() for pair in record.pairs],
        )  # fmt: skip
        row = (await self._session.execute(query)).scalars().first()
        return None if row is None else _record(row)

    async def add(self, record: Record, packet_id: int | None = None) -> Record:
        """A new record; the record with its number."""
        values: dict[str, Any] = asdict(record)
        del values["serial"]
        values |= {
            "allowed_error": values.pop("limit"), "pairs": [pair.model_dump() for pair in record.pairs],
            "packet_id": packet_id,
        }  # fmt: skip
        serial = await self._session.execute(insert(QaRecordRow).values(values).returning(col(QaRecordRow.serial)))
        return Record(**{**record.__dict__, "serial": serial.scalar_one()})

    async def replace(self, record_id: UUID) -> None:
        """Let a record count no more."""
        await self._session.execute(update(QaRecordRow).where(col(QaRecordRow.id) == record_id).values(replaced=True))
