"""Settings of grading, from `GRADING_…` and `SANSE_…`."""

from dataclasses import dataclass
from typing import ClassVar

from shared.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """What grading needs: its database and where ingest, detection, casework and identity are."""

    service: ClassVar[str] = "grading"
