"""What marks 标记 mean for the validity of data: the one type that marks give and means take."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Effect(StrEnum):
    """What a mark does to the values it covers (MEE announcement 2022 No. 21; product E1)."""

    INVALID = "invalid"
    """Not used for means or for judging exceedance: device fault, maintenance, calibration, start-up, shut-down."""
    STOPPED = "stopped"
    """The source does not discharge: no data are expected, none are missing."""
    NONE = "none"
    """Told, without effect on validity."""


class Cover(NamedTuple):
    """A stretch that a mark covers, from `since` to before `until` (Unix seconds); `factors` None means all."""

    since: int
    until: int
    factors: frozenset[str] | None
    effect: Effect
    mark_id: UUID

    def covers(self, at: int, factor: str) -> bool:
        """Whether the value of `factor` at `at` is covered."""
        return self.since <= at < self.until and (self.factors is None or factor in self.factors)
