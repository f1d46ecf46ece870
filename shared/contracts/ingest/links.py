"""Links of devices 数采仪: state, history, tolerance, settings, and devices nobody registered."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr

from shared.contracts.ingest.base import Wire
from shared.contracts.ingest.registry import DeviceOut, LinkState

DEVICE_STATE = "ingest.device.state.v1"
MOST_NETWORKS = 50


class Tolerance(StrEnum):
    """Which deviations from the standard are put right. What is not goes to the quarantine."""

    LENIENT = "lenient"
    """All that the codec can repair."""
    LEARNT = "learnt"
    """Those this device has been seen to need; a new one is refused."""
    STRICT = "strict"
    """None."""


class PasswordCheck(StrEnum):
    """What becomes of a frame whose PW is not that of the device."""

    REFUSE = "refuse"
    REMARK = "remark"
    """Taken, with a remark in the journal."""
    OFF = "off"


class DeviceChange(StrEnum):
    """A change in the link of a device."""

    ONLINE = "online"
    OFFLINE = "offline"
    DUPLICATE = "duplicate"
    DUPLICATE_ENDED = "duplicate_ended"
    CLOCK_OFF = "clock_off"
    CLOCK_RIGHT = "clock_right"
    EDITION_OTHER = "edition_other"
    EDITION_RIGHT = "edition_right"


class LinkFilter(StrEnum):
    """Which devices a list shows."""

    ALL = "all"
    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"
    DUPLICATE = "duplicate"
    CLOCK_OFF = "clock_off"
    EDITION_OTHER = "edition_other"


class LineOut(Wire):
    """One connection that speaks for a device. `peer` is address and port."""

    peer: str
    since: AwareDatetime
    last_at: AwareDatetime


class Traffic(Wire):
    """Frames counted. late: 补传, came long after their time; repeats: brought nothing new; repaired: deviated from
    the standard and were put right; undelivered: stored, but the connection was gone before the answer.
    """

    frames: int = 0
    late: int = 0
    repeats: int = 0
    repaired: int = 0
    rejected: int = 0
    undelivered: int = 0


class TrafficDay(Traffic):
    """One day of Beijing time."""

    day: date


class LinkOut(Wire):
    """The link of a device. skew: median of receive time minus the device's time, in seconds: positive where its
    clock is slow.
    """

    state: LinkState
    since: AwareDatetime | None = None
    connected_at: AwareDatetime | None = None
    last_frame_at: AwareDatetime | None = None
    heartbeat_at: AwareDatetime | None = None
    skew: float | None = None
    skew_at: AwareDatetime | None = None
    clock_off: bool = False
    duplicate: bool = False
    editions: list[str] = []
    edition_other: str | None = None
    last_by_cn: dict[str, AwareDatetime] = {}
    lines: list[LineOut] = []


class LinkedDevice(Wire):
    """A device in the list of links. `week` counts the last seven days."""

    id: UUID
    mn: str
    edition: str
    active: bool
    outlet_id: UUID
    outlet_code: str
    outlet_name_zh: str
    outlet_name_en: str
    enterprise_id: UUID
    enterprise_name_zh: str
    enterprise_name_en: str
    tolerance: Tolerance
    link: LinkOut
    week: Traffic
    repairs: list[str] = []


class OddityOut(Wire):
    """A repair a device's frames need, or a reason they are rejected for."""

    name: str
    first_at: AwareDatetime
    last_at: AwareDatetime
    count: int
    accepted: bool = True
    """Whether the present tolerance of the device takes it."""


class DeviceSettings(Wire):
    """How a device's frames are taken. `accepted`: repairs taken in the mode `learnt`."""

    tolerance: Tolerance = Tolerance.LENIENT
    accepted: list[str] = []
    networks: list[str] = []
    password_check: PasswordCheck = PasswordCheck.REFUSE
    has_key: bool = False
    version: int = 0


Network = Annotated[str, Field(min_length=3, max_length=50)]
OddityName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]


class DeviceSettingsChange(Wire):
    """What is to change; what is absent stays. The answer never tells password or key."""

    edition: str | None = Field(None, pattern=r"^(2005|2017|2025)$")
    tolerance: Tolerance | None = None
    accepted: list[OddityName] | None = Field(None, max_length=100)
    """Absent where `tolerance` becomes `learnt`: what the device has been seen to need until now."""
    networks: list[Network] | None = Field(None, max_length=MOST_NETWORKS)
    """Networks it may come from, as `10.1.0.0/16` or one address; empty: from everywhere."""
    password: SecretStr | None = Field(None, max_length=24)
    """A new PW; empty: none, so that none is checked."""
    password_check: PasswordCheck | None = None
    sm4_key: SecretStr | None = Field(None, max_length=32)
    """16 characters, or 32 hexadecimal digits (HJ 212-2025 appendix A.2); empty: remove it."""


class FieldInfoOut(Wire):
    """Field information 现场端信息 as last told (HJ 212 CN 3020). factor: whose analyser; None where it names none.
    Names are empty for codes that are in no table, the value's names where it is a number or text.
    """

    factor: str | None
    code: str
    name_zh: str
    name_en: str
    unit: str
    value: str
    value_zh: str
    value_en: str
    at: AwareDatetime
    """The device's time of it."""


class DeviceDetail(DeviceOut):
    """A device with all that is known of its link."""

    detail: LinkOut
    settings: DeviceSettings
    week: Traffic
    days: list[TrafficDay]
    repairs: list[OddityOut]
    rejections: list[OddityOut]
    field_info: list[FieldInfoOut] = []
    enterprise_id: UUID


class DeviceEventOut(Wire):
    """A change in the link of a device."""

    id: int
    at: AwareDatetime
    change: DeviceChange
    detail: dict[str, str | float | None] = {}


class DeviceStateEvent(Wire):
    """The feed's event `ingest.device.state.v1`: one change of one device."""

    device_id: UUID
    mn: str
    outlet_id: UUID
    enterprise_id: UUID
    at: AwareDatetime
    change: DeviceChange
    state: LinkState
    detail: dict[str, str | float | None] = {}


class LinkSummary(Wire):
    """How many devices in use are in which state; those with `duplicate`, `clock_off` or `edition_other` are in
    one of the first three as well. `unknown`: MNs nobody registered, heard in the last seven days (staff only).
    """

    online: int = 0
    offline: int = 0
    never: int = 0
    duplicate: int = 0
    clock_off: int = 0
    edition_other: int = 0
    unknown: int = 0


class UnknownDeviceOut(Wire):
    """An MN that sent frames and is not registered."""

    mn: str
    first_at: AwareDatetime
    last_at: AwareDatetime
    frames: int
    peer: str
    st: str
    cn: str
    edition: str
