"""Where and when events happen: by seed, never two at once at an outlet, with honest history before and between."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from park.model import DAY, HOUR, PARK_OFFSET
from park.virtual.columns import INDEPENDENT, Truth, VirtualOutlet, VirtualPark
from park.virtual.injections.apply import aimed
from park.virtual.injections.kinds import Kind, Strength, kinds
from park.virtual.injections.scene import HISTORY
from park.virtual.plan import LOAD

BETWEEN = 4 * DAY
"""Honest time between two events of an outlet."""
EPISODES = 10
"""Of each kind and strength in a park of 200 outlets and a year: fewer cannot be reported as a share."""
PARK_YEAR = 200 * 8760
TRIES = 200
USABLE, RUNNING = 0.75, 0.99
"""Least share of the span with usable readings, and with production."""


@dataclass
class _Diary:
    """What an outlet already has: spans taken, with the honest time around them."""

    taken: list[tuple[int, int]]

    def free(self, start: int, end: int) -> bool:
        """Whether [start, end) keeps away from all that is taken."""
        return all(end + BETWEEN <= begun or start >= ended + BETWEEN for begun, ended in self.taken)


def place(park: VirtualPark, seed: int) -> list[Truth]:
    """Events for an honest park of hours, by outlet and time. `touched` is filled in when they are applied.

    Every kind and strength comes equally often. An event that finds no room in `TRIES` draws is left out: a park too
    small or too short holds fewer.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 40]))
    diaries = {key: _Diary([]) for key in park.outlets}
    rounds = max(1, round(EPISODES * len(park.outlets) * len(park.t) / PARK_YEAR))
    found: list[Truth] = []
    for kind, strength in _deck(rng, rounds):
        truth = _draw(park, rng, kind, strength, diaries)
        if truth is not None:
            diaries[truth.outlet].taken.append((truth.start, truth.end))
            found.append(truth)
    found.sort(key=lambda truth: (truth.outlet, truth.start))
    return [
        Truth(number, t.outlet, t.kind, t.strength, t.factors, (), t.start, t.end, t.other)
        for number, t in enumerate(found)
    ]


def _deck(rng: np.random.Generator, rounds: int) -> Iterator[tuple[Kind, Strength]]:
    """All kinds and strengths, the long ones first: they find room least easily."""
    cards = [(kind, strength) for kind in kinds().values() for strength in Strength for _ in range(rounds)]
    order = rng.permutation(len(cards))
    shuffled = [cards[int(index)] for index in order]
    yield from sorted(shuffled, key=lambda card: -(card[0].hours[card[1]] // 100))


def _draw(
    park: VirtualPark, rng: np.random.Generator, kind: Kind, strength: Strength, diaries: dict[str, _Diary]
) -> Truth | None:
    keys = list(park.outlets)
    first, last = int(park.t[0]) + HISTORY, int(park.t[-1]) + park.step
    length = kind.hours[strength] * HOUR
    for _ in range(TRIES):
        key = keys[int(rng.integers(len(keys)))]
        outlet = park.outlets[key]
        if last - length <= first or kind.medium not in (None, outlet.plan.trade.medium):
            continue
        start = first + int(rng.integers((last - length - first) // HOUR + 1)) * HOUR
        if kind.code == "exceed_day":
            start = -(-(start + PARK_OFFSET) // DAY) * DAY - PARK_OFFSET
        codes = aimed(kind, outlet, rng)
        other = _twin(park, outlet) if kind.code == "shared_source" else None
        if start + length > last or not codes or (kind.code == "shared_source" and other is None):
            continue
        if diaries[key].free(start, start + length) and _fit(park, outlet, codes, (start, start + length)):
            return Truth(0, key, kind.code, strength, codes, (), start, start + length, other)
    return None


def _twin(park: VirtualPark, outlet: VirtualOutlet) -> str | None:
    """The next outlet of the same trade, None where there is none."""
    same = [key for key, other in park.outlets.items() if other.plan.trade == outlet.plan.trade]
    following = same[(same.index(outlet.plan.key) + 1) % len(same)]
    return None if following == outlet.plan.key else following


def _fit(park: VirtualPark, outlet: VirtualOutlet, codes: tuple[str, ...], span: tuple[int, int]) -> bool:
    """Production runs, and the factors can be read: at both ends, for most of the span, and of the days before."""
    rows = slice(*((moment - int(park.t[0])) // park.step for moment in span))
    if (outlet.columns[LOAD].v[rows] > 0).mean() < RUNNING:
        return False
    before = slice(rows.start - HISTORY // park.step, rows.start)
    for code in codes:
        column = outlet.columns[code]
        if column.instrument.role in INDEPENDENT:
            continue
        usable = column.usable[rows]
        if not (usable[0] and usable[-1] and usable.mean() >= USABLE and column.usable[before].mean() >= 0.5):
            return False
    return True
