"""The patrol desk's list: outlets with all that speaks of them now, the worst first, filtered and counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlencode
from uuid import UUID

from shared.contracts.casework import OutletCases
from shared.contracts.detection import OpenSummary
from shared.contracts.grading import Colour
from shared.contracts.ingest import LinkState
from shared.contracts.ingest.live import LiveValue, OutletLive

NEAR = 0.8
"""Share of a limit from which a value is shown as near it."""
MOST_CELLS = 8
COLOURS = (Colour.RED, Colour.YELLOW, Colour.GREY, Colour.GREEN)


class Rank(IntEnum):
    """What is worst about an outlet; the order of the list."""

    GRAVE = 0
    EXCEEDING = 1
    SILENT = 2
    MEDIUM = 3
    OFFLINE = 4
    MINOR = 5
    CALM = 6


@dataclass(frozen=True)
class Line:
    """An outlet as it stands, with the colour of its enterprise, its open anomalies and cases."""

    live: OutletLive
    colour: Colour
    opened: OpenSummary | None = None
    cases: OutletCases | None = None

    @property
    def exceeding(self) -> bool:
        """Whether the newest value of a factor is outside its limit."""
        return any(value.exceeding for value in self.live.values)

    @property
    def anomalies(self) -> int:
        """Open anomalies."""
        return self.opened.a + self.opened.b + self.opened.c if self.opened else 0

    @property
    def rank(self) -> Rank:
        """The worst of what is known."""
        opened = self.opened
        told = (
            (Rank.GRAVE, bool(opened and opened.a)), (Rank.EXCEEDING, self.exceeding),
            (Rank.SILENT, self.live.silent), (Rank.MEDIUM, bool(opened and opened.b)),
            (Rank.OFFLINE, self.live.link is LinkState.OFFLINE), (Rank.MINOR, bool(opened and opened.c)),
        )  # fmt: skip
        return next((rank for rank, holds in told if holds), Rank.CALM)

    @property
    def order(self) -> tuple[object, ...]:
        """Key of the order: the worst, then how much of it, then the enterprise's colour."""
        opened = self.opened
        share = max((value.share or 0.0 for value in self.live.values), default=0.0)
        return (
            self.rank, -(opened.a if opened else 0), -(self.cases.overdue if self.cases else 0),
            -(opened.b if opened else 0), -share, COLOURS.index(self.colour), self.live.enterprise_code, self.live.code,
        )  # fmt: skip

    @property
    def cells(self) -> list[LiveValue]:
        """The factors that are shown: those with a limit first."""
        limited = [value for value in self.live.values if value.upper is not None or value.lower is not None]
        return [*limited, *(value for value in self.live.values if value not in limited)][:MOST_CELLS]


def level(value: LiveValue) -> str:
    """How a value stands to its limit: `bad` outside, `warn` near, `ok` inside, `mute` not judged."""
    if value.exceeding:
        return "bad"
    if value.value is None or value.flag != "N":
        return "mute"
    if value.share is not None and value.share >= NEAR:
        return "warn"
    return "mute" if value.upper is None and value.lower is None else "ok"


SHOWN: Mapping[str, Callable[[Line], bool]] = {
    "all": lambda _: True,
    "grave": lambda line: bool(line.opened and line.opened.a),
    "anomalous": lambda line: line.anomalies > 0,
    "exceeding": lambda line: line.exceeding,
    "silent": lambda line: line.live.silent,
    "offline": lambda line: line.live.link is LinkState.OFFLINE,
    "marked": lambda line: bool(line.live.marks),
    "cases": lambda line: line.cases is not None,
    "calm": lambda line: line.rank is Rank.CALM,
}
"""Views of the list by name."""


@dataclass(frozen=True)
class Wish:
    """What the list shows; empty text does not filter."""

    view: str = "all"
    severity: str = ""
    medium: str = ""
    enterprise: str = ""
    q: str = ""

    def fits(self, line: Line) -> bool:
        """Whether the line is shown, its view aside."""
        live, opened = line.live, line.opened
        counts = {"A": opened.a, "B": opened.b, "C": opened.c} if opened else {}
        words = (live.code, live.name_zh, live.name_en, live.enterprise_code, live.enterprise_name_zh,
                 live.enterprise_name_en)  # fmt: skip
        return (
            (not self.severity or counts.get(self.severity, 0) > 0)
            and self.medium in {"", live.medium.value}
            and self.enterprise in {"", str(live.enterprise_id)}
            and (not self.q.strip() or self.q.strip().casefold() in " ".join(words).casefold())
        )

    def query(self, **changes: str) -> str:
        """As a query string; what does not filter is left out."""
        values = {"view": self.view, "severity": self.severity, "medium": self.medium, "enterprise": self.enterprise,
                  "q": self.q, **changes}  # fmt: skip
        return urlencode({key: value for key, value in values.items() if value and (key, value) != ("view", "all")})


def join(
    outlets: Iterable[OutletLive], colours: Mapping[UUID, Colour], opened: Iterable[OpenSummary],
    cases: Iterable[OutletCases],
) -> list[Line]:  # fmt: skip
    """Lines of all outlets, the worst first."""
    anomalies = {one.outlet_id: one for one in opened}
    work = {one.outlet_id: one for one in cases}
    lines = [
        Line(one, colours.get(one.enterprise_id, Colour.GREY), anomalies.get(one.outlet_id), work.get(one.outlet_id))
        for one in outlets
    ]
    return sorted(lines, key=lambda line: line.order)


def count(lines: Sequence[Line]) -> Counter[str]:
    """Lines of each view."""
    return Counter(name for line in lines for name, shows in SHOWN.items() if shows(line))
