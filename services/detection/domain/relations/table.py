"""Columns of one outlet as rows: all factors at each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.relations.definition import NOT_SENT
from services.detection.domain.relations.memory import Waiting


class Column(Protocol):
    """One factor: times rising, values with NaN for no number, codes of flag letters; each (n,)."""

    @property
    def t(self) -> Integers:
        """Epoch seconds UTC."""

    @property
    def v(self) -> Floats:
        """Values."""

    @property
    def flags(self) -> npt.NDArray[np.uint8]:
        """Flags, 0 = none."""


@dataclass(frozen=True)
class Table:
    """Rows at `t` (n,): `v` (factors, n), NaN where there is no number, `flags` (factors, n), NOT_SENT where absent."""

    factors: tuple[str, ...]
    t: Integers
    v: Floats
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.t)

    def part(self, begin: int, end: int) -> Table:
        """Rows from `begin` to before `end`."""
        return Table(self.factors, self.t[begin:end], self.v[:, begin:end], self.flags[:, begin:end])

    def named(self, factors: Sequence[str]) -> Table:
        """The same rows with these factors, absent ones as not sent."""
        if tuple(factors) == self.factors:
            return self
        places = {factor: place for place, factor in enumerate(self.factors)}
        v = np.full((len(factors), len(self)), np.nan)
        flags = np.full((len(factors), len(self)), NOT_SENT, dtype=np.uint8)
        for row, factor in enumerate(factors):
            if factor in places:
                v[row], flags[row] = self.v[places[factor]], self.flags[places[factor]]
        return Table(tuple(factors), self.t, v, flags)


def table_of(columns: Mapping[str, Column]) -> Table:
    """Rows of columns by factor; a time that one of them has is a row of all."""
    factors = tuple(sorted(columns))
    times = np.unique(np.concatenate([columns[one].t for one in factors])) if factors else np.empty(0, np.int64)
    v = np.full((len(factors), len(times)), np.nan)
    flags = np.full((len(factors), len(times)), NOT_SENT, dtype=np.uint8)
    for row, factor in enumerate(factors):
        places = np.searchsorted(times, columns[factor].t)
        v[row, places] = columns[factor].v
        flags[row, places] = columns[factor].flags
    return Table(factors, times.astype(np.int64), np.where(np.isfinite(v), v, np.nan), flags)


def joined(waiting: Waiting | None, rows: Table) -> Table:
    """Rows after the one that waits; of one time the newer reading stands, which holds all that is known of it."""
    if waiting is None or (len(rows) and waiting.t == rows.t[0]):
        return rows
    one = Table(
        tuple(sorted(waiting.cells)),
        np.array([waiting.t], dtype=np.int64),
        np.array([[waiting.cells[factor][0]] for factor in sorted(waiting.cells)]).reshape(-1, 1),
        np.array([[waiting.cells[factor][1]] for factor in sorted(waiting.cells)], dtype=np.uint8).reshape(-1, 1),
    )
    factors = tuple(sorted({*one.factors, *rows.factors}))
    first, rest = one.named(factors), rows.named(factors)
    return Table(
        factors,
        np.concatenate((first.t, rest.t)),
        np.concatenate((first.v, rest.v), axis=1),
        np.concatenate((first.flags, rest.flags), axis=1),
    )


def waiting_of(rows: Table) -> Waiting:
    """The last of the rows, to wait for its missing factors."""
    cells = {
        factor: (float(rows.v[place, -1]), int(rows.flags[place, -1]))
        for place, factor in enumerate(rows.factors)
        if rows.flags[place, -1] != NOT_SENT
    }
    return Waiting(int(rows.t[-1]), cells)
