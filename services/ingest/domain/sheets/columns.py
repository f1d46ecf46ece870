"""Which column is which: names in Chinese or English, and the words people write for codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from services.ingest.domain.sheets.table import RefusedFileError


@dataclass(frozen=True)
class Column:
    """A column of a sheet. A secret one is read, and never written."""

    field: str
    zh: str
    en: str
    required: bool = False
    secret: bool = False

    def name(self, language: str) -> str:
        """Its name in a language."""
        return self.zh if language == "zh" else self.en


def _read(name: str) -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))


@cache
def columns() -> dict[str, tuple[Column, ...]]:
    """All sheets' columns by sheet."""
    return {sheet: tuple(Column(**row) for row in rows) for sheet, rows in _read("columns.yaml").items()}


@cache
def words() -> dict[str, dict[str, str]]:
    """Field → what somebody may write (folded) → code."""
    table: dict[str, dict[str, str]] = {}
    for name, codes in _read("words.yaml").items():
        table[name] = {folded(str(word)): code for code, said in codes.items() for word in (code, *said)}
    return table


@cache
def word_of(field: str, code: str) -> str:
    """How a code is written in Chinese."""
    said = _read("words.yaml").get(field, {}).get(code)
    return str(said[0]) if said else code


def folded(text: str) -> str:
    """A name as it is compared: no case, spaces or punctuation of either width."""
    return "".join(character for character in text.lower() if character.isalnum())


def match(sheet: str, header: Sequence[str]) -> dict[int, Column]:
    """Place → column. Raises `RefusedFileError` that names a column twice there, one unknown, or one missing."""
    known = columns()[sheet]
    names = {folded(name): column for column in known for name in (column.zh, column.en, column.field)}
    found: dict[int, Column] = {}
    for place, name in enumerate(header):
        if not name:
            continue
        column = names.get(folded(name))
        if column is None:
            raise RefusedFileError("column_unknown", f"no column is called {name[:60]!r}", column=name[:60])
        if column in found.values():
            raise RefusedFileError("column_twice", f"the column {name[:60]!r} is there twice", column=name[:60])
        found[place] = column
    check_complete(known, found.values())
    return found


def check_complete(known: Sequence[Column], found: Any) -> None:
    """Raise `RefusedFileError` where a required column is missing."""
    have = {column.field for column in found}
    for column in known:
        if column.required and column.field not in have:
            raise RefusedFileError(
                "column_missing", f"the column {column.en!r} ({column.zh}) is missing", column=column.zh
            )
