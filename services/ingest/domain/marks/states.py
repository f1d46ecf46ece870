"""Working states of analysers told by themselves (HJ 212 CN 3020), as the flag they mean for readings."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from services.ingest.domain.field import ALL_FACTORS, LOGGER_STATE, WORKING_STATE
from services.ingest.domain.marks.rules import Catalogue


class Stated(NamedTuple):
    """A state of a point's factor (`*`: all of them) from `at` on, Unix seconds."""

    point: int
    factor: str
    code: str
    at: int
    state: int


class States:
    """States of some points. A pure function of what was told, in whatever order it came."""

    def __init__(self, told: Iterable[Stated], known: Catalogue) -> None:
        self._holds = int(known.state_holds.total_seconds())
        self._flags = {WORKING_STATE: known.analyser_states, LOGGER_STATE: known.logger_states}
        self._told: dict[tuple[int, str, str], list[tuple[int, int]]] = {}
        for each in sorted(told, key=lambda each: each.at):
            self._told.setdefault((each.point, each.factor, each.code), []).append((each.at, each.state))

    def flag(self, point: int, factor: str, end: int) -> str | None:
        """The flag that a reading that ends at `end` gets by the state it ended in; the analyser's before the logger's.
        None where all work, or nobody told for longer than a state is taken to last.
        """
        own = self._find((point, factor, WORKING_STATE), end)
        return own or self._find((point, ALL_FACTORS, LOGGER_STATE), end)

    def _find(self, key: tuple[int, str, str], end: int) -> str | None:
        told = self._told.get(key)
        if told is None:
            return None
        place = bisect_left(told, (end,)) - 1
        if place < 0 or end - told[place][0] > self._holds:
            return None
        return self._flags[key[2]].get(told[place][1])
