"""Settings of detection, from DETECTION_… variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from shared.settings import ServiceSettings, SettingsError, number

MOST_WORKERS = 64


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """`backtest_workers`: processes that one backtest may use; each holds the readings of an outlet. `jurisdiction`:
    code of the place whose exceedance rules hold, such as CN-35; empty, every limit counts.
    """

    service: ClassVar[str] = "detection"

    backtest_workers: int = 1
    jurisdiction: str = ""

    @classmethod
    def own(cls, env: Mapping[str, str] = os.environ) -> dict[str, object]:
        """`DETECTION_BACKTEST_WORKERS`, `DETECTION_JURISDICTION`."""
        workers = number(env, "DETECTION_BACKTEST_WORKERS", 1)
        if not 1 <= workers <= MOST_WORKERS:
            raise SettingsError(f"environment variable DETECTION_BACKTEST_WORKERS must be 1 to {MOST_WORKERS}")
        return {"backtest_workers": workers, "jurisdiction": env.get("DETECTION_JURISDICTION", "").strip()}
