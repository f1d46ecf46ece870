"""The quick way from a packet of minute or real-time data (CN 2051, 2011) to columns of numbers.

A device sends the same factors in the same order each minute. What stands where is worked out once for a shape
of packet (`_plan`); then its numbers are taken, converted and laid out by position, without an object a factor.
Whatever is not quite plain (a missing or unreadable value, a repeated factor, a flag nobody knows, a time inside
its period, noise) is left to `to_upload`, which gives the same values for all that is.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from services.ingest.hj212.codec.packet import Packet, Shape
from services.ingest.hj212.codec.readings import Kind
from services.ingest.hj212.codec.tables import factor_map, flags
from services.ingest.hj212.codec.upload import KIND_OF_CN, WIDEST_CODE, start_of_period
from services.ingest.hj212.codec.values import LONGEST_NUMBER, read_time

KINDS = {cn: kind for cn, kind in KIND_OF_CN.items() if kind in (Kind.REALTIME, Kind.MINUTE)}
COLUMNS = ("value", "vmin", "vmax", "cou", "zs")
_COLUMN_OF_SUFFIX = {
    "Avg": "value", "Rtd": "value", "Min": "vmin", "Max": "vmax", "Cou": "cou", "ZsAvg": "zs", "ZsRtd": "zs",
    "ZsMin": "", "ZsMax": "", "ZsCou": "", "Flag": "flag", "EFlag": "-",
}  # fmt: skip
"""`""` is a number that is read and not kept, `"-"` a text that is not kept."""
_NORMAL = "N"
_NAN = math.nan

Take = Callable[[Sequence[Any]], tuple[Any, ...]]


class FlatUpload(NamedTuple):
    """One packet as columns.

    at: start of the period, Unix seconds. layout: factor codes (2017) in order. columns: which of `COLUMNS` it
    has, `value` always. numbers: column after column in the order of the layout, NaN where a factor has none.
    flags: one known character a factor, None where all are N.
    """

    kind: Kind
    at: int
    layout: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: list[float]
    flags: str | None


class _Plan(NamedTuple):
    """Where things stand in the texts of a shape. `spread` lays the numbers out where some are missing."""

    layout: tuple[str, ...]
    columns: tuple[str, ...]
    time: int
    take: Take
    spread: Take | None
    flags: Take | None
    normal: tuple[str, ...]


def read_flat(packet: Packet) -> FlatUpload | None:
    """The packet's values as columns; None where it is not quite plain."""
    kind = KINDS.get(packet.cn)
    plan = _plan(packet.shape, packet.st) if kind is not None else None
    if kind is None or plan is None:
        return None
    texts = packet.texts
    at = _start(texts[plan.time], kind)
    numbers = _numbers(plan.take(texts))
    if at is None or numbers is None:
        return None
    if plan.spread is not None:
        numbers.append(_NAN)
        numbers = list(plan.spread(numbers))
    marks: str | None = None
    if plan.flags is not None:
        given = plan.flags((*texts, _NORMAL))
        if given != plan.normal:
            marks = _marks(given)
            if marks is None:
                return None
    return FlatUpload(kind, at, plan.layout, plan.columns, numbers, marks)


def _numbers(texts: tuple[str, ...]) -> list[float] | None:
    """All numbers, or None where one is missing or none `read_number` would take."""
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return None
    together = "".join(texts)
    if "_" in together or not together.isascii() or not math.isfinite(sum(numbers)):
        return None
    return None if len(together) > LONGEST_NUMBER and len(max(texts, key=len)) > LONGEST_NUMBER else numbers


def _marks(given: tuple[str, ...]) -> str | None:
    known = flags()
    return "".join(given) if all(len(mark) == 1 and mark in known for mark in given) else None


@lru_cache(maxsize=4096)
def _start(text: str, kind: Kind) -> int | None:
    """Unix seconds of a time that is the start of its period, None for any other."""
    try:
        time = read_time(text)
    except ValueError:
        return None
    plain = len(text) == len("yyyyMMddHHmmss") and start_of_period(time, kind) == time
    return int(time.timestamp()) if plain else None


@lru_cache(maxsize=2048)
def _plan(shape: Shape, st: str) -> _Plan | None:
    """What stands where in packets of this shape; None where they need the long way."""
    places = _places(shape, factor_map(st))
    if places is None or shape.keys.count("DataTime") != 1:
        return None
    layout = tuple(sorted(places))
    columns = tuple(name for name in COLUMNS if name == "value" or any(name in places[code] for code in layout))
    wanted = [places[code].get(name) for name in columns for code in layout]
    dropped = [place for code in layout for name, place in places[code].items() if name.startswith("Zs")]
    taken = [place for place in wanted if place is not None] + dropped
    if not taken:
        return None
    order = {place: number for number, place in enumerate(taken)}
    gaps = [len(taken) if place is None else order[place] for place in wanted]
    whole = gaps == list(range(len(taken)))
    marked = [places[code].get("flag", len(shape.keys)) for code in layout]
    flagged = any(place < len(shape.keys) for place in marked)
    return _Plan(
        layout,
        columns,
        shape.keys.index("DataTime"),
        _taker(taken),
        None if whole else _taker(gaps),
        _taker(marked) if flagged else None,
        (_NORMAL,) * len(layout),
    )


def _places(shape: Shape, mapped: Mapping[str, str]) -> dict[str, dict[str, int]] | None:
    """By factor, the place of each of its columns; None where a key is not plain or stands twice."""
    places: dict[str, dict[str, int]] = {}
    named: dict[str, str] = {}
    for place, key in enumerate(shape.keys):
        if key == "DataTime":
            continue
        code, dash, suffix = key.rpartition("-")
        column = _COLUMN_OF_SUFFIX.get(suffix)
        if not dash or column is None or not 0 < len(code) <= WIDEST_CODE:
            return None
        factor = mapped.get(code, code)
        mine = places.setdefault(factor, {})
        name = column if column not in ("", "-") else suffix
        if name in mine or named.setdefault(factor, code) != code:
            return None
        mine[name] = place
    return places


def _taker(places: Sequence[int]) -> Take:
    """What takes these places out of a sequence, always as a tuple."""
    if len(places) == 1:
        (only,) = places
        return lambda items: (items[only],)
    take: Take = itemgetter(*places)
    return take
