"""`sanse import`: what it tells and its exit code, over the real service."""

from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from launcher.cli import build
from launcher.importer import _tell
from shared.clock import wall
from shared.contracts.ingest.transfers import RowError, TransferDirection, TransferOut, TransferState


def make_job(**fields: object) -> TransferOut:
    given = {
        "id": uuid4(), "kind": "import.limits", "direction": TransferDirection.IMPORT, "state": TransferState.DONE,
        "total": 1, "done": 1, "parameters": {}, "result": {"rows": 2, "refused": 1},
        "owner": "x", "created_at": wall(),
    }  # fmt: skip
    return TransferOut.model_validate({**given, **fields})


def test_refused_rows_are_told_by_line_and_column(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [RowError(line=3, column="上限", code="not_a_number", message="not a number")] * 60
    _tell(Console(width=120), make_job(errors=errors, error_count=75, reason="nothing was imported"))
    told = capsys.readouterr().out
    assert told.count("not a number") == 50
    assert "and 25 more" in told
    assert "2 rows, 1 refused" in told


def test_it_wants_to_know_who_asks(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x")
    result = CliRunner().invoke(build(), ["import", str(file), "--sheet", "limits"])
    assert result.exit_code != 0
    assert "say who you are" in str(result.exception)
