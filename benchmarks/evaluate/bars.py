"""The bars that figures are held against, and the figures themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.evaluate.cases import is_injected, is_natural
from benchmarks.evaluate.judge import Results, Verdict, together
from park.virtual.injections.kinds import kinds
from services.detection.domain.evaluation import Score

TIMES_PEER = 2.0
PLANT_FALSE, PLANT_RECALL = 8.0, 0.6
HONEST_FALSE = 1.0
PARK_RECALL, PARK_PRECISION, FRAUD_RECALL = 0.9, 0.8, 0.8
EXACT = ("injected", "park", "minutes")
"""Sets whose labels are kinds and strengths."""
BY_SERIES = ("river", "stacks", "plant", "constant", "honest")
"""Sets that are shown by series; all others by kind."""


@dataclass(frozen=True)
class Bar:
    """What is asked of a set, what was reached, and whether that is enough."""

    group: str
    asked: str
    reached: str
    met: bool


def bars(results: Results) -> list[Bar]:
    """Each bar of the sets that are there."""
    there = results.verdicts
    made = [_against_peer(group, there[group]) for group in ("river", "stacks") if there.get(group)]
    if verdicts := results.verdicts.get("plant"):
        ours = together(verdicts)
        recall = ours.recall().share
        made.append(
            Bar(
                "plant",
                f"at most {PLANT_FALSE:g} false episodes in 30 days at a recall of at least {PLANT_RECALL:g}",
                f"{ours.burden:.1f} at {recall:.2f}",
                ours.burden <= PLANT_FALSE and recall >= PLANT_RECALL,
            )
        )
    if verdicts := results.verdicts.get("constant"):
        found, severe = together(verdicts).right_kind("constant"), sum(one.severe for one in verdicts)
        reached = f"{found.part} of {found.whole}, {severe} others of severity A"
        asked = "all runs found, nothing else of severity A"
        made.append(Bar("constant", asked, reached, found.part == found.whole and severe == 0))
    if verdicts := results.verdicts.get("honest"):
        burden = together(verdicts).burden
        asked = f"at most {HONEST_FALSE:g} false episode a series in 30 days"
        made.append(Bar("honest", asked, f"{burden:.2f}", burden <= HONEST_FALSE))
    if verdicts := results.verdicts.get("park"):
        made.append(_park(together(verdicts)))
    return made


def _park(whole: Score) -> Bar:
    """Recall is that of what was injected, precision against all that is wrong."""
    ours = whole.of(is_injected)
    recall, precision = ours.recall().share, ours.precision().share
    frauds = [f"{kind.code} medium" for kind in kinds().values() if kind.fraud and ours.labels[f"{kind.code} medium"]]
    enough = sum(ours.recall(kind).share >= FRAUD_RECALL for kind in frauds)
    return Bar(
        "park",
        f"recall of at least {PARK_RECALL:g} at a precision of at least {PARK_PRECISION:g}; "
        f"{FRAUD_RECALL:g} for each kind of fraud at medium strength",
        f"{recall:.2f} at {precision:.2f}; {enough} of {len(frauds)} kinds",
        recall >= PARK_RECALL and precision >= PARK_PRECISION and enough == len(frauds),
    )


def _against_peer(group: str, verdicts: Sequence[Verdict]) -> Bar:
    ours, peer = together(verdicts), together(verdicts, "peer")
    ratio = _ratio(ours.precision().share, peer.precision().share)
    mine, theirs = ours.recall(), peer.recall()
    asked = f"at least {TIMES_PEER:g} times the precision of the naive check at no lower recall"
    reached = f"{ours.precision().share:.2f} against {peer.precision().share:.2f} ({ratio:.2f} times), "
    reached += f"recall {mine.part}/{mine.whole} against {theirs.part}/{theirs.whole}"
    return Bar(group, asked, reached, ratio >= TIMES_PEER and mine.part >= theirs.part)


def figures(results: Results) -> dict[str, float]:
    """Numbers of every set, and of every kind and strength of an injection."""
    made: dict[str, float] = {}
    for group, verdicts in results.verdicts.items():
        made |= _numbers(group, together(verdicts))
        if (natural := together(verdicts).of(is_natural)).labels:
            made[f"{group}_natural_recall"] = natural.recall().share
    for group in EXACT:
        ours = together(results.verdicts.get(group, []))
        for kind in ours.labels:
            made[f"{group}_{kind.replace(' ', '_')}_recall"] = ours.recall(kind).share
    held = bars(results)
    return {name: round(value, 4) for name, value in made.items() if np.isfinite(value)} | {
        "bars_met": sum(one.met for one in held),
        "bars": len(held),
    }


def peers(results: Results) -> dict[str, object]:
    """The same of the naive check."""
    made: dict[str, object] = {"naive": "spike over 8 or leap over 12 median deviations of the steps, by hand in numpy"}
    for group, verdicts in results.verdicts.items():
        numbers = _numbers(group, together(verdicts, "peer"))
        made |= {f"naive_{name}": round(value, 4) for name, value in numbers.items() if np.isfinite(value)}
    return made


def ratios(results: Results) -> dict[str, float]:
    """Ours to that of the naive check."""
    made: dict[str, float] = {}
    for group, verdicts in results.verdicts.items():
        ours, peer = together(verdicts), together(verdicts, "peer")
        made[f"{group}_precision"] = _ratio(ours.precision().share, peer.precision().share)
        made[f"{group}_recall"] = _ratio(ours.of(is_injected).recall().share, peer.of(is_injected).recall().share)
        made[f"{group}_burden"] = _ratio(ours.burden, peer.burden)
    return {name: round(value, 4) for name, value in made.items() if np.isfinite(value)}


def by_name(verdicts: Sequence[Verdict], which: str = "ours") -> dict[str, Score]:
    """Sums by the name of the case, in the order of first appearance."""
    named: dict[str, list[Verdict]] = {}
    for one in verdicts:
        named.setdefault(one.name, []).append(one)
    return {name: together(some, which) for name, some in named.items()}


def _numbers(group: str, made: Score) -> dict[str, float]:
    made = made.of(is_injected)
    return {
        f"{group}_recall": made.recall().share,
        f"{group}_episode_precision": made.precision().share,
        f"{group}_coverage": made.coverage().share,
        f"{group}_false_30d": made.burden,
        f"{group}_latency_p50_min": made.latency().median_minutes,
    }


def _ratio(ours: float, peer: float) -> float:
    return ours / peer if peer else float("nan")
