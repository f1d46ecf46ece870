"""Imports of readings: long (a row a value) and wide (a column a factor), of one kind of mean."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.readings import EARLIEST, Fate, Key, Row, Value
from services.ingest.domain.registry import Outlet
from services.ingest.domain.sheets.columns import words
from services.ingest.domain.sheets.readings import Shape, Told, cell_at, shape_of, time_at, told_in
from services.ingest.domain.sheets.table import Line, SheetTable
from services.ingest.domain.sheets.units import converter
from services.ingest.domain.sheets.values import CellError, plain, text
from services.ingest.service.intake import put
from services.ingest.service.sheets.adapters import Places, unit_at
from services.ingest.service.sheets.importing import Tally, check_all
from services.ingest.service.sheets.reading_file import FORMATS, read_file
from services.ingest.service.transfers.kinds import Kind, Outcome, Work
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import RegistryStore
from shared import audit
from shared.audit import Actor
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.transfers import ImportMode, TransferDirection
from shared.errors import InvalidError

MAX_VALUES = 400_000
STEP = 500
OVER_RANGE = "T"
"""Flag of HJ 212 for a value beyond the range: it says so itself."""


class _TakenBackError(Exception):
    """Rolls a check back, with what would have become of its rows."""

    def __init__(self, fates: list[Fate]) -> None:
        super().__init__()
        self.fates = fates


@dataclass
class _Gathering:
    """Rows read so far: values by outlet and time, and on which line each stood."""

    kind: ReadingKind
    values: dict[Key, dict[str, Value]] = field(default_factory=dict)
    lines: dict[tuple[Key, str], int] = field(default_factory=dict)
    outlets: dict[int, UUID] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


class _Reader:
    """Judges every line of a sheet of readings."""

    def __init__(self, work: Work, table: SheetTable, kind: ReadingKind, places: Places) -> None:
        self._work, self._table, self._places = work, table, places
        self._shape: Shape = shape_of(table.header)
        self.got = _Gathering(kind)
        self.tally = Tally(rows=len(table.lines))

    async def read(self) -> None:
        """All lines; refusals are in the tally."""
        for number, line in enumerate(self._table.lines):
            if number % STEP == 0:
                await self._work.progress(number, len(self._table.lines))
            try:
                await self._line(line)
            except CellError as failure:
                self._refuse(line, failure)
            if len(self.got.lines) > MAX_VALUES:
                raise InvalidError(f"at most {MAX_VALUES} values at once", reason="too_many_rows", limit=MAX_VALUES)

    async def _line(self, line: Line) -> None:
        codes = {name: self._text(line, name) for name in ("enterprise", "outlet")}
        outlet = await self._places.outlet(codes)
        place = self._shape.places["time"]
        try:
            at = time_at(cell_at(line, place), self.got.kind, self._work.clock.now())
        except CellError as failure:
            failure.values["place"] = place
            raise
        if at.timestamp() < EARLIEST:
            raise CellError("too_old", "before the year 2000", place=place)
        key = Key(outlet.point, self.got.kind, int(at.timestamp()))
        told = [self._judged(item, outlet) for item in told_in(line, self._shape)]
        for item, _ in told:
            first = self.got.lines.get((key, item.factor))
            if first is not None:
                raise CellError("duplicate", f"the same as line {first}", first=first, place=item.column)
        self.got.outlets[outlet.point] = outlet.id
        for item, value in told:
            self.got.lines[key, item.factor] = line.number
            self.got.values.setdefault(key, {})[item.factor] = value
        self.tally.good += 1

    def _text(self, line: Line, name: str) -> str:
        place = self._shape.places[name]
        cell = plain(cell_at(line, place))
        if cell is None or cell == "":
            raise CellError("required", "this must be filled", place=place)
        return text(cell)

    def _judged(self, told: Told, outlet: Outlet) -> tuple[Told, Value]:
        kept = next((item for item in outlet.factors if item.factor == told.factor), None)
        if kept is None:
            raise CellError("not_of_outlet", f"the outlet does not monitor {told.factor}", value=told.factor,
                            place=told.column)  # fmt: skip
        wanted = unit_at(outlet, told.factor)
        convert = converter(told.unit or wanted, wanted)
        if convert is None:
            raise CellError("wrong_unit", f"{told.factor} is kept in {wanted or '(no unit)'}, not {told.unit}",
                            value=told.unit, unit=wanted, place=told.column)  # fmt: skip
        value = None if told.value is None else convert(told.value)
        if convert is not float:
            note = f"{told.factor}: {told.unit} → {wanted}"
            self.got.notes[note] = self.got.notes.get(note, 0) + 1
        low, high = kept.span_low, kept.span_high
        beyond = value is not None and ((low is not None and value < low) or (high is not None and value > high))
        if beyond and told.flag != OVER_RANGE:
            raise CellError("out_of_range", f"outside the range {low} to {high} {wanted}", value=value, low=low,
                            high=high, unit=wanted, place=told.column)  # fmt: skip
        return told, Value(value, told.flag)

    def _refuse(self, line: Line, failure: CellError) -> None:
        place = failure.values.pop("place", None)
        name = str(failure.values.pop("field", ""))
        if place is None and name in self._shape.places:
            place = self._shape.places[name]
        title = self._table.header[place] if place is not None and place < len(self._table.header) else name
        self.tally.refuse(failure.at(line.number, title))


async def run(work: Work) -> Outcome:
    """Import readings; all rows of a file in one transaction."""
    if work.source is None:
        raise InvalidError("an import needs its file")
    table = await read_file(work.source, work.file_name)
    mode, kind = ImportMode(work.parameters["mode"]), ReadingKind(work.parameters["readings"])
    async with work.db.transaction() as session:
        reader = _Reader(work, table, kind, Places(RegistryStore(session), work.caller))
        await reader.read()
    result = {**reader.tally.result(table, reader.got.notes), "readings": kind.value, "values": len(reader.got.lines)}
    check_all(mode, reader.tally, result)
    source = f"file:{work.caller.name}"[:100]
    rows = [Row(key, values, source) for key, values in reader.got.values.items()]
    fates = await _write(work, rows, reader.got.outlets, mode) if rows else []
    result |= {
        "added": fates.count(Fate.STORED), "changed": fates.count(Fate.CORRECTED),
        "unchanged": fates.count(Fate.UNCHANGED),
    }  # fmt: skip
    return Outcome(result, reader.tally.errors, reader.tally.count)


async def _write(work: Work, rows: list[Row], outlets: dict[int, UUID], mode: ImportMode) -> list[Fate]:
    async def write(session: AsyncSession, store: ReadingStore) -> list[Fate]:
        if mode is ImportMode.CHECK:
            raise _TakenBackError(await put(session, store, rows, outlets, at=work.clock.now()))
        await work.seal(session)
        told = {"file": work.file_name, "rows": len(rows), "outlets": [str(item) for item in outlets.values()]}
        await audit.record(
            session, Actor.of(work.caller), "readings.imported", f"transfer:{work.id}", at=work.clock.now(), after=told
        )
        return await put(session, store, rows, outlets, at=work.clock.now())

    try:
        return await work.intake.run(rows, write)
    except _TakenBackError as taken:
        return taken.fates


def check_parameters(given: dict[str, Any]) -> dict[str, Any]:
    """`readings`: which kind of means the file holds."""
    kind = words()["readings"].get(str(given.get("readings", "")).lower())
    if kind is None:
        raise InvalidError("readings is one of minute, hour, day, realtime", field="readings")
    return {**given, "readings": kind}


KINDS = (
    Kind(
        name="import.readings", direction=TransferDirection.IMPORT, formats=FORMATS, scope="readings:write", run=run,
        check=check_parameters,
    ),
)  # fmt: skip
