"""What a packet of a device means for a command to it.

Matching: by QN first. In 2005 it stands in the data area; some devices send none or one of their own, so an answer
whose QN belongs to no command of ours counts for the one that is under way (a device has one at most). ST and Flag of
answers are wrong in the field too often to be looked at.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.ingest.domain.commands import life
from services.ingest.domain.commands.catalogue import Exchange
from services.ingest.domain.commands.frames import told
from services.ingest.domain.commands.model import MOST_RESULTS, Command
from services.ingest.hj212.codec import Packet, UploadError, tables, to_upload
from shared.contracts.ingest.commands import CommandEvent as Event
from shared.contracts.ingest.commands import CommandState as State

GOOD = 1
RETURN_KEYS = {"9011": ("QnRtn", "QnRtnt"), "9012": ("ExeRtn", "ExtRtn", "ExeRtnt")}
"""Names of the return code; the second ones are typing errors of the field."""
LISTS = {"9011": "qn_rtn", "9012": "exe_rtn"}
ANSWERS = frozenset({"9011", "9012", "9013"})


class Word(StrEnum):
    """What a packet is to a command."""

    ANSWER = "answer"
    DATA = "data"


class Heard(NamedTuple):
    """A packet of a device, as far as commands care. `raw` is the frame, in plain text where it was encrypted."""

    packet: Packet
    raw: bytes
    at: datetime
    encrypted: bool = False


def match(packet: Packet, commands: Sequence[Command]) -> tuple[Command, Word] | None:
    """The command a packet belongs to. `commands` are those of its MN: under way, and lately ended ones."""
    qn = packet.request_qn
    known = next((item for item in commands if qn and item.qn == qn), None)
    under_way = next((item for item in commands if item.state in life.IN_FLIGHT), None)
    if packet.cn in ANSWERS:
        found = known or under_way
        return None if found is None else (found, Word.ANSWER)
    for item in (known, under_way):
        if item is not None and item.state in life.IN_FLIGHT and _is_data(packet, item):
            return item, Word.DATA
    return None


def _is_data(packet: Packet, command: Command) -> bool:
    if packet.cn != command.kind.cn or not packet.fields:
        return False
    if command.kind.exchange is Exchange.HISTORY:
        return _within(packet, command)
    return command.kind.exchange is not Exchange.SET


def _within(packet: Packet, command: Command) -> bool:
    """Whether an upload lies in the span that was asked for: live data of the same CN go on meanwhile."""
    try:
        upload = to_upload(packet)
    except UploadError:
        return packet.param("DataTime") is not None and packet.cn == "2041"
    since, until = (datetime.fromisoformat(command.params[name]) for name in ("since", "until"))
    return since - timedelta(minutes=1) <= upload.data_time <= until


def return_code(packet: Packet) -> int | None:
    """QnRtn or ExeRtn of an answer; None where it has none or one that is no number."""
    for name in RETURN_KEYS.get(packet.cn, ()):
        text = packet.param(name)
        if text is not None and text.strip().isdigit():
            return int(text)
    return None


def meaning(command: Command) -> tuple[str, str]:
    """The return code of a command in words, Chinese and English; empty without one."""
    if command.return_code is None:
        return "", ""
    return meaning_of("9011" if command.state is State.REFUSED else "9012", str(command.return_code))


def note(packet: Packet) -> str:
    """A remark on a frame that came in: its return code."""
    number = return_code(packet)
    return "" if number is None else str(number)


def meaning_of(cn: str, number: str) -> tuple[str, str]:
    """A return code of 9011 or 9012 in words, Chinese and English; empty for other remarks."""
    if cn not in LISTS or not number.isdigit():
        return "", ""
    row = tables.return_codes()[LISTS[cn]].get(int(number))
    return (row["zh"], row["en"]) if row else (f"未知代码 {number}", f"unknown code {number}")


def after_answer(command: Command, packet: Packet, now: datetime, wall: datetime) -> Command | None:
    """The command after an answer; None where the answer changes nothing (a repeat, or one too late)."""
    event, code = _event_of(command, packet)
    if event is None or not life.takes(command, event):
        return None
    return life.extended(life.move(command, event, now, code=code), wall)


def _event_of(command: Command, packet: Packet) -> tuple[Event | None, int | None]:
    code = return_code(packet)
    match packet.cn:
        case "9013":
            return (Event.SUCCEED if command.kind.exchange is Exchange.NOTIFY else None), None
        case "9011":
            # Without a number the device at least answered: some send an empty 9011.
            accepted = code in (GOOD, None)
            if accepted and command.kind.exchange is Exchange.NOTIFY:
                return Event.SUCCEED, code
            return (Event.ACCEPT, None) if accepted else (Event.REFUSE, code)
        case _:
            return (Event.SUCCEED if code in (GOOD, None) else Event.FAIL), code


def after_data(command: Command, packets: Sequence[Packet], now: datetime, wall: datetime) -> Command:
    """The command after data came back: counted, and what a getter told is kept."""
    values = sum(_values(packet) for packet in packets)
    keeps = command.kind.exchange is Exchange.GET
    result = list(command.result)
    for packet in packets if keeps else ():
        result += told([(key, text) for key, text, _ in packet.fields])
    counted = replace(
        command, frames=command.frames + len(packets), values_arrived=command.values_arrived + values,
        result=tuple(result[:MOST_RESULTS]),
    )  # fmt: skip
    if counted.state is not State.RUNNING:
        counted = life.move(counted, Event.DATA, now)
    return life.extended(counted, wall)


def _values(packet: Packet) -> int:
    try:
        return len(to_upload(packet).values)
    except UploadError:
        return 0
