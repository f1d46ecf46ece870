"""Commands to devices 反控 (HJ 212): what can be asked of a data logger, and what became of it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator

from shared.contracts.ingest.base import Code, ReadingKind, Wire

COMMAND_CHANGED = "ingest.command.changed.v1"
LONGEST_TEXT = 880
"""Characters of one value: a data area (数据区) has 950 bytes."""
Value = Annotated[str, Field(max_length=LONGEST_TEXT)] | int | float


class CommandState(StrEnum):
    """Where a command stands; `services/ingest/domain/commands/life.py` says what leads where."""

    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class CommandEvent(StrEnum):
    """What happens to a command. People do the first two; the gateway tells the others."""

    APPROVE = "approve"
    CANCEL = "cancel"
    EXPIRE = "expire"
    SEND = "send"
    NOT_SENT = "not_sent"
    ACCEPT = "accept"
    REFUSE = "refuse"
    DATA = "data"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    GIVE_UP = "give_up"
    SETTLE = "settle"
    BREAK_OFF = "break_off"


class CommandOrigin(StrEnum):
    """Why a command was made."""

    PERSON = "person"
    CLOCK_SKEW = "clock_skew"
    CLOCK_REQUEST = "clock_request"
    FIRST_CONNECTION = "first_connection"
    GAP = "gap"


class ParameterType(StrEnum):
    """What a parameter takes.

    A time is ISO 8601 with zone, a clock HH:MM; factor is a code of the outlet, info one of HJ 212-2017 table B.10.
    """

    INTEGER = "integer"
    TEXT = "text"
    TIME = "time"
    CLOCK = "clock"
    FACTOR = "factor"
    INFO = "info"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105 - the name of a type


class ChoiceOut(Wire):
    """One of the values a parameter allows."""

    value: str
    name_zh: str
    name_en: str


class ParameterOut(Wire):
    """A parameter of a command. `least` and `most` bound an integer, or the length of a text or secret."""

    name: str
    type: ParameterType
    name_zh: str
    name_en: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    choices: list[ChoiceOut] = []
    required: bool = True
    default: str | None = None


class CommandKindOut(Wire):
    """A command on offer: what it does, for which editions, and who may give it."""

    code: str
    cn: str
    group: str
    name_zh: str
    name_en: str
    does_zh: str
    does_en: str
    source: str
    editions: list[str]
    parameters: list[ParameterOut]
    roles: list[str]
    dangerous: bool
    needs_reason: bool
    needs_approval: bool
    """A second person must approve before it is sent (four eyes)."""
    repeats: bool
    """Sent again when the device does not answer. Others are sent once, because twice could do harm."""


class CommandIn(Wire):
    """A command to a device. `code` names an entry of the catalogue, `params` its parameters by name."""

    device_id: UUID
    code: Code
    params: dict[Annotated[str, Field(max_length=40)], Value] = Field(default_factory=dict, max_length=10)
    reason: str = Field("", max_length=500)
    valid_minutes: int | None = Field(None, ge=1, le=7 * 24 * 60)
    """How long it waits for the device to come online; None takes the default of the policy."""

    @field_validator("params", mode="after")
    @classmethod
    def _plain(cls, params: dict[str, Value]) -> dict[str, Value]:
        for value in params.values():
            if isinstance(value, str) and not value.isprintable():
                raise ValueError("a parameter must be printable text on one line")
        return params


class CommandDecision(Wire):
    """A person's word on a command: why it is approved or cancelled."""

    reason: str = Field("", max_length=500)


class CommandOffer(Wire):
    """What the caller may do with a command now; `blocked` names what stands against it."""

    event: CommandEvent
    blocked: str | None = None


class CommandPerson(Wire):
    """Who asked or approved."""

    subject: str
    name: str
    organisation: str = ""


class CommandOut(Wire):
    """A command with its state. Secrets (new passwords and keys) are never shown."""

    id: UUID
    number: int
    device_id: UUID
    outlet_id: UUID
    enterprise_id: UUID
    outlet_code: str
    outlet_name_zh: str
    outlet_name_en: str = ""
    enterprise_name_zh: str
    enterprise_name_en: str = ""
    mn: str
    code: str
    cn: str
    name_zh: str
    name_en: str
    params: dict[str, Value]
    state: CommandState
    final: bool
    outcome: str | None = None
    """Stable code: `success`, `no_result`, `refused`, `failed`, `no_answer`, `never_online`, `cancelled`."""
    return_code: int | None = None
    """QnRtn of 9011 where refused, ExeRtn of 9012 where executed."""
    meaning_zh: str = ""
    meaning_en: str = ""
    reason: str = ""
    origin: CommandOrigin
    requested_by: CommandPerson
    requested_at: AwareDatetime
    approved_by: CommandPerson | None = None
    approved_at: AwareDatetime | None = None
    valid_until: AwareDatetime
    qn: str | None = None
    tries: int
    sent_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    result: list[tuple[str, str]] = []
    """What the device told, as (key, value) of its data area."""
    frames: int = 0
    """Frames with data that came back."""
    values_arrived: int = 0
    """Measured values in them; they are in the store like any other upload."""
    version: int
    changed_at: AwareDatetime
    allowed: list[CommandOffer] = []


class ExchangeOut(Wire):
    """One frame of an exchange; passwords and keys are masked."""

    at: AwareDatetime
    sent: bool
    """True for platform to device."""
    cn: str
    frame: str
    note: str = ""
    """The return code of an answer; `encrypted` or `not_written` of a frame to the device."""
    meaning_zh: str = ""
    meaning_en: str = ""


class CommandDetail(CommandOut):
    """A command with every frame of its exchange, at most 300; `frames` counts those beyond."""

    exchange: list[ExchangeOut] = []


class CommandChanged(Wire):
    """Data of `ingest.command.changed.v1`."""

    id: UUID
    device_id: UUID
    outlet_id: UUID
    enterprise_id: UUID
    mn: str
    code: str
    cn: str
    state: CommandState
    outcome: str | None = None
    return_code: int | None = None
    values_arrived: int = 0
    version: int


class GapOut(Wire):
    """A span without data: from `since` to before `until`, `missing` periods of it."""

    since: AwareDatetime
    until: AwareDatetime
    missing: int


class GapsOut(Wire):
    """What of an outlet's minute or hour data is missing in a span."""

    outlet_id: UUID
    kind: ReadingKind
    since: AwareDatetime
    until: AwareDatetime
    step: int
    """Seconds of a period."""
    expected: int
    received: int
    gaps: list[GapOut]


class CommandSettingIn(Wire):
    """What the platform does with a device by itself."""

    calibrate_clock: bool = True
    """Set its clock when it is off by more than the policy's limit, and when it asks (CN 1013)."""
    fetch_history: bool = True
    """Ask for missing minute and hour data."""
    initialise: bool = False
    """Give the sequence of HJ 212-2017 6.7 at its first connection."""


class CommandSettingOut(CommandSettingIn):
    """The setting of one device."""

    device_id: UUID
    initialised_at: AwareDatetime | None = None
