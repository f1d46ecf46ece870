import os
from pathlib import Path

from services.casework.states import render

DOCUMENT = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_document_is_that_of_the_tables() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(render(), encoding="utf-8")

    assert DOCUMENT.read_text(encoding="utf-8") == render()
