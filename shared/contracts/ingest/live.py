"""How an outlet stands now: link, newest values against their limits, marks in force."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.ingest.base import Medium, ReadingKind, Wire
from shared.contracts.ingest.marks import MarkEffect
from shared.contracts.ingest.registry import LinkState


class LiveValue(Wire):
    """The newest value of one factor with the limit 限值 in force at its time; `value` None: missing.

    `share` is the value over the upper limit (1.2 is 20 % above it), None without one or beside a lower one.
    `exceeding` is told of values with the flag N only: it compares a momentary value with a limit of means, and is
    no exceedance before the law.
    """

    factor: str
    unit: str
    kind: ReadingKind
    at: AwareDatetime
    value: float | None
    flag: str = "N"
    upper: float | None = None
    lower: float | None = None
    averaging: ReadingKind | None = None
    """Averaging of the limit."""
    share: float | None = None
    exceeding: bool = False


class LiveMark(Wire):
    """A mark 标记 in force now; no factors means all of the outlet."""

    id: UUID
    no: str
    code: str
    code_zh: str
    code_en: str
    effect: MarkEffect
    factors: list[str] = []
    since: AwareDatetime
    until: AwareDatetime | None = None


class OutletLive(Wire):
    """One outlet as it stands. `last_at` is the newest reading of the last seven days.

    `silent`: no reading for longer than `silent_after` seconds, and no mark says that the outlet stands still.
    """

    outlet_id: UUID
    code: str
    name_zh: str
    name_en: str
    medium: Medium
    enterprise_id: UUID
    enterprise_code: str
    enterprise_name_zh: str
    enterprise_name_en: str
    link: LinkState
    last_at: AwareDatetime | None = None
    silent: bool = False
    silent_after: int
    values: list[LiveValue] = []
    marks: list[LiveMark] = []
