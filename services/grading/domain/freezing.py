"""Freezing facts: what was known becomes one canonical text, whose SHA-256 names the input of a list."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from services.grading.domain.facts import (
    Case,
    Completeness,
    Earlier,
    Enterprise,
    EnterpriseFacts,
    Exceedance,
    Finding,
    Mark,
    Outlet,
    QuarterFacts,
    Visit,
    without_excused,
)
from services.grading.domain.rules import Rules, rules_for
from shared.calendar import Quarter
from shared.clock import PARK_ZONE
from shared.contracts.grading import Colour

RUNNING, ENDED = "draft_running", "draft_ended"
_FACTS = TypeAdapter(QuarterFacts)


class Owned(Protocol):
    """A fact of one enterprise."""

    @property
    def id(self) -> UUID:
        """Its own id."""

    @property
    def enterprise_id(self) -> UUID:
        """Whose it is."""


Fact = TypeVar("Fact", bound=Owned)


@dataclass(frozen=True)
class Measured:
    """Completeness and marks as ingest told them, and the moment up to which."""

    as_of: datetime
    completeness: tuple[Completeness, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no outlet was connected in the quarter: there is nothing to grade yet."""
        return not any(row.expected for row in self.completeness)


@dataclass(frozen=True)
class Known:
    """The facts of all enterprises that matter to a quarter, in their latest version."""

    enterprises: list[Enterprise]
    outlets: list[Outlet]
    exceedances: list[Exceedance]
    cases: list[Case]
    """Inquiries whose reply was due in the quarter."""
    excusing: list[Case]
    """Cases that may excuse one of the exceedances, whenever opened."""
    visits: list[Visit]
    findings: list[Finding]


@dataclass(frozen=True)
class PastGrade:
    """What a published list says of an enterprise."""

    p: float | None
    colour: Colour


def freeze(
    quarter: Quarter, measured: Measured, known: Known, past: Sequence[Mapping[UUID, PastGrade]]
) -> QuarterFacts:
    """Gather each active enterprise's facts. `past[0]` is the published list of the quarter before, and so on."""
    outlets, findings = _by_enterprise(known.outlets), _by_enterprise(known.findings)
    exceedances = _by_enterprise(without_excused(known.exceedances, known.excusing))
    cases, visits = _by_enterprise(known.cases), _by_enterprise(known.visits)
    completeness: dict[UUID, list[Completeness]] = defaultdict(list)
    for row in sorted(measured.completeness, key=lambda row: row.outlet_id):
        completeness[row.enterprise_id].append(row)
    marks = _by_enterprise(measured.marks)

    def gather(enterprise: Enterprise) -> EnterpriseFacts:
        mine = enterprise.id
        return EnterpriseFacts(
            enterprise, tuple(outlets[mine]), tuple(exceedances[mine]), tuple(cases[mine]), tuple(visits[mine]),
            tuple(findings[mine]), tuple(completeness[mine]), _earlier(mine, past), tuple(marks[mine]),
        )  # fmt: skip

    graded = sorted((each for each in known.enterprises if each.active), key=lambda each: (each.code, each.id))
    return QuarterFacts(str(quarter), measured.as_of, tuple(gather(each) for each in graded))


def canonical(facts: QuarterFacts, rules_version: str) -> str:
    """The one text of these facts under these rules: JSON with sorted keys and no spaces."""
    content = {"rules": rules_version, "facts": _FACTS.dump_python(facts, mode="json")}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(text: str) -> str:
    """SHA-256 of a canonical text, as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def thaw(text: str) -> tuple[str, QuarterFacts]:
    """Rules version and facts from a canonical text: the list can be computed again from it."""
    content = json.loads(text)
    return str(content["rules"]), _FACTS.validate_python(content["facts"])


@dataclass(frozen=True)
class Plan:
    """A draft that is due: made once for its job and slot."""

    job: str
    slot: datetime
    quarter: Quarter


def due_drafts(now: datetime, versions: Sequence[Rules]) -> list[Plan]:
    """The ended quarter's draft from D+4 on, and one of the running quarter each day in park time."""
    today = datetime.combine(now.astimezone(PARK_ZONE).date(), time(0), PARK_ZONE)
    running = Quarter.of(now)
    plans = [Plan(RUNNING, today, running)] if now >= running.start + timedelta(hours=1) else []
    ended = running.shift(-1)
    if now >= ended.end + rules_for(ended, versions).draft_after:
        plans.insert(0, Plan(ENDED, ended.end, ended))
    return plans


def _earlier(enterprise_id: UUID, past: Sequence[Mapping[UUID, PastGrade]]) -> Earlier:
    lines = [lines.get(enterprise_id) for lines in past]
    return Earlier(tuple(line.p if line else None for line in lines), lines[0].colour if lines and lines[0] else None)


def _by_enterprise(facts: Iterable[Fact]) -> dict[UUID, list[Fact]]:
    grouped: dict[UUID, list[Fact]] = defaultdict(list)
    for fact in sorted(facts, key=lambda fact: fact.id):
        grouped[fact.enterprise_id].append(fact)
    return grouped
