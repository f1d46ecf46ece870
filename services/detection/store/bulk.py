"""Many rows in one statement: PostgreSQL takes 32,767 parameters, an array is one of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam
from sqlmodel import col

ROWS = 2000
"""Rows a statement; sixteen columns at most."""

Item = TypeVar("Item")


def chunks(rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Parts small enough for one statement, in order."""
    for start in range(0, len(rows), ROWS):
        yield rows[start : start + ROWS]


def among(column: Any, ids: Iterable[UUID]) -> ColumnElement[bool]:
    """The column is one of these, however many they are."""
    matches: ColumnElement[bool] = col(column) == any_(bindparam(None, list(ids), type_=ARRAY(Uuid)))
    return matches
