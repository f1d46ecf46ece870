"""The wire of grading 分级: three-colour lists 三色清单, grades, their reasons."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest import Wire

QuarterText = Annotated[str, Field(pattern=r"^\d{4}Q[1-4]$")]


class Colour(StrEnum):
    """Green 绿色简化监管, yellow 黄色一般监管, red 红色重点监管, grey 未评级."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"


class ListState(StrEnum):
    """Life of a quarter's list."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


class Cause(Wire):
    """One object that gave or took points: follow `kind` and `ref` to it."""

    kind: str
    """anomaly, case, visit, finding, completeness, mark, enterprise, import."""
    ref: str
    """Its id (uuid) or, for a case, its number."""
    points: float
    """Negative where points were lost."""
    code: str
    """Message code: rendered in the reader's language with `params`."""
    params: dict[str, Any] = {}
    at: AwareDatetime | None = None


class Block(Wire):
    """One block of the score P (product E6): B1 emission … B7 public."""

    code: str
    score: float
    maximum: float
    causes: list[Cause] = []


class Reason(Wire):
    """Why a colour is not simply what the risk index says."""

    code: str
    """veto, cannot_be_green, hysteresis, insufficient_data, override, imported."""
    params: dict[str, Any] = {}


class GradeRow(Wire):
    """One enterprise's line in a list. Risk RI = (100 − P̄) × H; green < 15, yellow < 30, red from 30."""

    enterprise_id: UUID
    enterprise_code: str
    name_zh: str
    name_en: str = ""
    trade: str = ""
    blocks: list[Block] = []
    p: float | None
    """Score of the quarter, 0 to 100; None for grey."""
    p_smoothed: float | None
    h: float
    h_factors: list[Reason] = []
    risk: float | None
    colour: Colour
    previous: Colour | None = None
    reasons: list[Reason] = []
    overridden_by: str | None = None


class GradeListSummary(Wire):
    """A list without its rows."""

    quarter: QuarterText
    version: int
    state: ListState
    interim: bool = False
    """Published before the quarter ended, or a draft of a running quarter."""
    computed_at: AwareDatetime
    published_at: AwareDatetime | None = None
    published_by: str | None = None
    note: str = ""
    digest: str = ""
    """SHA-256 over the frozen facts and the rule version."""
    rules: str = ""
    counts: dict[Colour, int] = {}


class GradeList(GradeListSummary):
    """A list with its rows."""

    rows: list[GradeRow] = []


class Override(Wire):
    """Move an enterprise by one level in a draft; the reason is kept and shown."""

    enterprise_id: UUID
    colour: Colour
    reason: Annotated[str, Field(min_length=5, max_length=1000)]


class Publication(Wire):
    """Publish a draft. Before the quarter's end a note is needed and the list is interim."""

    note: str = Field("", max_length=1000)


class ImportRow(Wire):
    """A line of a list from before Sanse."""

    enterprise_id: UUID
    p: float | None = Field(None, ge=0, le=100)
    colour: Colour


class ImportList(Wire):
    """A quarter's list made outside Sanse, taken over as published."""

    rows: Annotated[list[ImportRow], Field(min_length=1, max_length=5000)]
    note: Annotated[str, Field(min_length=5, max_length=1000)]


class GradeHistory(Wire):
    """A past list's line, short."""

    quarter: QuarterText
    version: int
    colour: Colour
    p: float | None
    risk: float | None


class GradeOut(Wire):
    """One enterprise's colour in force and why."""

    enterprise_id: UUID
    quarter: QuarterText | None
    colour: Colour
    row: GradeRow | None
    draft: GradeRow | None = None
    """The running quarter so far; only for the enterprise itself and those who see drafts."""
    history: list[GradeHistory] = []


class ColourInForce(Wire):
    """Enterprise → colour, for priority in other services and for the public list."""

    enterprise_id: UUID
    colour: Colour
    quarter: QuarterText | None = None


class PublicRow(Wire):
    """What residents see of a published list."""

    enterprise_id: UUID
    enterprise_code: str
    name_zh: str
    name_en: str
    trade: str
    colour: Colour
    previous: Colour | None
    blocks: dict[str, float] = {}
    """Share of each block reached, 0 to 1."""


class PublicList(Wire):
    """A published list for everybody; needs no token."""

    quarter: QuarterText
    version: int
    interim: bool
    published_at: AwareDatetime
    counts: dict[Colour, int]
    rows: list[PublicRow]
    quarters: list[QuarterText] = []
    """Quarters with a published list, newest first."""


COLOUR_CHANGED = "grading.colour.changed.v1"
LIST_PUBLISHED = "grading.list.published.v1"
