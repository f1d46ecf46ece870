"""A data logger 数采仪 with its instruments, as a platform's commands find and change it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from park.archive import Archive, Kept, ModelArchive
from park.model import MINUTE, OutletModel, grid
from services.ingest.hj212.codec import Edition, Frame, Framer, ParseError, Sender, parse_segment
from services.ingest.hj212.codec.encode import FactorItem
from services.ingest.hj212.codec.values import BEIJING

Live = Callable[[datetime], Sequence[FactorItem]]
"""What the instruments show at a moment."""
MOST_LOGS = 1_000


class LogEntry(NamedTuple):
    """A line of a running log: true time, factor (PolId), kind (i11001, i21001, i31001), text."""

    at: datetime
    factor: str
    info: str
    text: str


class Period(NamedTuple):
    """Sampling: start of the day's first sample `hhmmss`, hours between samples; 2005 gives the hours instead."""

    start: str
    hours: int
    times: tuple[str, ...] = ()


@dataclass
class Station:
    """Everything about a logger that a command of HJ 212 can read or change.

    sender: who it is and which edition it speaks; its PW and key change by 1072 and 1014. clock_offset: how far its
    clock is ahead of the truth. Defaults are the standard's examples.
    """

    sender: Sender
    archive: Archive = field(default_factory=Kept)
    live: Live | None = None
    factors: tuple[str, ...] = ("w01018",)
    clock_offset: timedelta = timedelta(0)
    rtd_interval: int = 60
    min_interval: int = 10
    over_time: int = 10
    re_count: int = 3
    warn_time: int = 5
    report_time: str = "0100"
    alarm_target: str = "3882566"
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    sampling: dict[str, Period] = field(default_factory=dict)
    result_minutes: int = 40
    serials: dict[str, str] = field(default_factory=dict)
    information: dict[tuple[str, str], str] = field(default_factory=dict)
    """States and parameters by (factor, info code), for 3020 and 3021."""
    logs: list[LogEntry] = field(default_factory=list)
    logger_id: str = "6970000000001ABCDEFG1234"
    key_created: datetime | None = None
    bottle: int = 0
    send_realtime: bool = True
    send_state: bool = True
    heartbeat: timedelta | None = timedelta(seconds=60)
    """Between two 9015 of the 2025 edition."""

    def time(self, now: datetime) -> datetime:
        """What its clock shows, in Beijing time."""
        return (now + self.clock_offset).astimezone(BEIJING)

    def set_clock(self, shown: datetime, now: datetime) -> None:
        """Make the clock show `shown`."""
        self.clock_offset = shown - now

    def become(self, *, mn: str | None = None, pw: str | None = None, key: bytes | None = None) -> None:
        """Take another number, password or key. Raises ValueError for text that no header can carry."""
        for text in (mn or "", pw or ""):
            if set(text) & set(";,=&# ") or not text.isprintable():
                raise ValueError(f"not allowed in a header: {text[:40]!r}")
        old = self.sender
        self.sender = replace(old, mn=mn or old.mn, pw=pw or old.pw, key=key or old.key)

    def note(self, now: datetime, factor: str, text: str) -> None:
        """Write into the instrument's running log."""
        self.logs.append(LogEntry(now, factor, "i11001", text))
        del self.logs[:-MOST_LOGS]

    def fill_bottle(self) -> int:
        """Keep a sample in the next bottle, 1 to 99."""
        self.bottle = self.bottle % 99 + 1
        return self.bottle


def station_of(model: OutletModel, *, key: bytes | None = None) -> Station:
    """The logger of an outlet of the park: history and realtime data from its model. Realtime data wait for a 2011."""
    codes = tuple(factor.code for factor in model.factors)

    def live(now: datetime) -> Sequence[FactorItem]:
        since = int(now.timestamp()) // MINUTE * MINUTE
        values = model.minutes(grid(since, since + 1, MINUTE))
        return [(code, (("Rtd", float(column[0])), ("Flag", "N"))) for code, column in values.items()
                if column[0] == column[0]]  # fmt: skip

    serial = int(model.mn[-12:], 16)
    return Station(
        Sender(model.mn, model.system, model.password, Edition(model.edition), key),
        ModelArchive(model),
        live,
        codes,
        serials={code: f"0100C0DE5A5B{serial * 16 + number:012X}" for number, code in enumerate(codes)},
        information={
            **{(code, "i12001"): "7" for code in codes},
            **{(code, "i12002"): "0" for code in codes},
            **({(code, "i13004"): "165.0" for code in codes} if model.medium == "water" else {}),
        },
        send_realtime=False,
    )


def station_of_frames(frames: Iterable[bytes], key: bytes | None = None) -> Station | None:
    """A logger that could have sent these frames: number, password and edition of the first one that can be read."""
    for event in (event for frame in frames for event in Framer().feed(frame)):
        if isinstance(event, Frame):
            try:
                packet = parse_segment(event.segment)
            except ParseError:
                continue
            edition = packet.edition if packet.edition is not Edition.UNKNOWN else Edition.V2017
            return Station(Sender(packet.mn, packet.st, packet.pw, edition, key), send_realtime=False)
    return None
