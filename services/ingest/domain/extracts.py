"""Readings as bytes, table after table: CSV, Parquet and Arrow that never hold more than one table."""

from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

SCHEMA = pa.schema([
    ("outlet_id", pa.string()), ("factor", pa.string()), ("at", pa.timestamp("us", tz="UTC")),
    ("value", pa.float64()), ("flag", pa.string()),
])  # fmt: skip
BOM = b"\xef\xbb\xbf"
"""Tells Excel that a CSV is UTF-8."""


class Form(StrEnum):
    """Forms of `GET /v1/readings`."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


MEDIA = {
    Form.JSON: "application/json",
    Form.CSV: "text/csv; charset=utf-8",
    Form.PARQUET: "application/vnd.apache.parquet",
    Form.ARROW: "application/vnd.apache.arrow.stream",
}


def form_of(accept: str) -> Form:
    """The form an `Accept` header asks for; JSON where it names none of ours."""
    wanted = [part.split(";", 1)[0].strip().lower() for part in accept.split(",")]
    names = {MEDIA[form].split(";", 1)[0]: form for form in Form}
    return next((names[name] for name in wanted if name in names), Form.JSON)


class Encoder(Protocol):
    """Bytes as they come to be: after each table, and at the end."""

    def add(self, table: pa.Table) -> bytes:
        """One more table."""

    def end(self) -> bytes:
        """What closes the file."""


class _Drain:
    """A file to write to whose bytes are taken away as they come."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The bytes stay until they are taken."""

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


class _Arrow:
    def __init__(self) -> None:
        self._drain = _Drain()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._drain, "w"), SCHEMA, options=options)

    def add(self, table: pa.Table) -> bytes:
        self._writer.write_table(table)
        return self._drain.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._drain.take()


class _Parquet:
    def __init__(self) -> None:
        self._drain = _Drain()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._drain, "w"), SCHEMA, compression="zstd")

    def add(self, table: pa.Table) -> bytes:
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        return self._drain.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._drain.take()


class _Csv:
    def __init__(self, *, bom: bool) -> None:
        self._head = BOM if bom else b""
        self._first = True

    def add(self, table: pa.Table) -> bytes:
        sink = pa.BufferOutputStream()
        spelt = pc.strftime(table["at"], format="%Y-%m-%dT%H:%M:%SZ")
        seconds = pc.replace_substring_regex(spelt, pattern=r"\.0+Z$", replacement="Z")
        place = table.schema.get_field_index("at")
        options = pa_csv.WriteOptions(include_header=self._first, quoting_style="needed")
        pa_csv.write_csv(table.set_column(place, "at", seconds), sink, options)
        head, self._head, self._first = self._head, b"", False
        data: bytes = sink.getvalue().to_pybytes()
        return head + data

    def end(self) -> bytes:
        return self.add(SCHEMA.empty_table()) if self._first else b""


def encoder(form: Form, *, bom: bool = False) -> Encoder:
    """The encoder of a form that is made table by table."""
    if form is Form.CSV:
        return _Csv(bom=bom)
    return _Parquet() if form is Form.PARQUET else _Arrow()
