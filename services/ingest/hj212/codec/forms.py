"""What each command carries, by edition and sender: the forms of `tables/forms.yaml`, read once.

Source: HJ 212-2017 tables 4 and 9 and appendix C; HJ/T 212-2005 and HJ 212-2025 by public programs that implement them.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from services.ingest.hj212.codec.packet import Edition
from services.ingest.hj212.codec.tables import read_table

PLATFORM = "platform"
LOGGER = "logger"
BOTH = "both"
_EDITIONS = ("2005", "2017", "2025")


class Kind(NamedTuple):
    """How a value is written: the type, and what is allowed of it."""

    name: str
    zh: str
    en: str
    unit: str
    type: str
    minimum: float | None
    maximum: float | None
    one_of: tuple[int, ...]
    size: int | None
    longest: int
    width: int


class Slot(NamedTuple):
    """A field of a form: its name, how often at least, and whether more than once."""

    name: str
    least: int
    many: bool


class Form(NamedTuple):
    """The data area of one command from one sender. `suffixes`: what may stand behind a factor code."""

    cn: str
    sender: str
    editions: tuple[str, ...]
    slots: tuple[Slot, ...]
    suffixes: tuple[str, ...]
    least_items: int
    joint: str
    reply: bool
    trail: str


@cache
def forms() -> Mapping[str, tuple[Form, ...]]:
    """Forms by command, in the order of the file."""
    return MappingProxyType(
        {cn: tuple(_form(cn, row) for row in rows) for cn, rows in read_table("forms.yaml").items()}
    )


@cache
def field_kind(name: str, edition: Edition) -> Kind | None:
    """How a field is written in an edition; None for one that no edition has."""
    row = read_table("fields.yaml").get(name)
    return None if row is None else _kind(name, {**row, **row.get(edition.value, {})})


@cache
def suffix_kind(name: str) -> Kind | None:
    """How the value behind a factor code is written; None for a suffix nobody has described."""
    row = read_table("suffixes.yaml").get(name)
    return None if row is None else _kind(name, row)


@cache
def spellings() -> Mapping[str, str]:
    """Field names as they are misspelt in the field, to the right ones."""
    return MappingProxyType(
        {wrong: name for name, row in read_table("fields.yaml").items() for wrong in row.get("also", ())}
    )


def _form(cn: str, row: Mapping[str, Any]) -> Form:
    suffixes = tuple(row.get("items", "").split())
    return Form(
        cn,
        row["sender"],
        tuple(row.get("editions", _EDITIONS)),
        tuple(_slot(text) for text in row.get("fields", "").split()),
        suffixes,
        row.get("least", 1) if suffixes else 0,
        row.get("joint", ";"),
        row.get("reply", False),
        row.get("trail", ""),
    )


def _slot(text: str) -> Slot:
    mark = text[-1]
    return Slot(text.rstrip("?+*"), 0 if mark in "?*" else 1, mark in "+*")


def _kind(name: str, row: Mapping[str, Any]) -> Kind:
    return Kind(
        name,
        row["zh"],
        row["en"],
        row.get("unit", ""),
        row["type"],
        row.get("min"),
        row.get("max"),
        tuple(row.get("one_of", ())),
        row.get("size"),
        row.get("longest", 40),
        row.get("width", 0),
    )
