"""Parameters of analysers 仪器参数 as loggers tell them (CN 3020), and which changes of them count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from uuid import UUID

import yaml

from services.ingest.domain.field import Info


@dataclass(frozen=True)
class Terms:
    """Codes that are watched, and how near a change in the dossier stands to count as its registration."""

    watched: frozenset[str]
    before: timedelta
    after: timedelta


class Told(NamedTuple):
    """A value as last told, and when."""

    value: str
    at: datetime


@dataclass(frozen=True)
class Change:
    """A parameter that was `before` until now and is `after` from `at` on."""

    factor: str
    code: str
    before: str
    after: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ParameterChange:
    """A change as kept. `registered`: the dossier's analyser was changed near it."""

    id: UUID
    device_id: UUID
    outlet_id: UUID
    enterprise_id: UUID
    factor: str
    code: str
    before: str
    after: str
    at: datetime
    registered: bool


@cache
def terms() -> Terms:
    """The terms shipped."""
    data: dict[str, Any] = yaml.safe_load(
        files("services.ingest.domain").joinpath("parameters.yaml").read_text("utf-8")
    )
    near = data["registered"]
    return Terms(frozenset(data["watched"]), timedelta(days=near["days_before"]), timedelta(days=near["days_after"]))


def find_changes(known: Mapping[tuple[str, str], Told], infos: Sequence[Info], at: datetime) -> list[Change]:
    """What infos of time `at` change of what is known by (factor, code); older ones than known change nothing."""
    found = []
    for factor, code, value in infos:
        last = known.get((factor, code))
        if code in terms().watched and last is not None and last.at < at and not _same(last.value, value):
            found.append(Change(factor, code, last.value, value, at))
    return found


def _same(one: str, other: str) -> bool:
    """`1.0` and `1.00` are one value."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one.strip() == other.strip()
