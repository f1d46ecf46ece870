"""The logger's side of every exchange (HJ 212-2017, 6.1 and appendix C): answers commands, keeps time, resends.

Pure: packets and the time go in, frames come out. `park.logger` and `sanse replay` put it on the wire.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from park.deeds import CONDITIONS_WRONG, Execution, Reply
from park.execution import execute
from park.station import Station
from services.ingest.hj212.codec import (
    ANSWERS,
    Edition,
    EncodeError,
    Frame,
    Packet,
    ParseError,
    Rejected,
    Report,
    answer,
    command,
    parse_segment,
    sealed_of,
    unseal,
    upload_frames,
)

READY, REFUSED, WRONG_PW, WRONG_MN, WRONG_QN, WRONG_CN = 1, 2, 3, 4, 7, 8
"""QnRtn, HJ 212-2017 table 7."""
TIMED_OUT = 4
"""ExeRtn, HJ 212-2017 table 6."""
NOTIFIES = ("2012", "2022")
MOST_REMEMBERED = 256


@dataclass(frozen=True)
class Temper:
    """How a logger departs from the standard: what part of the field does, and what a platform must bear.

    no_qn_rtn, no_exe_rtn: it never sends 9011 or 9012. deaf: it answers nothing at all. qn_rtn: refusals by command.
    exe_rtn: results by command, nothing being done. unacknowledged: it does not wait for 9014 between uploads.
    """

    no_qn_rtn: bool = False
    no_exe_rtn: bool = False
    deaf: bool = False
    qn_rtn: dict[str, int] = field(default_factory=dict)
    exe_rtn: dict[str, int] = field(default_factory=dict)
    unacknowledged: bool = False


class _Step(NamedTuple):
    frame: bytes
    qn: str | None
    """Of the 9014 it waits for, or None."""


@dataclass
class _Exchange:
    """A request being carried out: frames still to come, and the one that waits for its acknowledgement."""

    request: Packet
    steps: Iterator[_Step]
    waiting: _Step | None = None
    since: datetime | None = None
    tries: int = 0


class Responder:
    """Answers for one station. Feed it packets (`hear`) or raw events (`take`), and call `tick` every second or so."""

    def __init__(self, station: Station, temper: Temper | None = None) -> None:
        self.station = station
        self.temper = temper or Temper()
        self.heard: list[Packet] = []
        """The newest packets from the platform, for tests and displays."""
        self._running: dict[str, _Exchange] = {}
        self._finished: OrderedDict[str, bytes] = OrderedDict()
        self._last_qn = 0
        self._former_key: bytes | None = None
        self._next_realtime: datetime | None = None
        self._next_heartbeat: datetime | None = None

    def take(self, event: Frame | Rejected, now: datetime) -> list[bytes]:
        """What to send because of something a framer found; opens what is encrypted with the station's key."""
        keys = [key for key in (self.station.sender.key, self._former_key) if key]
        sealed = sealed_of(event) if keys else None
        if sealed is not None:
            event = unseal(sealed, *keys)
        if isinstance(event, Rejected):
            return []
        try:
            packet = parse_segment(event.segment)
        except ParseError:
            return []
        return self.hear(packet, now)

    def hear(self, packet: Packet, now: datetime) -> list[bytes]:
        """What to send because of a packet, in order. Answers and the logger's own commands bring nothing new."""
        self.heard.append(packet)
        del self.heard[:-MOST_REMEMBERED]
        if packet.cn == "9014":
            return self._acknowledged(packet.request_qn or "", now)
        if packet.cn in ANSWERS or self.temper.deaf:
            return []
        if packet.cn in NOTIFIES:
            return self._notified(packet)
        return self._requested(packet, now)

    def tick(self, now: datetime) -> list[bytes]:
        """What to send because time passed: unacknowledged uploads again, realtime data, heartbeats of 2025."""
        frames = [frame for qn in list(self._running) for frame in self._overdue(qn, now)]
        station = self.station
        if station.send_realtime and station.live is not None and now >= (self._next_realtime or now):
            self._next_realtime = now + timedelta(seconds=station.rtd_interval)
            report = Report("2011", station.time(now), station.live(now))
            frames += [step.frame for step in self._steps_of(Reply("2011", report=report, own_qn=True), "", now)]
        pause = station.heartbeat if station.sender.edition is Edition.V2025 else None
        if pause is not None and now >= (self._next_heartbeat or now):
            self._next_heartbeat = now + pause
            frames.append(command(station.sender, "9015", (), qn=self.next_qn(now), ack_wanted=True))
        return frames

    def next_qn(self, now: datetime) -> str:
        """A request code (QN) by the station's clock; never the same twice."""
        shown = self.station.time(now)
        self._last_qn = max(self._last_qn + 1, int(f"{shown:%Y%m%d%H%M%S}{shown.microsecond // 1000:03}"))
        while str(self._last_qn) in self._running or str(self._last_qn) in self._finished:
            self._last_qn += 1
        return str(self._last_qn)

    @property
    def busy(self) -> bool:
        """Whether an exchange waits for an acknowledgement."""
        return bool(self._running)

    # --- inside ---

    def _notified(self, packet: Packet) -> list[bytes]:
        if packet.cn == "2012":
            self.station.send_realtime = False
        else:
            self.station.send_state = False
        return [answer(packet, "9013")]

    def _requested(self, packet: Packet, now: datetime) -> list[bytes]:
        qn = packet.request_qn or ""
        ready = [] if self.temper.no_qn_rtn or not packet.ack_wanted else [answer(packet, "9011", READY)]
        if qn and qn in self._running:
            return ready
        if qn in self._finished:
            return [*ready, self._finished[qn]]
        refusal = self._refusal(packet)
        if refusal is not None:
            return [] if self.temper.no_qn_rtn else [answer(packet, "9011", refusal)]
        execution = self._execute(packet, now)
        if execution is None:
            return [] if self.temper.no_qn_rtn else [answer(packet, "9011", WRONG_CN)]
        self._running[qn] = _Exchange(packet, self._steps(packet, execution, now))
        return ready + self._go_on(qn, now)

    def _refusal(self, packet: Packet) -> int | None:
        sender = self.station.sender
        if packet.cn in self.temper.qn_rtn:
            return self.temper.qn_rtn[packet.cn]
        if packet.mn != sender.mn and packet.cn != "1002":
            return WRONG_MN
        if packet.pw != sender.pw:
            return WRONG_PW
        return None if packet.request_qn else WRONG_QN

    def _execute(self, packet: Packet, now: datetime) -> Execution | None:
        if packet.cn in self.temper.exe_rtn:
            return Execution(self.temper.exe_rtn[packet.cn])
        key = self.station.sender.key
        execution = execute(self.station, packet, now)
        if self.station.sender.key != key:
            self._former_key = key  # what the platform sent before it heard of the change
        return execution

    def _steps(self, packet: Packet, execution: Execution, now: datetime) -> Iterator[_Step]:
        """All that follows 9011. Lazy, so that a year of minutes costs no more memory than a day."""
        qn = packet.request_qn or ""
        for reply in execution.replies:
            yield from self._steps_of(reply, qn, now)
        if not self.temper.no_exe_rtn:
            last = answer(packet, "9012", execution.code)
            self._finished[qn] = last
            while len(self._finished) > MOST_REMEMBERED:
                self._finished.popitem(last=False)
            yield _Step(last, None)
        for reply in execution.followers:
            yield from self._steps_of(reply, qn, now)

    def _steps_of(self, reply: Reply, qn: str, now: datetime) -> Iterator[_Step]:
        sender = self.station.sender
        old = sender.edition is Edition.V2005
        acknowledged = reply.own_qn and not old and not self.temper.unacknowledged and reply.cn != "2011"
        if reply.report is not None:
            used: list[str] = []
            frames = upload_frames(
                sender, replace(reply.report, ack_wanted=acknowledged), qns=() if old else self._qns(used, now)
            )
            for number, frame in enumerate(frames):
                yield _Step(frame, used[number] if acknowledged else None)
            return
        mine = self.next_qn(now) if reply.own_qn else qn
        params = (("QN", qn), *reply.params) if old and not reply.own_qn else reply.params
        frame = command(
            sender, reply.cn, params, qn=None if old else mine, ack_wanted=acknowledged, joint=reply.joint
        )  # fmt: skip
        yield _Step(frame, mine if acknowledged else None)

    def _qns(self, used: list[str], now: datetime) -> Iterator[str]:
        while True:
            used.append(self.next_qn(now))
            yield used[-1]

    def _go_on(self, qn: str, now: datetime) -> list[bytes]:
        exchange = self._running[qn]
        frames = []
        try:
            for step in exchange.steps:
                frames.append(step.frame)
                if step.qn is not None:
                    exchange.waiting, exchange.since, exchange.tries = step, now, 0
                    return frames
        except EncodeError:  # the request names something that no frame can carry back
            frames.append(answer(exchange.request, "9012", CONDITIONS_WRONG))
        del self._running[qn]
        return frames

    def _acknowledged(self, qn: str, now: datetime) -> list[bytes]:
        for request, exchange in list(self._running.items()):
            if exchange.waiting is not None and exchange.waiting.qn == qn:
                exchange.waiting = None
                return self._go_on(request, now)
        return []

    def _overdue(self, qn: str, now: datetime) -> list[bytes]:
        """The frame again after OverTime; after ReCount times the exchange is over (HJ 212-2017, 6.2)."""
        exchange = self._running[qn]
        if exchange.waiting is None or exchange.since is None:
            return []
        if now - exchange.since < timedelta(seconds=self.station.over_time):
            return []
        if exchange.tries < self.station.re_count:
            exchange.tries += 1
            exchange.since = now
            return [exchange.waiting.frame]
        del self._running[qn]
        if self.temper.no_exe_rtn:
            return []
        last = self._finished[qn] = answer(exchange.request, "9012", TIMED_OUT)
        return [last]
