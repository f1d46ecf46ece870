"""The rest of 一企一档: permits, contacts, analysers, operation and maintenance, power-use points, video, changes.

Each entry is known by what it belongs to and its own key; sending it again changes it. Nothing is overwritten
in silence: every earlier version is kept, with who changed it, when and why.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.ingest.base import Code, Name, Wire
from shared.contracts.ingest.registry import PermitClass

DOSSIER_CHANGED = "ingest.dossier.changed.v1"
"""Thin: part, id, owner and version; fetch the entry for its content."""
Text60 = Annotated[str, Field(max_length=60)]
Text120 = Annotated[str, Field(max_length=120)]
Days = Annotated[int, Field(ge=1, le=3650)]


class Part(StrEnum):
    """Parts of the dossier."""

    PERMIT = "permit"
    CONTACT = "contact"
    ANALYSER = "analyser"
    OPERATION = "operation"
    POWER_POINT = "power_point"
    VIDEO = "video"
    CHANGE = "change"


class ContactRole(StrEnum):
    """What somebody is called for."""

    DUTY_24H = "duty_24h"
    DEPUTY = "deputy"
    ENVIRONMENT_MANAGER = "environment_manager"
    OPERATOR = "operator"
    OTHER = "other"


class OperationMode(StrEnum):
    """Self-operation 自运行 or contracted 社会化运行 (2008 measures on operation, articles 3 and 26)."""

    SELF = "self"
    CONTRACTED = "contracted"


class PowerTarget(StrEnum):
    """What a power-use point watches."""

    PRODUCTION = "production"
    TREATMENT = "treatment"


class ChangeKind(StrEnum):
    """What was changed (MEP Order 19, article 7: main device, core part, sampling point; the rest by choice)."""

    DEVICE = "device"
    CORE_PART = "core_part"
    SAMPLING_POINT = "sampling_point"
    RANGE = "range"
    PARAMETER = "parameter"
    OTHER = "other"


class EntryIn(Wire):
    """What all entries share. `KEY` names the fields that tell entries of one owner apart."""

    PART: ClassVar[Part]
    KEY: ClassVar[tuple[str, ...]]


def _check_order(since: date | None, until: date | None, where: str) -> None:
    if since is not None and until is not None and until < since:
        raise ValueError(f"{where} must not be before its beginning")


class PermitIn(EntryIn):
    """A discharge permit 排污许可证 of an enterprise."""

    PART: ClassVar[Part] = Part.PERMIT
    KEY: ClassVar[tuple[str, ...]] = ("number",)

    enterprise_id: UUID
    number: Code
    permit_class: PermitClass
    valid_from: date
    valid_to: date | None = None
    authority: Text120 = ""

    @model_validator(mode="after")
    def _order(self) -> "PermitIn":
        _check_order(self.valid_from, self.valid_to, "valid_to")
        return self


class ContactIn(EntryIn):
    """Somebody of an enterprise to be called. Only its own people, supervisors and the bureau see contacts."""

    PART: ClassVar[Part] = Part.CONTACT
    KEY: ClassVar[tuple[str, ...]] = ("role", "name")

    enterprise_id: UUID
    role: ContactRole
    name: Annotated[str, Field(min_length=1, max_length=60)]
    phone: Annotated[str, Field(max_length=40, pattern=r"^[0-9+()\-\s转#,]*$")] = ""
    email: Annotated[str, Field(max_length=120, pattern=r"^$|^[^@\s]+@[^@\s]+$")] = ""
    wechat: Text60 = ""
    note: Annotated[str, Field(max_length=200)] = ""


class AnalyserIn(EntryIn):
    """An analyser 分析仪 that measures one factor at an outlet, with its checks."""

    PART: ClassVar[Part] = Part.ANALYSER
    KEY: ClassVar[tuple[str, ...]] = ("factor", "serial")

    outlet_id: UUID
    factor: Code
    serial: Code
    maker: Text60 = ""
    model: Text60 = ""
    principle: Text60 = ""
    range_low: float | None = None
    range_high: float | None = None
    unit: Annotated[str, Field(max_length=20)] = ""
    detection_limit: float | None = Field(None, ge=0)
    calibration_days: Days | None = None
    calibrated_on: date | None = None
    verification_days: Days | None = None
    verified_on: date | None = None
    installed_on: date | None = None
    accepted_on: date | None = None
    registered_on: date | None = None

    @model_validator(mode="after")
    def _order(self) -> "AnalyserIn":
        if self.range_low is not None and self.range_high is not None and self.range_low >= self.range_high:
            raise ValueError("range_high must be above range_low")
        _check_order(self.installed_on, self.accepted_on, "accepted_on")
        _check_order(self.accepted_on, self.registered_on, "registered_on")
        return self


class OperationIn(EntryIn):
    """Who operates an outlet's devices 运维: the enterprise itself, or a contractor under a contract."""

    PART: ClassVar[Part] = Part.OPERATION
    KEY: ClassVar[tuple[str, ...]] = ("since",)

    outlet_id: UUID
    mode: OperationMode
    since: date
    until: date | None = None
    contractor: Text120 = ""
    contract_no: Text60 = ""
    signed_on: date | None = None
    filed_on: date | None = None

    @model_validator(mode="after")
    def _whole(self) -> "OperationIn":
        _check_order(self.since, self.until, "until")
        if self.mode is OperationMode.CONTRACTED and not self.contractor:
            raise ValueError("name the contractor")
        return self


