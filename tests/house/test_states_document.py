import os

from tools.states import DOCUMENT, render


def test_the_document_is_that_of_the_tables() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(render(), encoding="utf-8")

    assert DOCUMENT.read_text(encoding="utf-8") == render()
