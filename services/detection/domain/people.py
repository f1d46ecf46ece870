"""Who did something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Person:
    """Who did something, and when; English names are empty where there are none."""

    subject: str
    name: str
    organisation: str
    at: datetime
    name_en: str = ""
    organisation_en: str = ""
