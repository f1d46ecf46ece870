"""The frames of commands: what is sent, and what may be shown of a frame."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.ingest.domain.commands.model import Command
from services.ingest.hj212.codec import Edition, Packet, Sender, command, tables
from services.ingest.hj212.codec.encode import format_time
from shared.contracts.ingest import Medium
from shared.contracts.ingest.commands import ParameterType

SYSTEM_CODES = {Medium.WATER: "32", Medium.GAS: "31"}
"""System code ST (系统编码) of pollution sources, HJ 212-2017 table 5."""
SECRETS = re.compile(r"\b(PW|NewPW|NewSK)=([^;,&]*)")
MASK = "******"


class Station(NamedTuple):
    """How a device is spoken to: its ST, PW and edition."""

    st: str
    pw: str
    edition: str
    key: bytes | None = None
    """SM4 key: with it the 2025 edition encrypts the commands it wants encrypted."""


def shown(frame: bytes) -> str:
    """A frame as text, passwords and keys masked."""
    text = frame.decode("utf-8", "backslashreplace").strip("\r\n")
    text = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
    return SECRETS.sub(rf"\1={MASK}", text)


def plain_text(packet: Packet) -> bytes:
    """What an encrypted frame says: its data segment, as far as it was read."""
    head = f"QN={packet.qn};ST={packet.st};CN={packet.cn};PW={packet.pw};MN={packet.mn};Flag={packet.flag};"
    body = "".join(f"{key}={text}{separator}" for key, text, separator in packet.fields)
    return f"{head}CP=&&{body}&&".encode()


def data_area(order: Command, now: datetime) -> list[tuple[str, str]]:
    """The data area (数据区) of a command: key and text, in order."""
    kind = order.kind
    types = {parameter.name: parameter.type for parameter in kind.parameters}
    given = dict(order.params)
    if kind.secret is not None and order.secret is not None:
        given[kind.secret] = order.secret
    pairs = []
    for slot in kind.frame:
        if slot.editions and order.edition not in slot.editions:
            continue
        key = slot.key.format_map(given)
        if slot.now:
            pairs.append((key, format_time(now)))
        elif slot.source is not None and slot.source in given:
            pairs.append((key, _wire(given[slot.source], types[slot.source], order.edition)))
    return pairs


def _wire(text: str, type_: ParameterType, edition: str) -> str:
    match type_:
        case ParameterType.TIME:
            return format_time(datetime.fromisoformat(text))
        case ParameterType.CLOCK:
            return text.replace(":", "") + "00"
        case ParameterType.FACTOR if edition == Edition.V2005:
            factor = tables.factors().get(text)
            return (factor.code_2005 if factor else "") or text
    return text


def request(order: Command, station: Station, qn: str, now: datetime) -> bytes:
    """The frame that gives a command. Raises `EncodeError` for what cannot be written as one."""
    sender = Sender(mn=order.mn, st=station.st, pw=station.pw, edition=Edition(station.edition), key=station.key)
    return command(sender, order.kind.cn, data_area(order, now), qn=qn, ack_wanted=True)


def qn_text(milliseconds: int, beijing: datetime) -> str:
    """A QN (请求编码), `yyyyMMddHHmmsszzz`, of Unix milliseconds; `beijing` is the same second in Beijing time."""
    return f"{beijing:%Y%m%d%H%M%S}{milliseconds % 1000:03}"


def told(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of a data area that may be kept as a result: nothing secret, no QN."""
    return [(key, text[:200]) for key, text in pairs if key not in ("PW", "NewPW", "NewSK", "QN")]
