"""The page and the file that the service ships tell the same evaluation."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.evaluate.export import export
from benchmarks.evaluate.judge import evaluate
from benchmarks.evaluate.page import rate, render
from services.detection.domain.evaluation import Rate
from shared.contracts.detection.evaluation import EvaluationOut
from tests.detection.domain.evaluation.test_command import make_case, make_honest

ROOT = Path(__file__).parents[4]
PAGE, FILE = ROOT / "docs" / "evaluation.md", ROOT / "services" / "detection" / "evaluation.json"


def tables(page: str) -> dict[str, list[list[str]]]:
    """Rows of the first table of each section."""
    found: dict[str, list[list[str]]] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith("|")), None)
        if start is not None:
            rows = []
            for line in lines[start + 2 :]:
                if not line.startswith("|"):
                    break
                rows.append([cell.strip() for cell in line.strip("|\n ").split(" | ")])
            found[lines[0].strip().lower()] = rows
    return found


def check_agreement(told: EvaluationOut, page: str) -> None:
    """Day, seed, bars and each recall are the same in both."""
    shown = tables(page)
    assert f"last on {told.day}" in page
    assert f"reported here ({told.seed})" in page.replace("\n", " ")
    assert [[bar.set, bar.asked, bar.reached, "yes" if bar.met else "**no**"] for bar in told.bars] == shown["bars"]
    for one in told.sets:
        rows = {row[0].strip("*"): row for row in shown[one.name]}
        if one.kinds:
            recalls = {kind.kind: rate(Rate(kind.recall.part, kind.recall.whole)) for kind in one.kinds
                       if not kind.natural}  # fmt: skip
            assert {name: row[4] for name, row in rows.items() if name != "all"} == recalls
        elif one.name != "honest":
            recalls = {line.name: rate(Rate(line.ours.recall.part, line.ours.recall.whole)) for line in one.series}
            assert {name: row[1] for name, row in rows.items() if name != "all"} == recalls
        else:
            assert {name: row[2] for name, row in rows.items() if name != "all"} == {
                line.name: str(line.ours.false) for line in one.series
            }


def test_page_and_file_in_the_repository_agree() -> None:
    check_agreement(EvaluationOut.model_validate_json(FILE.read_bytes()), PAGE.read_text(encoding="utf-8"))


def test_a_small_evaluation_is_told_whole() -> None:
    river = replace(make_case(7), group="river", kinds=False)
    sets = {"tiny": lambda seed: [make_case(seed)], "honest": lambda _: [make_honest()], "river": lambda _: [river]}
    results = evaluate(sets, 5, 1)
    text = export(results, date(2026, 3, 1))
    told = EvaluationOut.model_validate_json(text)

    tiny, honest, _ = told.sets
    (kind,) = tiny.kinds
    assert (kind.kind, kind.recall.part, kind.recall.low, kind.found_by) == ("constant", 1, None, {"constant": 1})
    assert (tiny.series, honest.kinds, [one.name for one in honest.series]) == ([], [], ["quiet"])
    assert (honest.total.ours.recall.share, honest.total.ours.burden) == (None, 0.0)
    assert "EX-H" in told.rules
    check_agreement(told, render(results, "2026-03-01"))
    assert {bar["set"] for bar in json.loads(text)["bars"]} == {"honest", "river"}
