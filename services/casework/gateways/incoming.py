"""A file arriving by multipart/form-data, taken in without ever holding it in memory.

The form's fields come first (`case_id`, `kind`, `finding_id`), then one part `file`: so that who may hand in
what is known before the first byte is stored.
"""

import asyncio
import hashlib
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.errors import InvalidError, TooLargeError, UnsupportedTypeError

LONGEST_FIELD = 200
MOST_FIELDS = 10
BLOCK = 1 << 20


class IncomingForm:
    """Feed it the body; `fields` and `file_name` fill, `take()` gives the file's bytes so far."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedTypeError("send the file as multipart/form-data", found=content_type[:100])
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self._name = ""
        self._value = bytearray()
        self._header = bytearray()
        self._header_value = bytearray()
        self._disposition: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._in_file = False
        self._ended = False
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin, "on_header_field": self._on_header, "on_header_value": self._on_value,
                "on_header_end": self._end_header, "on_headers_finished": self._start, "on_part_data": self._data,
                "on_part_end": self._end, "on_end": self._finish,
            },
        )  # fmt: skip

    def feed(self, data: bytes) -> None:
        """Parse on; `InvalidError` where the form is malformed."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidError(f"the form cannot be read: {error}") from error

    def take(self) -> bytes:
        """Bytes of the file since the last call."""
        data, self._chunks = b"".join(self._chunks), []
        return data

    def check_complete(self) -> None:
        """Raise unless the whole form arrived with a file in it."""
        if not self._ended:
            raise InvalidError("the upload was cut off; send it again")
        if self.file_name is None:
            raise InvalidError("the form has no file", errors=[_missing("file")])

    def _begin(self) -> None:
        self._header, self._header_value, self._disposition = bytearray(), bytearray(), {}

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, self._disposition = parse_options_header(bytes(self._header_value))
        self._header, self._header_value = bytearray(), bytearray()

    def _start(self) -> None:
        self._name = self._disposition.get(b"name", b"").decode("utf-8", "replace")
        self._value = bytearray()
        self._in_file = b"filename" in self._disposition
        if self._in_file:
            if self.file_name is not None:
                raise InvalidError("one file a request", errors=[{"where": "file", "message": "two", "code": "many"}])
            self.file_name = self._disposition[b"filename"].decode("utf-8", "replace")
        elif self.file_name is not None:
            raise InvalidError("the fields come before the file", errors=[_missing(self._name)])
        elif len(self.fields) >= MOST_FIELDS:
            raise InvalidError("the form has too many fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._chunks.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > LONGEST_FIELD:
            raise InvalidError(f"the field {self._name} is too long")

    def _end(self) -> None:
        if not self._in_file:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _finish(self) -> None:
        self._ended = True


def _missing(name: str) -> dict[str, str]:
    return {"where": name, "message": "needed, before the file", "code": "missing"}


class Sink:
    """Writes what comes to a file by blocks in a thread, counts and hashes; stops at the limit."""

    def __init__(self, path: Path, limit: int, kind: str) -> None:
        self._path = path
        self._limit = limit
        self._kind = kind
        self._pending = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Take bytes in; `TooLargeError` beyond the limit."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLargeError(
                f"a {self._kind} may have {self._limit} bytes at most", limit=self._limit, kind=self._kind
            )
        self._pending += data
        if len(self._pending) >= BLOCK:
            await self._spill()

    async def close(self) -> str:
        """Write the rest; the SHA-256 in hex. `InvalidError` for an empty file."""
        await self._spill()
        if self.size == 0:
            raise InvalidError("the file is empty", errors=[{"where": "file", "message": "empty", "code": "empty"}])
        return self._digest.hexdigest()

    async def _spill(self) -> None:
        block, self._pending = bytes(self._pending), bytearray()
        await asyncio.to_thread(self._append, block)

    def _append(self, block: bytes) -> None:
        self._digest.update(block)
        with self._path.open("ab") as file:
            file.write(block)
