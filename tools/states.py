"""`python -m tools.states`: writes docs/states.md, the life cycles of all services, from their tables."""

from pathlib import Path

from services.casework.states import render as casework
from services.detection.states import render as detection
from services.ingest.states import render as ingest

DOCUMENT = Path(__file__).parents[1] / "docs" / "states.md"


def render() -> str:
    """The whole document."""
    return casework() + "\n" + ingest() + "\n" + detection()


if __name__ == "__main__":
    DOCUMENT.write_text(render(), "utf-8")
