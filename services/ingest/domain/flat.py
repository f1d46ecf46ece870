"""Rows of real-time and minute readings as columns: what nearly all readings are on their way into the store.

A `FlatRow` says the same as a `Row` and can be read as one; it only has no object a value. The store takes flat
rows that are new as they are; whatever else happens (a repeat, a part of a split packet, a correction) goes the
way of `Row`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from services.ingest.domain.readings import NORMAL, Key, Row, Value

COLUMNS = ("value", "vmin", "vmax", "cou", "zs")
"""Columns of a flat row, named as in `Value`."""


class FlatRow(NamedTuple):
    """Values of one outlet at one time, of a kind that is no mean.

    layout: factor codes in order. columns: which of `COLUMNS` there are, `value` first. numbers: column after
    column, each in the order of the layout; NaN is missing. flags: one character a factor, None where all are N.
    """

    key: Key
    layout: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: list[float]
    flags: str | None
    source: str

    @property
    def values(self) -> dict[str, Value]:
        """The same, an object a factor."""
        width = len(self.layout)
        parts = dict.fromkeys(COLUMNS, [math.nan] * width)
        for number, name in enumerate(self.columns):
            parts[name] = self.numbers[number * width : (number + 1) * width]
        flags = self.flags or NORMAL * width
        return {
            code: Value(_known(parts["value"][i]), flags[i], *(_known(parts[name][i]) for name in COLUMNS[1:]))
            for i, code in enumerate(self.layout)
        }


AnyRow = Row | FlatRow


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def as_row(row: AnyRow) -> Row:
    """The row with an object a factor."""
    return Row(row.key, row.values, row.source) if isinstance(row, FlatRow) else row


def flat_of(row: Row) -> FlatRow:
    """A row of a kind that is no mean as columns."""
    layout = tuple(sorted(row.values))
    values = [row.values[code] for code in layout]
    columns = tuple(
        name for name in COLUMNS if name == "value" or any(getattr(value, name) is not None for value in values)
    )
    numbers = [math.nan if (number := getattr(value, name)) is None else number for name in columns for value in values]
    flags = "".join(value.flag for value in values)
    return FlatRow(row.key, layout, columns, numbers, None if flags == NORMAL * len(layout) else flags, row.source)


def divide(rows: Sequence[AnyRow]) -> tuple[list[tuple[int, FlatRow]], list[int]]:
    """Rows that may be written as columns, with their numbers, and the numbers of the others.

    A flat row must be the first of its key: what comes after it is written after it.
    """
    seen: set[Key] = set()
    flat: list[tuple[int, FlatRow]] = []
    others: list[int] = []
    for number, row in enumerate(rows):
        key = row.key
        if isinstance(row, FlatRow) and key not in seen:
            flat.append((number, row))
        else:
            others.append(number)
        seen.add(key)
    return flat, others
