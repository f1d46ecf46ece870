"""Natural events 自然事件: what goes wrong at an honest plant and its marks do not honestly say, as truth.

A record that is not sent is not sent, whoever is to blame: an alarm on it is right. Events that their marks say
rightly (calibration, a marked fault, marked maintenance) are none of these.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from park.model import Times
from park.virtual.analyser import DERIVED, sources
from park.virtual.columns import MAINTENANCE, NO_RECORD, Column, Mark, Truth, VirtualOutlet
from park.virtual.injections.kinds import kinds
from shared.contracts.detection import Nature

SOURCE = Path(__file__).with_name("natural.yaml")
NATURAL = "natural"
"""In the place of a strength: nobody chose how plainly these show."""
Shows = Callable[[Column], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class NaturalKind:
    """One kind of natural event; `checks` should find it."""

    code: str
    name_zh: str
    name_en: str
    nature: Nature
    checks: tuple[str, ...]


def _kind(row: dict[str, Any]) -> NaturalKind:
    return NaturalKind(row["code"], row["name"]["zh"], row["name"]["en"], Nature(row["nature"]), tuple(row["checks"]))


@cache
def natural_kinds(source: Path = SOURCE) -> dict[str, NaturalKind]:
    """All kinds by code."""
    return {row["code"]: _kind(row) for row in yaml.safe_load(source.read_text(encoding="utf-8"))["kinds"]}


def checks_of(kind: str) -> tuple[str, ...]:
    """Checks that should find an event, injected or natural. Raises KeyError for an unknown kind."""
    return kinds()[kind].checks if kind in kinds() else natural_kinds()[kind].checks


def naturals(outlet: VirtualOutlet, times: Times, injected: Sequence[Truth]) -> Iterator[Truth]:
    """The natural events of an outlet that show in its columns on the grid `times`, numbered from 0 by their start.

    An event that a stop of the plant hides, or whose readings an injected one replaced, is none.
    """
    number = 0
    for mark in outlet.marks:
        for kind, start, end, shows in _events(mark):
            rows = slice(*(int(np.searchsorted(times, moment)) for moment in (start, end)))
            replaced = {
                code for t in injected if t.outlet == outlet.plan.key and t.start < end and t.end > start
                for code in t.touched
            } if shows is _readings else set()  # fmt: skip
            touched = tuple(
                code
                for code in _reached(outlet, mark.factors)
                if code not in replaced and shows(outlet.columns[code])[rows].any()
            )
            if touched:
                factors = tuple(code for code in mark.factors if code in touched) or touched
                yield Truth(number, outlet.plan.key, kind, NATURAL, factors, touched, start, end)
                number += 1


def _events(mark: Mark) -> Iterator[tuple[str, int, int, Shows]]:
    """(kind, start, end, where it shows) of what an honest event leaves unsaid."""
    if mark.kind == "link loss":
        yield "link_loss", mark.start, mark.end, _gone
    elif mark.kind == "hole":
        yield "hole", mark.start, mark.end, _gone
    elif mark.kind == "outlier":
        yield "outlier", mark.start, mark.end, _readings
    elif mark.kind == "maintenance":
        if mark.shown is None:
            yield "mark_forgotten", mark.start, mark.end, _readings
        elif mark.shown[0] > mark.start:
            yield "mark_begun_late", mark.start, mark.shown[0], _readings
        elif mark.shown[1] > mark.end:
            yield "mark_too_long", mark.end, mark.shown[1], _covered


def _gone(column: Column) -> npt.NDArray[np.bool_]:
    return np.asarray(column.flags == NO_RECORD)


def _readings(column: Column) -> npt.NDArray[np.bool_]:
    return column.usable


def _covered(column: Column) -> npt.NDArray[np.bool_]:
    return np.asarray(column.flags == MAINTENANCE)


def _reached(outlet: VirtualOutlet, factors: tuple[str, ...]) -> Iterator[str]:
    """The factors of an event and what is computed from them."""
    for code, column in outlet.columns.items():
        derived = column.instrument.role in DERIVED
        if code in factors or (derived and not set(sources(code, outlet.plan.trade.medium)).isdisjoint(factors)):
            yield code
