"""Readings in columns, and as Arrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Columns:
    """Values in columns, ordered by point, factor code, time.

    point int32, factor and flag text, at int64 Unix seconds, value float64 with NaN for missing; all of one length.
    """

    point: NDArray[np.int32]
    factor: NDArray[Any]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    flag: NDArray[Any]

    def __len__(self) -> int:
        return len(self.at)

    def part(self, start: int, end: int | None) -> "Columns":
        """Places `start` to before `end`."""
        cut = slice(start, end)
        return Columns(self.point[cut], self.factor[cut], self.at[cut], self.value[cut], self.flag[cut])

    def between(self, since: int, until: int) -> "Columns":
        """From `since` to before `until`, in Unix seconds."""
        inside = (self.at >= since) & (self.at < until)
        return Columns(
            self.point[inside], self.factor[inside], self.at[inside], self.value[inside], self.flag[inside]
        )  # fmt: skip

    def of_factors(self, factors: Sequence[str]) -> "Columns":
        """Only the values of these factors."""
        mine = np.zeros(len(self), np.bool_)
        for code in factors:
            mine |= np.asarray(self.factor == code, np.bool_)
        return Columns(self.point[mine], self.factor[mine], self.at[mine], self.value[mine], self.flag[mine])

    @classmethod
    def of(cls, parts: "Sequence[Columns]") -> "Columns":
        """Parts one after the other."""
        if not parts:
            return EMPTY
        return cls(
            np.concatenate([part.point for part in parts]),
            np.concatenate([part.factor for part in parts]),
            np.concatenate([part.at for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.flag for part in parts]),
        )

    def ordered(self) -> "Columns":
        """The same in order."""
        _, factor = np.unique(self.factor.astype(str), return_inverse=True)
        order = np.lexsort((self.at, factor, self.point))
        return Columns(self.point[order], self.factor[order], self.at[order], self.value[order], self.flag[order])


EMPTY = Columns(
    np.empty(0, np.int32), np.empty(0, object), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, object)
)


@dataclass(frozen=True)
class Track:
    """One factor of one outlet: at int64 Unix seconds ascending, value float64 (NaN: missing), one flag each."""

    at: NDArray[np.int64]
    value: NDArray[np.float64]
    flags: str


def _spelt(index: NDArray[Any], names: list[str]) -> pa.StringArray:
    numbers = pa.array(index.astype(np.int32))
    return pa.DictionaryArray.from_arrays(numbers, pa.array(names, pa.string())).dictionary_decode()


def _texts(texts: NDArray[Any]) -> pa.StringArray:
    known, index = np.unique(texts.astype(str), return_inverse=True)
    return _spelt(index, known.tolist())


def to_table(columns: Columns, outlets: Mapping[int, UUID]) -> pa.Table:
    """Columns as Arrow: outlet_id, factor, flag string; at timestamp[us, UTC]; value double, null where missing."""
    points, index = np.unique(columns.point, return_inverse=True)
    outlet_id = _spelt(index, [str(outlets[point]) for point in points.tolist()])
    at = pa.array(columns.at * 1_000_000, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    value = pa.array(columns.value, pa.float64(), from_pandas=True)
    factor, flag = _texts(columns.factor), _texts(columns.flag)
    return pa.table({"outlet_id": outlet_id, "factor": factor, "at": at, "value": value, "flag": flag})


def to_stream(table: pa.Table) -> bytes:
    """An Arrow IPC stream; LZ4 makes the repeated texts small, and every reader undoes it by itself."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def to_records(columns: Columns, outlets: Mapping[int, UUID]) -> list[dict[str, Any]]:
    """Columns as the contract's `Reading`, one dictionary a value."""
    at = np.datetime_as_string(columns.at.astype("datetime64[s]")).tolist() if len(columns) else []
    missing = np.isnan(columns.value)
    names = {point: str(outlet_id) for point, outlet_id in outlets.items()}
    return [
        {"outlet_id": names[point], "factor": factor, "at": f"{time}Z", "value": None if gap else value, "flag": flag}
        for point, factor, time, value, gap, flag in zip(
            columns.point.tolist(), columns.factor, at, columns.value.tolist(), missing, columns.flag, strict=True
        )
    ]
