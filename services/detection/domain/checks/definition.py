"""What a check declares about itself; the registry, the rules and the kernel read it from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.contracts.ingest import Medium, ReadingKind

HOUR = 3600.0


@dataclass(frozen=True)
class Traits:
    """What is known of one series 数据序列 and decides its parameters.

    `interval` is seconds; `resolution` 分辨率 the smallest step of
    the reported number and `span` 量程 the upper measuring limit, both in the factor's unit, None = unknown;
    `trade` 行业 the code of the enterprise's trade, empty = unknown; `unit` as registered, empty = that of HJ 212.
    """

    kind: ReadingKind
    medium: Medium
    factor: str
    interval: float
    resolution: float | None = None
    span: float | None = None
    trade: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Parameter:
    """One number a rule must give; `optional` ones may be null."""

    name: str
    minimum: float
    maximum: float
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Whatever a rule 规则 can set: a check of the kernel, a relation between factors, a survey of history.

    `explanations` are the codes it gives; `by_count` says that the hit with most points is the worst, not the
    one farthest off.
    """

    name: str
    parameters: tuple[Parameter, ...]
    explanations: tuple[str, ...]
    by_count: bool = False


@dataclass(frozen=True, kw_only=True)
class Check(Judge):
    """One check of a series in the kernel.

    `step(check, point, params, state, report)` is compiled and called for each point in time order;
    `slots` names its parameters after the on-switch, `state` its memory after the running hit; `vector`
    turns a rule's numbers (null = NaN) and the series' traits into those slots.
    """

    step: Callable[..., None]
    slots: tuple[str, ...]
    state: tuple[str, ...]
    vector: Callable[[Mapping[str, float], Traits], tuple[float, ...]]
