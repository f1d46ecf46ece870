"""Rules 规则 in force, and what they have done lately."""

from typing import Any

from pydantic import AwareDatetime

from shared.contracts.detection.anomalies import Nature, Severity
from shared.contracts.ingest import Medium, ReadingKind, Wire


class RuleParameter(Wire):
    """A number that the rule must give, and the least and greatest it may be."""

    name: str
    minimum: float
    maximum: float
    optional: bool = False


class RuleSetting(Wire):
    """Numbers for some series; an empty selector fits all. A later setting overrides an earlier one."""

    kinds: list[ReadingKind] = []
    media: list[Medium] = []
    factors: list[str] = []
    trades: list[str] = []
    values: dict[str, float | None] = {}


class RuleStep(Wire):
    """What a hit becomes that lasts `after_hours` or longer."""

    after_hours: float
    severity: Severity
    nature: Nature | None = None


class RuleOut(Wire):
    """A rule in force. `hazardous` is the severity on a hazardous factor; `check` says what looks at the data."""

    code: str
    name_zh: str
    name_en: str
    nature: Nature
    severity: Severity = Severity.C
    hazardous: Severity | None = None
    raises: list[RuleStep] = []
    check: str = ""
    judges: list[ReadingKind] = []
    bounds: list[RuleParameter] = []
    settings: list[RuleSetting] = []
    description_zh: str = ""
    description_en: str = ""
    parameters: dict[str, Any] = {}
    """Settings and kinds of series once more, as older readers know them."""
    source: str = ""
    valid_from: str = ""
    valid_to: str | None = None
    version: int = 1


class RuleActivity(Wire):
    """What one rule has done: `open` now; `anomalies`, `outlets`, `hits`, `suppressed` in the last days.

    `burden` is anomalies per outlet in 30 days.
    """

    rule: str
    open: int
    anomalies: int
    outlets: int
    hits: int
    suppressed: int
    burden: float
    last_at: AwareDatetime | None = None


class RuleActivityOut(Wire):
    """Activity over `days` up to now; `outlets` are all that are known, for the share."""

    days: int
    outlets: int
    rules: list[RuleActivity]
