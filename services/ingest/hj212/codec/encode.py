"""Write HJ 212 frames: uploads and answers, in the form of each edition."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from services.ingest.hj212.codec.commands import ANSWERS
from services.ingest.hj212.codec.crc import crc16
from services.ingest.hj212.codec.events import STRICT_LIMIT
from services.ingest.hj212.codec.packet import Edition, Packet
from services.ingest.hj212.codec.sealing import must_be_sealed, seal
from services.ingest.hj212.codec.values import BEIJING, LONGEST_NUMBER

INTERACTION_ST = "91"
CP_LIMIT = {Edition.V2005: 960, Edition.V2017: 950, Edition.V2025: 950}
"""Bytes of a data area (数据区) before it must be split into packets (拆分包); less where the whole
segment would pass 1,024."""
LONGEST_SEGMENT = 9999
_VERSION_BITS = {Edition.V2005: 0, Edition.V2017: 4, Edition.V2025: 8}
_A = 1
_D = 2

Value = str | float | int
FactorItem = tuple[str, Sequence[tuple[str, Value]]]
"""A factor code and its (suffix, value) pairs, e.g. ("w01018", [("Avg", 40.1), ("Flag", "N")])."""


class EncodeError(ValueError):
    """Something that cannot be written as a frame; the message says what."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: system code ST, password PW, device number MN, edition spoken.

    key: with one (16 bytes), the 2025 edition encrypts the commands it wants encrypted.
    """

    mn: str
    st: str
    pw: str = "123456"
    edition: Edition = Edition.V2017
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """Values to upload: command, time (aware), factors, whether an answer is wanted, whether late (补传)."""

    cn: str
    data_time: datetime
    items: Sequence[FactorItem]
    ack_wanted: bool = False
    late: bool = False


def frame(segment: bytes) -> bytes:
    """Put header, length, checksum and CR LF around a data segment. Raises EncodeError over 9,999 bytes."""
    if len(segment) > LONGEST_SEGMENT:
        raise EncodeError(f"a data segment of {len(segment)} bytes has no four-digit length")
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc16(segment))


def format_value(value: Value) -> str:
    """A value as the standard writes numbers: plain decimals, no exponent, shortest exact form.

    Raises EncodeError for a value that is not finite or longer than 40 characters.
    """
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise EncodeError(f"{value} is no number a frame can carry")
    text = format(Decimal(repr(value)), "f").removesuffix(".0")
    if len(text) > LONGEST_NUMBER:
        raise EncodeError(f"{value!r} needs {len(text)} digits, more than {LONGEST_NUMBER}")
    return text


def format_time(time: datetime) -> str:
    """`yyyyMMddHHmmss` in Beijing time. `time` must be aware."""
    if time.tzinfo is None:
        raise EncodeError("device time needs an aware datetime")
    return time.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")


def upload_frames(
    sender: Sender, report: Report, *, qns: Iterable[str] = (), cp_limit: int | None = None
) -> list[bytes]:
    """Frames that upload a report: one, or several with PNUM and PNO when the data area grows too long.

    qns: request codes (QN), one per packet; needed from 2017 on and, in 2005, for an answer.
    The data area is cut between factors only and every packet repeats DataTime (HJ 212-2017
    C.49). Raises EncodeError.
    """
    return frames_of(
        sender,
        report.cn,
        f"DataTime={format_time(report.data_time)}",
        [_item(*item) for item in report.items],
        qns=qns,
        ack_wanted=report.ack_wanted,
        late=report.late,
        cp_limit=cp_limit,
    )


def frames_of(  # noqa: PLR0913 - what a frame has
    sender: Sender,
    cn: str,
    prefix: str,
    items: Sequence[str],
    *,
    qns: Iterable[str],
    ack_wanted: bool,
    late: bool,
    cp_limit: int | None,
) -> list[bytes]:
    """Frames of a data area already in text: `prefix`, repeated in every packet, and items that are never cut."""
    widest_head = _head(sender, cn, "0" * 17, ack_wanted=True, numbers=(9999, 9999)) + "RF=1;CP=&&&&"
    limit = min(cp_limit or CP_LIMIT[sender.edition], STRICT_LIMIT - len(widest_head.encode()))
    parts = _split(prefix, items, limit)
    names = iter(qns)
    frames = []
    for number, part in enumerate(parts, 1):
        qn = next(names, None)
        if qn is None and (sender.edition is not Edition.V2005 or ack_wanted):
            raise EncodeError(f"packet {number} of {len(parts)} has no QN")
        numbers = (len(parts), number) if len(parts) > 1 else None
        head = _head(sender, cn, qn, ack_wanted=ack_wanted, numbers=numbers)
        if late and sender.edition is Edition.V2025:
            head += "RF=1;"
        frames.append(_wrap(sender, cn, f"{head}CP=&&{part}&&".encode()))
    return frames


def command(
    sender: Sender,
    cn: str,
    params: Sequence[tuple[str, Value]],
    *,
    qn: str | None,
    ack_wanted: bool,
    joint: str | None = None,
) -> bytes:
    """One frame of any other command. Parameters are joined with `;` (2017) or `,` (2005), or with `joint`."""
    joint = joint or ("," if sender.edition is Edition.V2005 else ";")
    body = joint.join(f"{_clean(key)}={_clean(format_value(value))}" for key, value in params)
    return _wrap(sender, cn, f"{_head(sender, cn, qn, ack_wanted=ack_wanted)}CP=&&{body}&&".encode())


def answer(packet: Packet, cn: str, code: int | None = None) -> bytes:
    """The answer `cn` (9011 to 9014) to `packet`, in the form of its edition.

    `code` is QnRtn for 9011 and ExeRtn for 9012. From 2017 on the header repeats the QN of the
    request; in 2005 the QN stands in the data area. Raises EncodeError for an answer to an answer.
    """
    if cn not in ANSWERS:
        raise EncodeError(f"CN {cn} is no answer")
    if packet.cn in ANSWERS:
        raise EncodeError(f"CN {packet.cn} is an answer and is never answered")
    name = {"9011": "QnRtn", "9012": "ExeRtn"}.get(cn)
    if (name is None) is not (code is None):
        raise EncodeError(f"CN {cn} {'takes no' if name is None else 'needs a'} return code")
    result = [] if name is None else [f"{name}={code}"]
    qn = packet.request_qn
    tail = f"PW={packet.pw};MN={packet.mn};"
    if packet.edition is Edition.V2005:
        body = ";".join([f"QN={qn}", *result] if qn else result)
        flag = "" if cn == "9012" else "Flag=0;"
        return frame(f"ST={INTERACTION_ST};CN={cn};{tail}{flag}CP=&&{body}&&".encode())
    version = _VERSION_BITS.get(packet.edition, _VERSION_BITS[Edition.V2025])
    head = f"QN={qn or ''};ST={INTERACTION_ST};CN={cn};{tail}Flag={version};"
    return frame(f"{head}CP=&&{';'.join(result)}&&".encode())


def _wrap(sender: Sender, cn: str, segment: bytes) -> bytes:
    if sender.key is not None and sender.edition is Edition.V2025 and must_be_sealed(cn):
        return seal(segment, sender.key)
    return frame(segment)


def _head(sender: Sender, cn: str, qn: str | None, *, ack_wanted: bool, numbers: tuple[int, int] | None = None) -> str:
    flag = _VERSION_BITS[sender.edition] | (_A if ack_wanted else 0) | (_D if numbers else 0)
    fields = [f"QN={_clean(qn)}"] if qn is not None else []
    fields += [f"ST={_clean(sender.st)}", f"CN={cn}", f"PW={_clean(sender.pw)}", f"MN={_clean(sender.mn)}"]
    if flag:
        fields.append(f"Flag={flag}")
    if numbers:
        fields.append(f"PNUM={numbers[0]};PNO={numbers[1]}")
    return ";".join(fields) + ";"


def _item(factor: str, values: Sequence[tuple[str, Value]]) -> str:
    code = _clean(factor)
    return ",".join(f"{code}-{_clean(suffix)}={_clean(format_value(value))}" for suffix, value in values)


def _clean(text: str) -> str:
    """Text that cannot break the frame. Raises EncodeError."""
    if any(sign in text for sign in ";,=&#") or not text.isprintable():
        raise EncodeError(f"not allowed inside a data segment: {text[:40]!r}")
    return text


def _split(prefix: str, items: Sequence[str], limit: int) -> list[str]:
    parts = [prefix]
    for item in items:
        whole = f"{prefix};{item}" if prefix else item
        if len(whole.encode()) > limit:
            raise EncodeError(f"one factor alone is longer than {limit} bytes: {item[:40]!r}")
        if parts[-1] == prefix:
            parts[-1] = whole
        elif len(parts[-1].encode()) + 1 + len(item.encode()) <= limit:
            parts[-1] += ";" + item
        else:
            parts.append(whole)
    return parts
