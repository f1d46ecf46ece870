"""A record sent again under another time: all that a station measures stands exactly as some hours before.

One value may repeat by chance, and an analyser that samples every other hour repeats each; all factors at once do not.
The chance is the product of how often each factor repeats at that distance by its own past. A clock that was set fast
by some hours sends what it measured before under new times, and so does a logger that repeats its last packet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, number
from services.detection.domain.surveying.sheet import Grid, Sheets, before

MOST_HOURS = 12
PAST_DAYS = 30
LEAST_DAYS = 7


def _look(sheets: Sheets, numbers: Sequence[Numbers | None]) -> list[Look | None]:
    grid = sheets.grid
    places = [i for i, (sheet, given) in enumerate(zip(sheets.sheets, numbers, strict=True))
              if given is not None and not sheet.computed]  # fmt: skip
    looks: list[Look | None] = [None] * len(numbers)
    if not places:
        return looks
    shared = numbers[places[0]] or {}
    looks_of = {i: blank(grid.days) for i in places}
    if len(places) < shared["factors"]:
        return [blank(grid.days, Why.NO_PARTNER) if i in looks_of else None for i in range(len(numbers))]
    values = np.stack([sheets.sheets[i].v for i in places])
    for hours in range(1, MOST_HOURS + 1):
        chance, equal, known = _repeats(grid, values, grid.slots(hours), sheets.first)
        rare = (chance < shared["chance"]) & (known >= shared["factors"])
        for night, slot in np.argwhere(rare):
            at = grid.start + (int(night) * grid.per_day + int(slot)) * grid.step
            for place, i in enumerate(places):
                if equal[place, night, slot] and not looks_of[i].found[night]:
                    _tell(looks_of[i], int(night), (at - hours * 3600, at + grid.step), hours)
    return [looks_of.get(i) for i in range(len(numbers))]


def _repeats(grid: Grid, values: Floats, lag: int, first: int) -> tuple[Floats, Floats, Floats]:
    """By night and slot of its day: the chance that all known factors repeat, which do, and how many are known."""
    shape = (len(values), grid.days, grid.per_day)
    back = np.full_like(values, np.nan)
    back[:, lag:] = values[:, :-lag]
    both = (np.isfinite(values) & np.isfinite(back)).reshape(shape)
    same = (values == back).reshape(shape)
    seen, met = both.sum(axis=2).astype(np.float64), same.sum(axis=2).astype(np.float64)
    nights = np.arange(grid.days)
    past_seen, past_met = (
        np.stack([np.nansum(before(np.append(0.0, one[:-1]), PAST_DAYS, nights, 1), axis=1) for one in kind])
        for kind in (seen, met)
    )
    share = (past_met + 1.0) / (past_seen + 2.0)
    share[past_seen < LEAST_DAYS * grid.per_day] = 1.0
    # A factor that differs rules it out; one that has no number says nothing.
    logs = np.where(both, np.where(same, np.log(share)[:, :, None], np.inf), 0.0)
    chance = np.exp(np.minimum(logs.sum(axis=0), 0.0))
    chance[np.isinf(logs).any(axis=0)] = 1.0
    chance[:first] = 1.0
    return chance, same, both.sum(axis=0)


def _tell(look: Look, night: int, span: tuple[int, int], hours: int) -> None:
    look.found[night] = True
    look.start[night], look.end[night] = span
    look.value[night], look.reference[night], look.count[night] = float(hours), 0.0, 1


SURVEY = Survey(
    name="rows",
    parameters=(number("factors", 2, 20), number("chance", 1e-15, 0.1)),
    explanations=("rows",),
    look=_look,
)
