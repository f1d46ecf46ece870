"""CSV in whatever encoding: UTF-8 with and without mark, UTF-16 with mark, GB18030 (GBK); said which one it was."""

import csv
import io

from charset_normalizer import from_bytes

from services.ingest.domain.sheets.table import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT,
    Cell,
    RefusedFileError,
    SheetTable,
    build,
)

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
PUNCTUATION = frozenset("，。；：、（）《》“”‘’－—…·℃³²μ×≤≥／％　０１２３４５６７８９")
DELIMITERS = ",;\t"
PROBE = 64 * 1024


def decode(content: bytes) -> tuple[str, str]:
    """The text and the name of its encoding. `RefusedFileError` where it is none of those known."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return _decoded(content, name), name.removesuffix("-sig") + " (BOM)"
    if b"\x00" in content:
        raise RefusedFileError("not_text", "the file holds NUL bytes: it is not CSV text")
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    text = _decoded(content, "gb18030")
    if not _reads_chinese(text):
        best = from_bytes(content[:PROBE]).best()
        name = best.encoding if best else "?"
        raise RefusedFileError("encoding", f"the file seems to be in {name}; save it as UTF-8", encoding=name)
    return text, "gb18030"


def _reads_chinese(text: str) -> bool:
    """Nearly any bytes can be read as GB18030; Chinese ones give Chinese characters and their punctuation."""
    beyond = [character for character in text[:PROBE] if character > "\x7f"]
    usual = sum(_is_common(one) for one in beyond)
    return usual >= len(beyond) * 0.9


def _decoded(content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as failure:
        raise RefusedFileError(
            "encoding", "the encoding is not known; save the file as UTF-8", encoding="?"
        ) from failure
    if "\x00" in text:
        raise RefusedFileError("not_text", "the file holds NUL characters")
    return text


def read_csv(content: bytes) -> SheetTable:
    """The table of a CSV file; comma, semicolon or tab, whichever the header holds most of."""
    text, encoding = decode(content)
    first = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    delimiter = max(DELIMITERS, key=first.count)
    rows: list[list[Cell]] = []
    cells = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            cells += len(row)
            _check_size(len(rows), len(row), cells)
            rows.append([_cell(item) for item in row])
    except csv.Error as failure:
        raise RefusedFileError("csv", f"line {len(rows) + 1}: {failure}", line=len(rows) + 1) from failure
    return build(rows, {"encoding": encoding})


def _check_size(rows: int, columns: int, cells: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS or cells > MAX_CELLS:
        raise RefusedFileError(
            "too_many", f"at most {MAX_ROWS} rows, {MAX_COLUMNS} columns and {MAX_CELLS} cells",
            rows=MAX_ROWS, columns=MAX_COLUMNS, cells=MAX_CELLS,
        )  # fmt: skip


def _cell(text: str) -> Cell:
    text = text.strip()
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT + 1]


def _is_common(character: str) -> bool:
    """Whether GB 2312 has it, the 6,763 usual characters and their punctuation; rarer ones are in names only."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return "\u4e00" <= character <= "\u9fa5" or character in PUNCTUATION
