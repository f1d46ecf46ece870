"""Rules 规则 in force."""

from typing import Any

from shared.contracts.detection.anomalies import Nature
from shared.contracts.ingest import Wire


class RuleOut(Wire):
    """A rule in force."""

    code: str
    name_zh: str
    name_en: str
    nature: Nature
    description_zh: str = ""
    description_en: str = ""
    parameters: dict[str, Any] = {}
    source: str = ""
    valid_from: str = ""
    version: int = 1
