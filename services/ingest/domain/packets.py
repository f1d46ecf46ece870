"""Judging packets 报文: whose they are, what becomes of them, and the rows they bring."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.ingest.domain.bulk import FUTURE
from services.ingest.domain.flat import AnyRow, FlatRow
from services.ingest.domain.links import link_rules
from services.ingest.domain.networks import comes_from
from services.ingest.domain.readings import NORMAL, UNKNOWN_FLAG, Key, Row, Value
from services.ingest.domain.tolerance import refused
from services.ingest.hj212.codec import (
    ANSWERS,
    FactorValues,
    Kind,
    Role,
    Upload,
    UploadError,
    expected_answer,
    read_flat,
    role_of,
    to_upload,
)
from services.ingest.hj212.codec import Packet as Message
from services.ingest.hj212.codec.sm4 import read_key
from shared.contracts.ingest import MAX_VALUES_A_ROW, PacketStatus, ReadingKind
from shared.contracts.ingest.links import PasswordCheck, Tolerance

DETAIL_LENGTH = 300
FUTURE_SECONDS = FUTURE.total_seconds()
_KINDS = {kind: ReadingKind(kind.value) for kind in Kind}
_CLAIMED_MN = re.compile(rb"[;#0-9]MN=([!-:<-~]{3,40});")
UNKNOWN_MN = "unknown_mn"
PERIODIC = "2013"
_TIMES = {False: "DataTime", True: "SampleTime"}
NOT_THE_DEVICE = frozenset({UNKNOWN_MN, "inactive_device", "address_not_allowed", "wrong_password"})
"""Reasons that leave open whether the frame is of the device it names."""
LATE = "late"
"""Remark of the journal on values that came long after their time."""
SEEN_STEP = timedelta(minutes=1)
"""`last_seen_at` is written at most once in this time for each device."""


class Packet(NamedTuple):
    """A line of the journal 报文日志: the frame as received and what became of it.

    cn is None where the frame could not be read; mn then is what its bytes claim,
    if they name one. repairs: what was wrong and put right.
    """

    received_at: datetime
    remote: str
    mn: str | None
    cn: str | None
    status: PacketStatus
    raw: bytes
    reason: str | None = None
    detail: str = ""
    repairs: tuple[str, ...] = ()
    id: int = 0

    @property
    def late(self) -> bool:
        """Whether its values came late 补传."""
        return self.status is PacketStatus.STORED and LATE in self.detail.split(", ")


class PacketFilter(NamedTuple):
    """Which packets of the journal. open: in the quarantine and not done with."""

    status: PacketStatus | None = None
    reason: str | None = None
    mn: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    open: bool = False


class KnownDevice(NamedTuple):
    """What the gateway knows of a data logger 数采仪. `active`: it and its outlet are in use."""

    id: UUID
    mn: str
    password: str | None
    edition: str
    active: bool
    point: int
    outlet_id: UUID
    tolerance: Tolerance = Tolerance.LENIENT
    accepted: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    password_check: PasswordCheck = PasswordCheck.REFUSE
    key: bytes | None = None
    next_password: str | None = None
    """A PW that was sent to the device (CN 1072) and may hold already: its 9012 is not here."""
    next_key: str | None = None
    """The same for an SM4 key (CN 1014)."""
    previous_key: bytes | None = None
    """The SM4 key before the present one."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        """SM4 keys that may open its frames, the newest first."""
        coming = read_key(self.next_key) if self.next_key else None
        return tuple(key for key in (coming, self.key, self.previous_key) if key is not None)


class Verdict(NamedTuple):
    """What becomes of a packet. `row` is what it brings; `device` who sent it, where that is certain.

    more: rows besides, where its factors were sampled at several times.
    late: 补传, its values came long after their time. journal: False for a stranger's frame beyond what is kept.
    """

    status: PacketStatus
    reason: str | None = None
    detail: str = ""
    row: AnyRow | None = None
    device: KnownDevice | None = None
    late: bool = False
    journal: bool = True
    more: tuple[AnyRow, ...] = ()

    @property
    def rows(self) -> tuple[AnyRow, ...]:
        """All it brings."""
        return (self.row, *self.more) if self.row is not None else ()


def judge(
    message: Message, device: KnownDevice | None, received_at: datetime, *, peer: str = "", repairs: Sequence[str] = ()
) -> Verdict:
    """The verdict on a readable packet of a device that is known or not; `repairs`: what its frame needed."""
    if device is None:
        return _quarantine(UNKNOWN_MN, f"no device has the MN {message.mn}")
    refusal = _refusal(message, device, peer, repairs)
    if refusal is not None:
        return refusal
    if message.cn in ANSWERS:
        return Verdict(PacketStatus.IGNORED, "answer", device=device)
    flat = read_flat(message)
    if (
        flat is not None
        and len(flat.layout) <= MAX_VALUES_A_ROW
        and flat.at <= received_at.timestamp() + FUTURE_SECONDS
    ):
        key = Key(device.point, _KINDS[flat.kind], flat.at)
        row = FlatRow(key, flat.layout, flat.columns, flat.numbers, flat.flags, f"hj212:{device.mn}")
        late = _is_late(message, key, received_at)
        return Verdict(PacketStatus.STORED, None, LATE if late else "", row, device, late)
    try:
        upload = to_upload(message, received_at=received_at)
    except UploadError as error:
        return _without_values(message, error, device)
    return _stored(message, upload, device, received_at)


def _refusal(message: Message, device: KnownDevice, peer: str, repairs: Sequence[str]) -> Verdict | None:
    """Why nothing is taken from this sender, or not in this form; None where it is."""
    if not device.active:
        return _quarantine("inactive_device", f"device {message.mn} or its outlet is out of use")
    if device.networks and not comes_from(peer, device.networks):
        return _quarantine("address_not_allowed", f"{peer} is in none of the networks of the device")
    wrong = device.password is not None and message.pw not in (device.password, device.next_password)
    if wrong and device.password_check is PasswordCheck.REFUSE:
        return _quarantine("wrong_password", "PW is not that of the device")
    if device.tolerance is not Tolerance.LENIENT and (repairs or message.notes):
        name = refused((*repairs, *message.notes), device.tolerance, device.accepted)
        if name is not None:
            return _quarantine("repair_not_allowed", name)._replace(device=device)
    return None


def claimed_mn(raw: bytes) -> str | None:
    """The MN that bytes name which could not be read as a packet; what a broken frame says is no proof."""
    match = _CLAIMED_MN.search(raw)
    return None if match is None else match[1].decode("ascii")


def _quarantine(reason: str, detail: str) -> Verdict:
    return Verdict(PacketStatus.QUARANTINED, reason, detail[:DETAIL_LENGTH])


def _without_values(message: Message, error: UploadError, device: KnownDevice) -> Verdict:
    if error.code in ("no_data_time", "bad_data_time", "no_values"):
        return _quarantine(error.code, error.message)._replace(device=device)
    if expected_answer(message) is not None:
        return Verdict(PacketStatus.ANSWERED, device=device)
    reason = "request_not_upload" if role_of(message) is Role.REQUEST else error.code
    return Verdict(PacketStatus.IGNORED, reason, error.message, device=device)


def _stored(message: Message, upload: Upload, device: KnownDevice, received_at: datetime) -> Verdict:
    parts = _by_time(message, upload)
    last = max(upload.data_time, *parts)
    if last > received_at + FUTURE:
        text = f"{_TIMES[last > upload.data_time]} {last.isoformat()} is more than one day in the future"
        return _quarantine("future_time", text)._replace(device=device)
    named = {part.factor for part in upload.values}
    if len(named) > MAX_VALUES_A_ROW:
        text = f"{len(named)} factors, more than {MAX_VALUES_A_ROW}"
        return _quarantine("too_many_factors", text)._replace(device=device)
    key = Key(device.point, ReadingKind(upload.kind.value), int(upload.data_time.timestamp()))
    row, *more = (
        Row(key._replace(at=int(at.timestamp())), values_of(those), f"hj212:{device.mn}") for at, those in parts.items()
    )
    late = _is_late(message, key, received_at)
    detail = _remarks(upload, late=late)
    return Verdict(PacketStatus.STORED, detail=detail, row=row, device=device, late=late, more=tuple(more))


def _by_time(message: Message, upload: Upload) -> dict[datetime, list[FactorValues]]:
    """Values by the time they are of. An instrument that samples in cycles (CN 2013) names it, factor by factor: the
    result is known long after the sample was taken.
    """
    found: dict[datetime, list[FactorValues]] = {}
    for part in upload.values:
        sampled = part.sample_time if message.cn == PERIODIC else None
        found.setdefault(sampled or upload.data_time, []).append(part)
    return found


def _is_late(message: Message, key: Key, received_at: datetime) -> bool:
    return message.rf or received_at.timestamp() - key.at > link_rules().late_after[key.kind]


def values_of(parts: Sequence[FactorValues]) -> dict[str, Value]:
    """Values by factor. A factor that is repeated in one packet keeps its last values: the frame has them all."""
    return {
        part.factor: Value(
            _value_of(part),
            NORMAL if part.flag is None else _flag(part.flag),
            part.min,
            part.max,
            part.cou,
            part.zs_rtd if part.zs_avg is None else part.zs_avg,
        )
        for part in parts
    }


def _value_of(part: FactorValues) -> float | None:
    if part.avg is not None:
        return part.avg
    if part.rtd is not None:
        return part.rtd
    noise = (part.data, part.day_data, part.night_data)
    return next((number for number in noise if number is not None), None)


def _flag(flag: str) -> str:
    return flag if len(flag) == 1 and flag.isascii() and flag.isprintable() else UNKNOWN_FLAG


def _remarks(upload: Upload, *, late: bool) -> str:
    remarks = [*upload.notes, *([LATE] if late else [])]
    remarks += [f"{item.code}-{item.suffix}={item.text}" for item in upload.unreadable]
    return ", ".join(remarks)[:DETAIL_LENGTH]


def edition_remark(message: Message, device: KnownDevice | None) -> str | None:
    """A remark where a device speaks another edition than it is registered with."""
    if device is None or message.edition.value == device.edition:
        return None
    return f"edition_{message.edition.value}"


def password_remark(message: Message, device: KnownDevice | None) -> str | None:
    """A remark where another PW than that of the device is let pass."""
    if device is None or device.password is None or device.password_check is not PasswordCheck.REMARK:
        return None
    return None if message.pw == device.password else "other_password"


def due_to_be_seen(
    last: Mapping[UUID, datetime], devices: Sequence[tuple[UUID, datetime]]
) -> list[tuple[UUID, datetime]]:
    """Devices whose `last_seen_at` is to be written: the newest time of each, not more often than `SEEN_STEP`."""
    newest: dict[UUID, datetime] = {}
    for device_id, at in devices:
        if device_id not in newest or at > newest[device_id]:
            newest[device_id] = at
    return sorted(
        (device_id, at) for device_id, at in newest.items()
        if device_id not in last or at - last[device_id] >= SEEN_STEP
    )  # fmt: skip
