"""What a survey declares about itself, and what it answers for each night."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveying.sheet import Grid, Sheet, Sheets

Numbers = Mapping[str, float]


class Why:
    """Why a night was not judged; 0 = it was."""

    JUDGED, TOO_FEW, NO_BASELINE, NO_LIMIT, TOO_COARSE, NO_PARTNER = range(6)
    NAMES = ("judged", "too_few", "no_baseline", "no_limit", "too_coarse", "no_partner")


@dataclass(frozen=True)
class Look:
    """Answers of one survey about one sheet, one a night: (nights,) each.

    Where `found`, the stretch from `start` to before `end` in epoch seconds, what was measured, what it was held
    against, and the points in it. `why` is 0 or the reason (`Why`) for which nothing can be said.
    """

    found: npt.NDArray[np.bool_]
    start: Integers
    end: Integers
    value: Floats
    reference: Floats
    count: Integers
    why: npt.NDArray[np.uint8]


def blank(nights: int, why: int = Why.JUDGED) -> Look:
    """Nothing found on any night."""
    zero = np.zeros(nights, np.int64)
    return Look(
        np.zeros(nights, np.bool_), zero, zero.copy(), np.full(nights, np.nan), np.full(nights, np.nan), zero.copy(),
        np.full(nights, why, np.uint8),
    )  # fmt: skip


def windows_look(grid: Grid, slots: int, found: npt.NDArray[np.bool_], value: Floats, reference: Floats) -> Look:
    """The windows of `slots` before each night as answers."""
    ends = grid.start + (np.arange(grid.days) + 1) * np.int64(grid.per_day * grid.step)
    counts = np.full(grid.days, slots, np.int64)
    why = np.zeros(grid.days, np.uint8)
    return Look(found, ends - slots * grid.step, ends, value, reference, counts, why)


One = Callable[[Grid, Sheet, Numbers, int], Look]


@dataclass(frozen=True, kw_only=True)
class Survey(Judge):
    """One question asked of history every night.

    `look(sheets, numbers)` answers for the sheets whose numbers are given, None for the others. It depends on nothing
    after a night and on at most `registry.REACH_DAYS` days before it.
    """

    look: Callable[[Sheets, Sequence[Numbers | None]], list[Look | None]] = field(compare=False)


def each(one: One) -> Callable[[Sheets, Sequence[Numbers | None]], list[Look | None]]:
    """A survey that looks at one series at a time, and at none that is computed from others."""

    def look(sheets: Sheets, numbers: Sequence[Numbers | None]) -> list[Look | None]:
        return [
            None if given is None or sheet.computed else one(sheets.grid, sheet, given, sheets.first)
            for sheet, given in zip(sheets.sheets, numbers, strict=True)
        ]

    return look


def number(name: str, minimum: float, maximum: float) -> Parameter:
    """A parameter of a survey; a rule that gives null for some series does not judge those."""
    return Parameter(name, minimum, maximum, optional=True)
