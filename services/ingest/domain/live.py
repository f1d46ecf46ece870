"""How an outlet stands now: newest values against the limits in force, and whether it is silent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from services.ingest.domain.readings import NORMAL
from services.ingest.domain.registry import Limit, Outlet
from shared.contracts.ingest import ReadingKind

LENGTHS = {ReadingKind.HOUR: timedelta(hours=1), ReadingKind.DAY: timedelta(days=1)}


class Newest(NamedTuple):
    """A value as stored: kind, start of the period, the value (None missing) and its flag."""

    kind: ReadingKind
    at: datetime
    value: float | None
    flag: str


@dataclass(frozen=True)
class Standing:
    """The newest value of a factor beside the limit it is looked at with."""

    factor: str
    newest: Newest
    limit: Limit | None

    @property
    def share(self) -> float | None:
        """Value over the upper limit; None without a value or a positive limit, and where there is a lower one too."""
        value, limit = self.newest.value, self.limit
        if value is None or limit is None or limit.lower is not None or not limit.upper or limit.upper < 0:
            return None
        return value / limit.upper

    @property
    def exceeding(self) -> bool:
        """Outside the limit; values with a flag are not judged."""
        value, limit = self.newest.value, self.limit
        if value is None or limit is None or self.newest.flag != NORMAL:
            return False
        return (limit.upper is not None and value > limit.upper) or (limit.lower is not None and value < limit.lower)


@cache
def _silent() -> tuple[int, timedelta]:
    given = yaml.safe_load(resources.files(__package__).joinpath("live.yaml").read_text("utf-8"))["silent"]
    return int(given["intervals"]), timedelta(seconds=given["seconds"])


def silent_after(minute_interval: int) -> timedelta:
    """How long an outlet with this interval (minutes) may say nothing."""
    intervals, least = _silent()
    return max(least, intervals * timedelta(minutes=minute_interval))


def newest_of(found: Iterable[Newest]) -> Newest | None:
    """The value that speaks of the latest moment: a mean speaks up to the end of its period."""
    return max(found, key=lambda one: (one.at + LENGTHS.get(one.kind, timedelta(0)), one.value is not None),
               default=None)  # fmt: skip


def limit_at(limits: Sequence[Limit], factor: str, newest: Newest) -> Limit | None:
    """The limit in force at the value's time: of days for a day mean, else of hours, else of days."""
    own = [one for one in limits if one.factor == factor and one.overlaps(newest.at, newest.at + timedelta(seconds=1))]
    wanted = ReadingKind.DAY if newest.kind is ReadingKind.DAY else ReadingKind.HOUR
    own.sort(key=lambda one: (one.averaging is wanted, one.valid_from))
    return own[-1] if own else None


def standings(outlet: Outlet, values: Mapping[str, Sequence[Newest]]) -> list[Standing]:
    """The outlet's own factors in their order; those without any value are left out."""
    made = []
    for item in outlet.factors:
        newest = newest_of(values.get(item.factor, ()))
        if newest is not None:
            made.append(Standing(item.factor, newest, limit_at(outlet.limits, item.factor, newest)))
    return made
