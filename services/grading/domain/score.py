"""Building stones of the score: causes, blocks, reasons, and points that add up exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Cause:
    """One object that took points: `points` is never above 0. `kind` and `ref` lead to the object."""

    kind: str
    ref: str
    points: float
    code: str
    params: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True)
class Block:
    """One block of P: its score is its maximum plus the points of its causes."""

    code: str
    score: float
    maximum: float
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why a colour or H is what it is, as a message code with parameters."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)


def block(code: str, maximum: float, causes: Iterable[Cause]) -> Block:
    """A block from its causes, taken in their order until nothing is left."""
    taken = limited(causes, maximum)
    return Block(code, round(maximum + sum(cause.points for cause in taken), 2), maximum, tuple(taken))


def limited(causes: Iterable[Cause], most: float) -> list[Cause]:
    """Let causes cost at most `most` points together; a cause cut down says so in `params["capped"]`."""
    left, kept = most, []
    for cause in causes:
        cost = min(-cause.points, left)
        if cost < -cause.points:
            cause = replace(cause, points=-cost, params={**cause.params, "capped": True})  # noqa: PLW2901
        kept.append(replace(cause, points=-cost if cost else 0.0))
        left = round(left - cost, 2)
    return kept


def spread(total: float, weights: Sequence[float]) -> list[float]:
    """Divide points by weight into hundredths whose sum is exactly `total` (rounded to hundredths)."""
    whole, running, given, parts = sum(weights), 0.0, 0.0, []
    for weight in weights:
        running += weight
        reached = round(total * running / whole, 2)
        parts.append(round(reached - given, 2))
        given = reached
    return parts


def share(score: float, maximum: float) -> float:
    """Share of a block's maximum reached, 0 to 1."""
    return round(score / maximum, 4) if maximum else 1.0
