"""All sets. A new one is a function of a seed that gives cases, and one line here."""

from collections.abc import Callable

from benchmarks.evaluate import honest, injections, labelled, virtual
from benchmarks.evaluate.cases import Case

SETS: dict[str, Callable[[int], list[Case]]] = {
    "river": lambda _: labelled.river(),
    "stacks": lambda _: labelled.stacks(),
    "plant": lambda _: labelled.plant(),
    "constant": lambda _: honest.constant_runs(),
    "honest": lambda _: honest.honest(),
    "injected": lambda seed: injections.injections(honest.grounds(), seed),
    "park": virtual.park,
    "minutes": virtual.minutes,
}
"""Raises FileNotFoundError where a set's data are absent."""
