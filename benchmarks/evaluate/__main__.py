"""Judges the rules in force on every set, prints a table, writes docs/evaluation.md and the service's evaluation.json.

`--tuning`: on the seeds for choosing thresholds, without writing; `--workers N`: processes, 2 by default.
`--stack DATA/stack.json`: instead, what a running stack told of the park that `sanse park` sent, by `--truth FILE`
(DATA/truth.json); printed only.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.evaluate.bars import bars, by_name, figures, peers, ratios
from benchmarks.evaluate.cases import is_injected
from benchmarks.evaluate.export import export
from benchmarks.evaluate.injections import REPORTING, TUNING
from benchmarks.evaluate.judge import Results, evaluate
from benchmarks.evaluate.page import chapter, rate, render
from benchmarks.evaluate.sets import SETS
from benchmarks.evaluate.stack import judge_stack
from benchmarks.report import report, table
from shared.clock import wall

ROOT = Path(__file__).resolve().parents[2]
PAGE, FILE = ROOT / "docs" / "evaluation.md", ROOT / "services" / "detection" / "evaluation.json"
PARKS = ("park", "minutes")
"""Sets whose cases are outlets: they are shown as one."""


def main(arguments: Sequence[str]) -> None:
    """The page is left as it is where a set is absent, so that it never loses figures."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.evaluate")
    options.add_argument("--tuning", action="store_true")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--stack", type=Path)
    options.add_argument("--truth", type=Path)
    chosen = options.parse_args(arguments)
    if chosen.stack:
        told = judge_stack(chosen.stack, chosen.truth)
        show(told)
        print(chapter(told.verdicts["park"]))
        return
    results = evaluate(SETS, TUNING if chosen.tuning else REPORTING, chosen.workers)
    show(results)
    for name, why in results.absent.items():
        print(f"not judged: {name}, {why}")
    if chosen.tuning or results.absent:
        print(f"{PAGE.name} and {FILE.name} are left as they are")
    else:
        day = wall().date()
        PAGE.write_text(render(results, str(day)), encoding="utf-8")
        FILE.write_text(export(results, day), encoding="utf-8")
    report("evaluate", figures=figures(results), peers=peers(results), ratios=ratios(results))


def show(results: Results) -> None:
    """Print a row for each series or kind, and the bars."""
    rows = []
    for group, verdicts in results.verdicts.items():
        some = [replace(one, name="all") for one in verdicts] if group in PARKS else verdicts
        peer = by_name(some, "peer")
        for name, ours in by_name(some).items():
            naive = peer[name]
            rows.append(
                [group, name, rate(ours.of(is_injected).recall()), rate(ours.precision()), ours.burden,
                 rate(naive.of(is_injected).recall()), rate(naive.precision()), naive.burden]
            )  # fmt: skip
    table(["set", "series", "recall", "precision", "false/30 d", "naive recall", "naive precision", "false/30 d"], rows)
    table(["set", "asked", "reached", "met"], [[one.group, one.asked, one.reached, one.met] for one in bars(results)])


if __name__ == "__main__":
    main(sys.argv[1:])
