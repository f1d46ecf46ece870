"""Frames of MNs that nobody registered: counted all, journalled sparingly, so that nobody fills the disk with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

MINUTE = 60.0


@dataclass(slots=True)
class Stranger:
    """An MN that is not registered, since the last look."""

    mn: str
    first_at: datetime
    last_at: datetime
    peer: str
    st: str
    cn: str
    edition: str
    frames: int = 0


class Strangers:
    """Account of one process. Memory is bounded by `most` MNs and by the connections of one minute.

    rules: `first` frames of an MN are journalled, then one `every` so many seconds; at most `per_connection` and
    `in_all` a minute. Of MNs beyond `most` nothing is remembered until the next look.
    """

    def __init__(self, rules: Mapping[str, int]) -> None:
        self._rules = rules
        self._news: dict[str, Stranger] = {}
        self._shown: dict[str, tuple[int, float]] = {}
        self._minute = 0.0
        self._of_connection: dict[int, int] = {}
        self._in_all = 0
        self.unjournalled = 0
        self.overflow = 0

    def meet(self, stranger: Stranger) -> None:
        """Count a frame."""
        known = self._news.get(stranger.mn)
        if known is None:
            if len(self._news) >= self._rules["most"]:
                self.overflow += 1
                return
            known = self._news[stranger.mn] = stranger
        known.frames += 1
        known.last_at, known.peer, known.cn = stranger.last_at, stranger.peer, stranger.cn

    def may_journal(self, mn: str, connection: int, seconds: float) -> bool:
        """Whether this frame goes into the journal. `seconds` is a clock that never goes back."""
        if seconds - self._minute >= MINUTE:
            self._minute, self._in_all = seconds, 0
            self._of_connection.clear()
        count, last = self._shown.get(mn, (0, seconds))
        spent = self._of_connection.get(connection, 0)
        due = count < self._rules["first"] or seconds - last >= self._rules["every"]
        allowed = due and spent < self._rules["per_connection"] and self._in_all < self._rules["in_all"]
        if not allowed or (mn not in self._shown and not self._make_room(seconds)):
            self.unjournalled += 1
            return False
        self._shown[mn] = (count + 1, seconds)
        self._of_connection[connection] = spent + 1
        self._in_all += 1
        return True

    def take(self) -> list[Stranger]:
        """What was met since the last call."""
        news = list(self._news.values())
        self._news.clear()
        return news

    def _make_room(self, seconds: float) -> bool:
        """Whether one more MN can be remembered; old ones are forgotten where it is full."""
        if len(self._shown) >= self._rules["most"]:
            every = self._rules["every"]
            self._shown = {mn: entry for mn, entry in self._shown.items() if seconds - entry[1] < every}
        return len(self._shown) < self._rules["most"]
