"""Settings of casework."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from shared.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """What casework needs: its database, the services left of it, a folder for evidence."""

    service: ClassVar[str] = "casework"

    evidence_dir: Path = Path("data/evidence")

    @classmethod
    def own(cls, env: Mapping[str, str]) -> dict[str, object]:
        """`CASEWORK_EVIDENCE_DIR`: where evidence is kept."""
        folder = env.get("CASEWORK_EVIDENCE_DIR")
        return {"evidence_dir": Path(folder)} if folder else {}
