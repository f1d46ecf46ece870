"""Discharge standards and what counts as an exceedance, as data; and how a class of a standard becomes limits."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, Medium, ReadingKind, Wire


class StandardRow(Wire):
    """A limit value of a class. Not verified: nobody has read it in a public text of the standard."""

    factor: str
    averaging: ReadingKind
    upper: float | None = None
    lower: float | None = None
    unit: str
    verified: bool
    note: str = ""


class StandardClass(Wire):
    """A class or table of a standard."""

    id: str
    name_zh: str
    name_en: str
    clause: str
    rows: list[StandardRow]


class StandardOut(Wire):
    """A standard with its classes."""

    id: str
    number: str
    title_zh: str
    title_en: str
    jurisdiction: str
    medium: Medium
    trades: list[str]
    """Empty: any trade."""
    valid_from: date
    valid_to: date | None = None
    source: str
    classes: list[StandardClass]


class StandardUse(Wire):
    """Apply a class to an outlet from a time on. Unverified values only of the factors named in `accept`."""

    standard: Code
    class_id: Code
    valid_from: AwareDatetime
    accept: list[Code] = Field(default_factory=list, max_length=100)
    preview: bool = True


class Effect(StrEnum):
    """What applying a row does."""

    SETS = "sets"
    REPLACES = "replaces"
    SAME = "same"
    NOT_VERIFIED = "not_verified"
    NOT_MONITORED = "not_monitored"
    WRONG_UNIT = "wrong_unit"


class UseLine(Wire):
    """One row as it would become, or became, a limit in the outlet's own unit."""

    factor: str
    averaging: ReadingKind
    upper: float | None
    lower: float | None
    unit: str
    verified: bool
    note: str
    effect: Effect
    upper_before: float | None = None
    lower_before: float | None = None


class UseOut(Wire):
    """Outcome of a preview or an application."""

    outlet_id: UUID
    standard: str
    valid_from: AwareDatetime
    applied: bool
    lines: list[UseLine]


class ExceedanceRule(Wire):
    """Which mean counts: the most particular rule by jurisdiction, trade and medium holds."""

    id: str
    jurisdiction: str
    medium: Medium
    trade: str
    averaging: ReadingKind
    factors: list[str] = []
    """Empty: all of the medium."""
    excluded: list[str] = []
    verified: bool
    source: str
    valid_from: date
    valid_to: date | None = None
