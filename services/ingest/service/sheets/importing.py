"""Imports of the registry's sheets: every row is put in for good or, for a check, put in and taken back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.sheets.columns import Column, match
from services.ingest.domain.sheets.table import Line, SheetTable
from services.ingest.domain.sheets.values import CellError, faults, parse, plain
from services.ingest.service.dossier import DossierService
from services.ingest.service.ledger import Ledger
from services.ingest.service.registry import RegistryService
from services.ingest.service.sheets.adapters import KEYS, MODELS, Adapter, Places
from services.ingest.service.sheets.reading_file import FORMATS, read_file
from services.ingest.service.transfers.kinds import Kind, Outcome, Work
from services.ingest.store.registry import RegistryStore
from shared.contracts.ingest import OutletFactor
from shared.contracts.ingest.transfers import MAX_ROW_ERRORS, ImportMode, RowError, TransferDirection
from shared.errors import AppError, InvalidError

MAX_LINES = 20_000
STEP = 50
FACTOR_FIELDS = frozenset({"factor", "unit", "span_low", "span_high", "resolution"})


class RowsRefusedError(InvalidError):
    """Some rows cannot be imported, so none was."""

    code = "rows_refused"


class _TakenBackError(Exception):
    """Rolls a check back."""


@dataclass
class Tally:
    """What became of the rows."""

    rows: int = 0
    good: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)
    count: int = 0
    bad_lines: set[int] = field(default_factory=set)

    def refuse(self, *errors: RowError) -> None:
        """Note refused cells."""
        self.count += len(errors)
        self.bad_lines.update(item.line for item in errors)
        self.errors += errors[: max(0, MAX_ROW_ERRORS - len(self.errors))]

    def result(self, table: SheetTable, notes: dict[str, int]) -> dict[str, Any]:
        """As the job keeps it."""
        return {
            "rows": self.rows, "good": self.good, "refused": len(self.bad_lines), "added": self.added,
            "changed": self.changed, "unchanged": self.unchanged, **table.facts,
            **({"converted": notes} if notes else {}),
        }  # fmt: skip


@dataclass
class Group:
    """Lines that make one thing: one, or all lines of an outlet."""

    line: int
    fields: dict[str, Any]
    factors: list[dict[str, Any]]
    lines: list[int]


class SheetImport:
    """One import in one transaction."""

    def __init__(self, sheet: str, work: Work, session: AsyncSession) -> None:
        self._sheet, self._work, self._session = sheet, work, session
        self.ledger = Ledger(session, waits=True)
        store = RegistryStore(session)
        now = work.clock.now
        services = (
            RegistryService(session, now, work.caller, self.ledger),
            DossierService(session, now, work.caller, self.ledger),
        )
        self.adapter = Adapter(sheet, services, store, Places(store, work.caller), now())
        self.tally = Tally()
        self._names: dict[str, str] = {}
        self._seen: dict[tuple[Any, ...], int] = {}

    async def run(self, table: SheetTable) -> None:
        """Put all rows in; refusals are in the tally."""
        columns = match(self._sheet, table.header)
        self._names = {column.field: table.header[place] for place, column in columns.items()}
        self.tally.rows = len(table.lines)
        groups = list(self._groups(table, columns))
        for number, group in enumerate(groups):
            if number % STEP == 0:
                await self._work.progress(number, len(groups))
            await self._put(group)

    def _groups(self, table: SheetTable, columns: dict[int, Column]) -> Iterator[Group]:
        outlets: dict[tuple[Any, ...], Group] = {}
        for line in table.lines:
            fields = self._fields(line, columns)
            if fields is None or self._is_repeated(line, fields):
                continue
            factor = {name: fields.pop(name) for name in FACTOR_FIELDS & fields.keys()} if self._is_outlets else {}
            key = (fields["enterprise"], fields["code"]) if self._is_outlets else (line.number,)
            group = outlets.get(key)
            if group is None:
                group = outlets[key] = Group(line.number, fields, [], [])
            elif group.fields != fields:
                names = [name for name in fields if fields[name] != group.fields[name]]
                self._refuse(line.number, CellError("differs", f"line {group.line} says otherwise of the same outlet",
                                                    first=group.line, field=names[0]))  # fmt: skip
                continue
            group.lines.append(line.number)
            if factor.get("factor"):
                group.factors.append(_factor(factor))
        yield from outlets.values()

    @property
    def _is_outlets(self) -> bool:
        return self._sheet == "outlets"

    def _fields(self, line: Line, columns: dict[int, Column]) -> dict[str, Any] | None:
        model = OutletFactor if self._is_outlets else MODELS[self._sheet]
        fields: dict[str, Any] = {}
        errors = [
            CellError("extra_cell", "there is a value without a column", value=str(cell)[:40]).at(line.number, "")
            for place, cell in enumerate(line.cells)
            if place not in columns and cell not in {None, ""}
        ]
        for place, column in columns.items():
            cell = line.cells[place] if place < len(line.cells) else None
            of = model if column.field in model.model_fields else MODELS[self._sheet]
            try:
                fields[column.field] = parse(column, plain(cell), of)
            except CellError as failure:
                errors.append(failure.at(line.number, self._names[column.field]))
        self.tally.refuse(*errors)
        return None if errors else fields

    def _is_repeated(self, line: Line, fields: dict[str, Any]) -> bool:
        key = tuple(fields.get(name) for name in KEYS[self._sheet])
        first = self._seen.setdefault(key, line.number)
        if first != line.number:
            self._refuse(line.number, CellError("duplicate", f"the same as line {first}", first=first,
                                                field=KEYS[self._sheet][-1]))  # fmt: skip
        return first != line.number

    async def _put(self, group: Group) -> None:
        before, _ = self.ledger.last_action
        try:
            async with self._session.begin_nested():
                await self.adapter.put(group.fields, group.factors)
        except CellError as failure:
            self._refuse(group.line, failure)
        except ValidationError as failure:
            self.tally.refuse(*faults(failure, group.line, self._names))
        except AppError as failure:
            self._refuse(group.line, CellError(failure.code, failure.message, field=failure.context.get("field", "")))
        else:
            self.tally.good += len(group.lines)
            after, action = self.ledger.last_action
            kind = "unchanged" if after == before else "added" if action.endswith(".added") else "changed"
            setattr(self.tally, kind, getattr(self.tally, kind) + 1)

    def _refuse(self, line: int, failure: CellError) -> None:
        name = str(failure.values.pop("field", ""))
        self.tally.refuse(failure.at(line, self._names.get(name, name)))


def _factor(fields: dict[str, Any]) -> dict[str, Any]:
    return {"unit": fields.get("unit") or "", **{name: value for name, value in fields.items() if name != "unit"}}


def importer(sheet: str) -> Kind:
    """The kind of job that imports a sheet."""

    async def run(work: Work) -> Outcome:
        if work.source is None:
            raise InvalidError("an import needs its file")
        table = await read_file(work.source, work.file_name)
        if len(table.lines) > MAX_LINES:
            raise InvalidError(f"at most {MAX_LINES} rows at once", reason="too_many_rows", limit=MAX_LINES)
        mode = ImportMode(work.parameters["mode"])
        job: SheetImport | None = None
        try:
            async with work.db.transaction() as session:
                job = SheetImport(sheet, work, session)
                await job.run(table)
                if mode is ImportMode.CHECK:
                    raise _TakenBackError  # noqa: TRY301 - rolls back
                check_all(mode, job.tally, job.tally.result(table, job.adapter.notes))
                await work.seal(session)
                await job.ledger.flush()
        except _TakenBackError:
            pass
        if job is None:
            raise RuntimeError("an import without a transaction")
        return Outcome(job.tally.result(table, job.adapter.notes), job.tally.errors, job.tally.count)

    return Kind(
        name=f"import.{sheet}", direction=TransferDirection.IMPORT, formats=FORMATS, scope="registry:write", run=run
    )


def check_all(mode: ImportMode, tally: Tally, result: dict[str, Any]) -> None:
    """All or nothing: raise `RowsRefusedError` where a row was refused."""
    if mode is ImportMode.ALL and tally.count:
        raise RowsRefusedError(
            f"{len(tally.bad_lines)} rows are refused, so nothing was imported",
            row_errors=tally.errors, count=tally.count,
            reason="rows_refused", **result,
        )  # fmt: skip


KINDS = tuple(importer(sheet) for sheet in MODELS)
