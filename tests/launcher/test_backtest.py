"""`sanse backtest` on Parquet as ingest exports it: figures, refusals, exit codes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from launcher.cli import build
from services.detection.service.rulebook import FOLDER
from services.ingest.domain.extracts import SCHEMA, Form, encoder
from shared.contracts.ingest import LimitOut, Medium, OutletFactor, OutletOut, ReadingKind, enterprise_uuid, outlet_uuid

COD = "w01018"
FIRST = datetime(2026, 2, 28, 16, tzinfo=UTC)
"""Midnight of 1 March in Beijing."""
HOURS = 24 * 40
ONE, TWO = sorted((outlet_uuid("E1", "W1"), outlet_uuid("E2", "W1")))


def honest(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(30, 3, HOURS).round(2)


def write(path: Path, columns: dict[UUID, np.ndarray], *, hours: int = HOURS, begin: datetime = FIRST) -> Path:
    """A file of ingest's own encoder."""
    made = encoder(Form.PARQUET)
    parts = []
    for outlet_id, values in columns.items():
        times = [begin + timedelta(hours=i) for i in range(hours)]
        rows = [[str(outlet_id)] * hours, [COD] * hours, times, list(values[:hours]), ["N"] * hours]
        parts.append(made.add(pa.table([pa.array(row, field.type) for row, field in zip(rows, SCHEMA, strict=True)],
                                       schema=SCHEMA)))  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join([*parts, made.end()]))
    return path


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """Two outlets: on one a constant run of 7 h and one of 12 h, on the other an exceedance of 3 h."""
    one, two = honest(1), honest(2)
    one[100:107], one[400:412] = one[100], one[400]
    two[500:503] = [60.0, 61.0, 62.0]
    return write(tmp_path / "hour" / "2026-03.r1.parquet", {ONE: one, TWO: two})


def registry(folder: Path) -> Path:
    outlets = [
        OutletOut(
            id=one, enterprise_id=enterprise_uuid(firm), code="W1", name_zh="排口", medium=Medium.WATER, version=1,
            changed_at=FIRST,
            factors=[OutletFactor(factor=COD, unit="mg/L", span_low=0, span_high=500, resolution=0.1)],
            limits=[LimitOut(id=one, outlet_id=one, factor=COD, upper=50.0, unit="mg/L",
                             valid_from=FIRST - timedelta(days=400))],
        ).model_dump(mode="json")
        for one, firm in ((ONE, "E1"), (TWO, "E2"))
    ]  # fmt: skip
    path = folder / "outlets.json"
    path.write_text(json.dumps({"items": outlets, "next": None}), encoding="utf-8")
    return path


def run(folder: Path, change: str, *more: Any, days: tuple[str, str] = ("2026-03-01", "2026-04-09")) -> Result:
    rules = folder / "rules.yaml"
    rules.write_text(change, encoding="utf-8")
    options = ["backtest", "--rules", rules, "--from", days[0], "--to", days[1], "--workers", 1, *more]
    return CliRunner().invoke(build(), [str(one) for one in options])


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return found | {"by_rule": {one["rule"]: one for one in found["rules"]}}


def test_what_would_fire_no_longer_with_the_registry_beside(tmp_path: Path, story: Path) -> None:
    result = run(tmp_path, "overrides: {CONST: {min_hours: 9}}\noff: [EX-H]\n", "--data", tmp_path / "hour",
                 "--registry", registry(tmp_path), "--out", tmp_path / "out.json", "--workers", 2)  # fmt: skip
    assert result.exit_code == 0, result.output
    out = told(tmp_path)
    const, over = out["by_rule"]["CONST"], out["by_rule"]["EX-H"]

    assert (const["before"]["episodes"], const["same"], const["gone"], const["new"]) == (2, 1, 1, 0)
    assert (over["before"]["episodes"], over["after"]["episodes"], over["gone"]) == (1, 0, 1)
    assert const["before"]["burden"] == pytest.approx(2 * 30 / 80, rel=0.03)
    assert const["before"]["precision"] is None
    assert (out["outlets"], out["series"], out["points"]) == (2, 2, 2 * HOURS)
    assert [one["kind"] for one in out["differences"]] == ["gone", "gone"]
    assert "CONST" in result.output
    assert "assumed: no marks" in result.output
    assert set(out["by_rule"]) == {"CONST", "EX-H"}


def test_without_a_registry_it_says_what_is_assumed(tmp_path: Path, story: Path) -> None:
    result = run(tmp_path, "off: [EX-H, CONST]\n", "--data", story, "--out", tmp_path / "out.json")
    out = told(tmp_path)

    assert result.exit_code == 0, result.output
    assert out["by_rule"]["EX-H"]["before"]["episodes"] == 0
    assert out["by_rule"]["CONST"]["gone"] == 2
    assert "assumed: no limits" in result.output


