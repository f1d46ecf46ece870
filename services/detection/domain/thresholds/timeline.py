"""Which own numbers of a series hold at which data time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.detection.domain.thresholds.model import Version, in_order

Own = tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
"""Numbers by rule and parameter, sorted: hashable, so that a plan can be kept under them."""


@dataclass(frozen=True)
class Timeline:
    """Own numbers of one series: before the first of `starts` (epoch seconds, ascending) `steps[0]`, from each on the
    next one.
    """

    starts: tuple[float, ...] = ()
    steps: tuple[Own, ...] = ((),)

    def at(self, seconds: float) -> Own:
        """What holds at a time."""
        return self.steps[bisect_right(self.starts, seconds)] if self.starts else ()


ALWAYS_DEFAULT = Timeline()


def make_timeline(versions: Mapping[str, Iterable[Version]]) -> Timeline:
    """The timeline of a series from the versions of each of its rules."""
    accepted = {rule: in_order(tuple(listed)) for rule, listed in versions.items()}
    starts = sorted({_start(one) for listed in accepted.values() for one in listed})
    return Timeline(tuple(starts), ((), *(_holds(accepted, at) for at in starts)))


def overrides(own: Own) -> dict[str, dict[str, float]]:
    """The same as the overrides that `rules.plan` takes."""
    return {rule: dict(numbers) for rule, numbers in own}


def _holds(accepted: Mapping[str, list[Version]], at: float) -> Own:
    found = []
    for rule in sorted(accepted):
        begun = next((one for one in accepted[rule] if _start(one) <= at), None)
        if begun is not None and begun.numbers:
            found.append((rule, tuple(sorted(begun.numbers.items()))))
    return tuple(found)


def _start(version: Version) -> float:
    if version.valid_from is None:
        raise ValueError(f"version {version.number} has no time from which it holds")
    return version.valid_from.timestamp()
