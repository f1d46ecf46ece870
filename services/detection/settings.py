"""Settings of detection, from DETECTION_… variables."""

from dataclasses import dataclass
from typing import ClassVar

from shared.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Nothing beyond what every service has."""

    service: ClassVar[str] = "detection"