def test_the_first_day_knows_what_came_before_it(tmp_path: Path, story: Path) -> None:
    days = ("2026-03-05", "2026-03-05")
    result = run(tmp_path, "off: [CONST]\n", "--data", story, "--out", tmp_path / "out.json", days=days)
    (gone,) = told(tmp_path)["differences"]

    assert result.exit_code == 0
    assert datetime.fromisoformat(gone["started_at"]) == FIRST + timedelta(hours=100)
    result = run(tmp_path, "off: [CONST]\n", "--data", story, "--out", tmp_path / "out.json",
                 days=("2026-03-06", "2026-03-10"))  # fmt: skip
    assert told(tmp_path)["differences"] == []


def test_one_outlet_and_whole_rules(tmp_path: Path, story: Path) -> None:
    (shipped,) = yaml.safe_load((FOLDER / "constant.yaml").read_text(encoding="utf-8"))["rules"]
    shipped["settings"][0]["values"] |= {"min_points": 3, "min_hours": 11}
    whole = yaml.safe_dump({"rules": [shipped | {"judges": ["hour"]}]}, allow_unicode=True)
    result = run(tmp_path, whole, "--data", story, "--outlet", ONE, "--out", tmp_path / "out.json")
    const = told(tmp_path)["by_rule"]["CONST"]

    assert result.exit_code == 0, result.output
    assert (told(tmp_path)["outlets"], const["before"]["episodes"], const["after"]["episodes"]) == (1, 2, 1)


def test_the_newest_revision_of_a_month_counts(tmp_path: Path, story: Path) -> None:
    write(story.with_name("2026-03.r2.parquet"), {ONE: honest(1)})
    result = run(tmp_path, "off: [CONST]\n", "--data", tmp_path / "hour", "--out", tmp_path / "out.json")

    assert result.exit_code == 0
    assert told(tmp_path)["by_rule"]["CONST"]["before"]["episodes"] == 0
    assert told(tmp_path)["outlets"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("overrides: {CONST: {min_hours: -3}}", "rule CONST: min_hours must be"),
        ("overrides: {CONST: {hours: 3}}", "rule CONST: constant has no parameter hours"),
        ("overrides: {NONE: {hours: 3}}", "there is no rule NONE"),
        ("settings: {CONST: [{values: {min_hours: 5}}]}", "rule CONST: min_points needs a number"),
        ("numbers: {}", "unknown part numbers"),
        ("[1, 2]", "give rules, overrides, settings or off"),
        ("a: [", "no YAML"),
        ("", "give rules, overrides, settings or off"),
    ],
)
def test_nonsense_rules_are_refused(tmp_path: Path, story: Path, change: str, said: str) -> None:
    result = run(tmp_path, change, "--data", story)

    assert result.exit_code != 0
    assert said in str(result.exception)


def test_rubbish_files_are_refused(tmp_path: Path, story: Path) -> None:
    rubbish = tmp_path / "x.parquet"
    rubbish.write_bytes(b"PAR1 nothing PAR1")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    naive = tmp_path / "naive.parquet"
    pq.write_table(pa.table({"outlet_id": ["x"], "factor": ["y"], "at": [datetime(2026, 1, 1)],  # noqa: DTZ001
                             "value": [1.0], "flag": ["N"]}), naive)  # fmt: skip
    odd = tmp_path / "odd.json"
    odd.write_text("[{}]", encoding="utf-8")
    away = write(tmp_path / "away.parquet", {ONE: honest(1)})
    change = "off: [CONST]"
    cases = {
        ("--data", rubbish, "--kind", "hour"): "no Parquet file",
        ("--data", other, "--kind", "hour"): "no column outlet_id",
        ("--data", naive, "--kind", "hour"): "not as ingest exports it",
        ("--data", away): "which kind of readings",
        ("--data", story, "--registry", odd): "no registry",
        ("--data", story, "--outlet", enterprise_uuid("none")): "no outlet",
        ("--data", tmp_path / "hour" / "nothing"): None,
        (): "say who you are",
    }
    for options, said in cases.items():
        result = run(tmp_path, change, *options)
        assert result.exit_code != 0, options
        assert said is None or said in str(result.exception), (options, result.exception)
    assert run(tmp_path, change, "--data", story, days=("2026-03-05", "2026-03-01")).exit_code != 0
    assert run(tmp_path, change, "--data", away, "--kind", ReadingKind.HOUR.value).exit_code == 0