class PowerPointIn(EntryIn):
    """A power-use point 用电监控点 of a production line or a treatment facility."""

    PART: ClassVar[Part] = Part.POWER_POINT
    KEY: ClassVar[tuple[str, ...]] = ("code",)

    outlet_id: UUID
    code: Code
    name_zh: Name
    name_en: Text120 = ""
    target: PowerTarget
    rated_kw: float | None = Field(None, gt=0)
    mn: Annotated[str, Field(max_length=40, pattern=r"^[!-~]*$")] = ""
    factor: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9._-]*$")] = ""


class VideoIn(EntryIn):
    """A camera that shows an outlet or its station room."""

    PART: ClassVar[Part] = Part.VIDEO
    KEY: ClassVar[tuple[str, ...]] = ("name",)

    outlet_id: UUID
    name: Annotated[str, Field(min_length=1, max_length=60)]
    url: Annotated[str, Field(min_length=8, max_length=300, pattern=r"^(https?|rtsps?)://[^\s<>\"']+$")]


class ChangeIn(EntryIn):
    """A change 变更记录 somebody tells: what, why, evidence, whether re-acceptance is needed and done."""

    PART: ClassVar[Part] = Part.CHANGE
    KEY: ClassVar[tuple[str, ...]] = ("changed_on", "kind", "subject")

    outlet_id: UUID
    changed_on: date
    kind: ChangeKind
    subject: Annotated[str, Field(min_length=1, max_length=120)]
    before: Text120 = ""
    after: Text120 = ""
    reason: Annotated[str, Field(min_length=2, max_length=400)]
    evidence: Text120 = ""
    reacceptance_needed: bool = False
    reaccepted_on: date | None = None

    @model_validator(mode="after")
    def _order(self) -> "ChangeIn":
        _check_order(self.changed_on, self.reaccepted_on, "reaccepted_on")
        return self


PARTS: dict[Part, type[EntryIn]] = {
    model.PART: model for model in (PermitIn, ContactIn, AnalyserIn, OperationIn, PowerPointIn, VideoIn, ChangeIn)
}


class Due(Wire):
    """A term that runs: what, until when, whether it is met, and which rule says so."""

    what: str
    due_on: date
    met_on: date | None = None
    overdue: bool
    source: str


class EntryOut(Wire):
    """An entry as stored: `data` has the fields of its part."""

    id: UUID
    part: Part
    enterprise_id: UUID
    outlet_id: UUID | None
    data: dict[str, Any]
    active: bool
    version: int
    changed_at: AwareDatetime
    dues: list[Due] = []


class VersionOut(Wire):
    """An earlier or the current content of an entry. `by` is a name, for an enterprise the organisation only."""

    version: int
    data: dict[str, Any]
    active: bool
    changed_at: AwareDatetime
    by: str
    reason: str


class Ending(Wire):
    """Ends an entry: it stays in the history."""

    reason: Annotated[str, Field(min_length=2, max_length=400)]


class LogSource(StrEnum):
    """Where a line of the change log comes from."""

    TRAIL = "trail"
    TOLD = "told"


class LogLine(Wire):
    """A line of an outlet's change log 变更记录."""

    at: AwareDatetime
    source: LogSource
    action: str
    """As in the audit trail (`device.changed`), or the kind of a change that was told."""
    subject: str
    changes: dict[str, list[Any]] = {}
    """Field → before and after."""
    reason: str = ""
    by: str = ""
    evidence: str = ""
    reacceptance_needed: bool = False
    reaccepted_on: date | None = None
