"""Readings of Parquet files as ingest writes them: exports, `GET /v1/readings`, and closed months of the archive."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from launcher.errors import LauncherError
from services.detection.gateways import Column, History, split
from shared.contracts.ingest import EnterpriseOut, Medium, OutletOut, ReadingKind

COLUMNS = {"outlet_id": pa.string(), "factor": pa.string(), "at": None, "value": pa.float64(), "flag": pa.string()}
_REVISION = re.compile(r"^(?P<month>.+)\.r(?P<rev>\d+)$")
ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Registry:
    """What is known of outlets and, by enterprise, of trades; `assumed` says in words what was not given."""

    outlets: dict[UUID, OutletOut]
    trades: dict[UUID, str]
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class HistoryFiles:
    """Files with the kind of reading that each holds."""

    files: tuple[tuple[Path, ReadingKind], ...]

    def outlet_ids(self, factors: dict[UUID, set[str]] | None = None) -> list[UUID]:
        """Outlets in the files; their factors are added to `factors` where it is given."""
        found: dict[UUID, set[str]] = {} if factors is None else factors
        for path, _ in self.files:
            for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=["outlet_id", "factor"]):
                pairs = pa.Table.from_batches([batch]).group_by(["outlet_id", "factor"]).aggregate([])
                for outlet_id, factor in zip(pairs["outlet_id"].to_pylist(), pairs["factor"].to_pylist(), strict=True):
                    found.setdefault(_uuid(path, outlet_id), set()).add(factor)
        return sorted(found)

    def read(self, outlet_id: UUID, kinds: Sequence[ReadingKind], since: datetime, until: datetime) -> History:
        """Readings of one outlet from `since` to before `until`; of a time that is there twice the later row."""
        found: History = {}
        for path, kind in self.files:
            if kind not in kinds:
                continue
            chosen = pq.read_table(path, columns=list(COLUMNS), filters=[("outlet_id", "=", str(outlet_id))])
            inside = pc.and_(
                pc.greater_equal(chosen["at"], pa.scalar(since, chosen["at"].type)),
                pc.less(chosen["at"], pa.scalar(until, chosen["at"].type)),
            )
            for (_, factor), column in split(chosen.filter(inside)).items():
                found[factor, kind] = _merged(found.get((factor, kind)), column)
        return found


def find_files(place: Path, kind: ReadingKind | None) -> HistoryFiles:
    """The Parquet files of a file or folder, of each month of an archive the newest revision.

    The kind of reading is `kind`, or the name of the folder that a file lies in. Raises LauncherError where it cannot
    be known, or a file is none of ingest's.
    """
    paths = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
    if not paths:
        raise LauncherError(f"no .parquet file in {place}")
    listed = []
    for path in _newest(paths):
        names = {one.value for one in ReadingKind}
        known = kind or (ReadingKind(path.parent.name) if path.parent.name in names else None)
        if known is None:
            raise LauncherError(
                f"{path}: which kind of readings are these?", remedy="give --kind hour (or minute, day, realtime)"
            )
        _check_columns(path)
        listed.append((path, known))
    return HistoryFiles(tuple(listed))


def read_registry(path: Path) -> Registry:
    """Outlets as `GET /v1/outlets` gives them: a list or a page; or `{"outlets": […], "enterprises": […]}`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        firms = document.get("enterprises", []) if isinstance(document, dict) else []
        listed = document if isinstance(document, list) else document.get("outlets", document.get("items", []))
        outlets = [OutletOut.model_validate(item) for item in listed]
        enterprises = [EnterpriseOut.model_validate(item) for item in firms]
    except (ValueError, AttributeError, OSError) as error:
        raise LauncherError(f"{path} is no registry: {error}", remedy="give the JSON of GET /v1/outlets") from error
    assumed = () if enterprises else ("no trades: rules with numbers by trade use their general ones",)
    return Registry({one.id: one for one in outlets}, {one.id: one.trade for one in enterprises}, assumed)


def assumed_registry(files: HistoryFiles, minute_interval: int) -> Registry:
    """Outlets of which only their readings are known: no limits, ranges, resolutions or trades."""
    factors: dict[UUID, set[str]] = {}
    outlets = {}
    for outlet_id in files.outlet_ids(factors):
        water = sum(code.startswith("w") for code in factors[outlet_id]) * 2 > len(factors[outlet_id])
        outlets[outlet_id] = OutletOut(
            id=outlet_id, enterprise_id=outlet_id, code=str(outlet_id)[:8], name_zh=str(outlet_id)[:8],
            medium=Medium.WATER if water else Medium.GAS, minute_interval=minute_interval, version=1,
            changed_at=datetime(2000, 1, 1, tzinfo=UTC),
        )  # fmt: skip
    return Registry(
        outlets, {},
        ("no limits: rules that need one find nothing",
         "no ranges and resolutions: numbers relative to them do not act",
         f"water or gas by the codes of the factors; minute readings every {timedelta(minutes=minute_interval)}",
         "no trades, no marks: flags count as they stand in the files"),
    )  # fmt: skip


def _newest(paths: Iterable[Path]) -> list[Path]:
    newest: dict[tuple[Path, str], tuple[int, Path]] = {}
    for path in paths:
        named = _REVISION.match(path.stem)
        key, rev = (path.parent, named["month"] if named else path.stem), int(named["rev"]) if named else 0
        newest[key] = max(newest.get(key, (-1, path)), (rev, path))
    return sorted(path for _, path in newest.values())


def _check_columns(path: Path) -> None:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise LauncherError(f"{path} is no Parquet file: {error}") from error
    for name, kind in COLUMNS.items():
        if name not in schema.names:
            raise LauncherError(f"{path} has no column {name}", remedy=f"columns are {', '.join(COLUMNS)}")
        found = schema.field(name).type
        fits = pa.types.is_timestamp(found) and found.tz is not None if kind is None else _like(found, kind)
        if not fits:
            raise LauncherError(f"{path}: column {name} is {found}, not as ingest exports it")


def _like(found: pa.DataType, kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    text = pa.types.is_string(found) or pa.types.is_large_string(found)
    number = pa.types.is_floating(found) or pa.types.is_integer(found)
    return bool(text if pa.types.is_string(kind) else number)


def _uuid(path: Path, text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError as error:
        raise LauncherError(f"{path}: {text!r} is no outlet_id") from error


def _merged(before: Column | None, more: Column) -> Column:
    parts = [more] if before is None else [before, more]
    t, v, flags = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "v", "flags"))
    order = np.argsort(t, kind="stable")
    last = order[np.append(np.diff(t[order]) > 0, True)] if len(t) else order
    return Column(t[last], v[last], flags[last])
