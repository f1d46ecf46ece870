"""Why a series was not judged, in the words of both languages; the texts are data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

from services.detection.domain.surveys.finding import Reason, Unjudged

FILE = Path(__file__).with_name("reasons.yaml")


class Gap(StrEnum):
    """Why a series did not come to be looked at."""

    NO_DATA = "no_data"
    NO_LIMIT = "no_limit"
    OTHER_UNIT = "other_unit"
    HOURS_ONLY = "hours_only"


@dataclass(frozen=True)
class Said:
    """A reason with what the data have of the guard and what it needs, in words."""

    code: str
    has: float | None
    needs: float | None
    zh: str
    en: str


def say(reason: Unjudged | Gap) -> Said:
    """The reason in words."""
    if isinstance(reason, Gap):
        zh, en = _texts()[reason.value]
        return Said(reason.value, None, None, zh, en)
    zh, en = _texts()[reason.reason.value]
    numbers = {"has": f"{reason.has:.4g}", "needs": f"{reason.needs:.4g}"}
    return Said(reason.reason.value, reason.has, reason.needs, zh.format(**numbers), en.format(**numbers))


@cache
def _texts() -> Mapping[str, tuple[str, str]]:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    texts = {str(code): (str(text["zh"]), str(text["en"])) for code, text in document.items()}
    missing = {*Reason, *Gap} - texts.keys()
    if missing:
        raise ValueError(f"{FILE.name} has no words for {', '.join(sorted(missing))}")
    return texts
