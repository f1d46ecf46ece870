"""Readings 监测数据 on their way into the store: rows, how repeats fold together, what became of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.ingest import ReadingKind

KIND_NUMBERS = {ReadingKind.REALTIME: 1, ReadingKind.MINUTE: 2, ReadingKind.HOUR: 3, ReadingKind.DAY: 4}
"""Numbers of the kinds in the tables."""
MEANS = frozenset({ReadingKind.HOUR, ReadingKind.DAY})
"""Kinds with one row a value and a history: the means that law speaks of."""
NORMAL = "N"
UNKNOWN_FLAG = "?"
EARLIEST = 946_684_800
"""2000-01-01T00:00Z: older times are an unset clock."""


class Value(NamedTuple):
    """What is known of one factor at one time. `value` is the reading or mean (`-Rtd`, `-Avg`), None if missing.

    flag: 数据标记, one character, HJ 212-2017 table 8. vmin, vmax, cou: `-Min`, `-Max`, `-Cou`. zs: converted
    concentration 折算值 (`-ZsRtd`, `-ZsAvg`). Units are those of the outlet's factor.
    """

    value: float | None
    flag: str = NORMAL
    vmin: float | None = None
    vmax: float | None = None
    cou: float | None = None
    zs: float | None = None


class Key(NamedTuple):
    """What identifies a row: point number, kind, start of the period in Unix seconds."""

    point: int
    kind: ReadingKind
    at: int


class Row(NamedTuple):
    """Values of one outlet (point) at one time. `source` says where they came from."""

    key: Key
    values: Mapping[str, Value]
    source: str


class Fate(StrEnum):
    """What became of a row."""

    STORED = "stored"
    CORRECTED = "corrected"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class Folded:
    """Rows of one key that say nothing different of the same factor, as one."""

    values: dict[str, Value]
    source: str
    members: list[tuple[int, frozenset[str]]]
    """(number of the row in its batch, factors it was the first to bring)."""


Round = dict[Key, Folded]


def merge(old: Value, new: Value) -> Value:
    """The later word on one factor: value and flag are replaced, the rest only where it is said again."""
    return Value(
        new.value,
        new.flag,
        old.vmin if new.vmin is None else new.vmin,
        old.vmax if new.vmax is None else new.vmax,
        old.cou if new.cou is None else new.cou,
        old.zs if new.zs is None else new.zs,
    )


def fold(rows: Sequence[Row]) -> list[Round]:
    """Rows in rounds that, written one after the other, have the effect of the rows one by one.

    A round names each key once, so that it can be one sorted statement. Parts of a split packet 拆分包 and
    exact repeats share a round; a later, different word on the same factor opens another one.
    """
    rounds: list[Round] = [{}]
    latest: dict[Key, int] = {}
    for number, (key, values, source) in enumerate(rows):
        turn = latest.get(key)
        if turn is None:
            latest[key] = 0
            rounds[0][key] = Folded(dict(values), source, [(number, frozenset(values))])
            continue
        folded = rounds[turn][key]
        if all(folded.values.get(code, value) == value for code, value in values.items()):
            folded.members.append((number, frozenset(values.keys() - folded.values.keys())))
            folded.values.update(values)
            continue
        if turn + 1 == len(rounds):
            rounds.append({})
        latest[key] = turn + 1
        rounds[turn + 1][key] = Folded(dict(values), source, [(number, frozenset(values))])
    return rounds


@dataclass(slots=True)
class Change:
    """Factors of a key that are new and those whose value was replaced."""

    added: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)


Changes = dict[Key, Change]
"""Keys that changed; a key that is not in it was there already, the same."""


def fates(rounds: Iterable[Round], changes: Iterable[Changes], count: int) -> list[Fate]:
    """The fate of each of `count` rows, from what each round changed."""
    result = [Fate.UNCHANGED] * count
    for round_, changed in zip(rounds, changes, strict=True):
        for key, change in changed.items():
            for number, brought in round_[key].members:
                if not brought.isdisjoint(change.replaced):
                    result[number] = Fate.CORRECTED
                elif not brought.isdisjoint(change.added):
                    result[number] = Fate.STORED
    return result


class News(NamedTuple):
    """Times of one outlet and kind that are new or changed, ascending; `corrected` are those of a replacement."""

    point: int
    kind: ReadingKind
    times: list[int]
    corrected: list[int]


def news_of(changes: Iterable[Changes], limit: int, fresh: Iterable[Key] = ()) -> list[list[News]]:
    """What to tell others: chunks of at most `limit` times, ordered by point, kind, time.

    `fresh`: keys that are new besides.
    """
    corrected: dict[Key, bool] = dict.fromkeys(fresh, False)
    for changed in changes:
        for key, change in changed.items():
            corrected[key] = corrected.get(key, False) or bool(change.replaced)
    order = sorted(corrected, key=lambda key: (key.point, KIND_NUMBERS[key.kind], key.at))
    chunks = []
    for start in range(0, len(order), limit):
        chunk: list[News] = []
        for key in order[start : start + limit]:
            if not chunk or (chunk[-1].point, chunk[-1].kind) != key[:2]:
                chunk.append(News(key.point, key.kind, [], []))
            chunk[-1].times.append(key.at)
            if corrected[key]:
                chunk[-1].corrected.append(key.at)
        chunks.append(chunk)
    return chunks


class Point(NamedTuple):
    """An outlet as the reading tables know it."""

    number: int
    outlet_id: UUID
    enterprise_id: UUID
    active: bool
