"""What marks 标记 mean for the validity of data: the one type that marks give and means take."""

from typing import NamedTuple
from uuid import UUID

from shared.contracts.ingest.marks import MarkEffect as Effect

__all__ = ["Cover", "Effect"]


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
