"""What one transaction works with: stores, the ledger, now; and how a change of each thing is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.cases.model import Case
from services.casework.domain.evidence import Evidence
from services.casework.domain.findings import Finding
from services.casework.domain.machine import Actor
from services.casework.domain.visits import Visit
from services.casework.service import views
from services.casework.store.cases import CaseStore
from services.casework.store.evidence import EvidenceStore
from services.casework.store.ledger import Ledger, News, Note
from services.casework.store.queues import QueueStore
from services.casework.store.registry import RegistryStore
from services.casework.store.works import WorkStore
from shared.contracts.casework import CASE_CHANGED, FINDING_CHANGED, VISIT_COMPLETED
from shared.errors import NotFoundError


@dataclass(frozen=True)
class Act:
    """Who does what, for the trail. `params` are told to readers of the timeline."""

    actor: Actor
    event: str
    reason_code: str | None = None
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """Stores of one transaction. `flush` comes after the last change and before reading the trail."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self.now = now
        self.cases = CaseStore(session)
        self.queues = QueueStore(session)
        self.works = WorkStore(session)
        self.evidence = EvidenceStore(session)
        self.registry = RegistryStore(session)
        self.ledger = Ledger(session)
        self._changed: list[tuple[Case, str]] = []

    async def open_case(self, case: Case, act: Act) -> None:
        """A new case, written down."""
        await self.cases.add(case)
        self._note_case(None, case, act)

    async def save_case(self, before: Case, after: Case, act: Act) -> None:
        """A changed case, written down."""
        await self.cases.save(after)
        self._note_case(before, after, act)

    def _note_case(self, before: Case | None, after: Case, act: Act) -> None:
        self._note(f"case:{after.id}", before.state if before else None, after.state, after.version, act)
        self._changed.append((after, act.event))

    def note_on_case(self, case: Case, act: Act) -> None:
        """Something about the case that does not change it."""
        note = Note(act.actor, act.event, f"case:{case.id}", self.now, None, {"params": dict(act.params)}, act.reason)
        self.ledger.note(note)

    async def save_visit(self, case: Case, before: Visit | None, after: Visit, act: Act) -> None:
        """A new or changed visit, written down; a completed one is told to others."""
        await (self.works.save_visit(after) if before else self.works.add_visit(after))
        self._note(f"visit:{after.id}", before.state if before else None, after.state, after.version, act)
        if after.completed_at is not None:
            fact = views.visit_fact(after, case)
            self.ledger.tell(News(VISIT_COMPLETED, f"visit:{after.id}", self.now, fact))

    def note_finding(self, case: Case, before: Finding | None, after: Finding, act: Act) -> None:
        """Write down a new or changed finding."""
        self._note(f"finding:{after.id}", before.state if before else None, after.state, after.version, act)
        fact = views.finding_fact(after, case, self.now)
        self.ledger.tell(News(FINDING_CHANGED, f"finding:{after.id}", self.now, fact))

    def _note(self, subject: str, before: str | None, after: str, version: int, act: Act) -> None:
        now = {"state": after, "version": version, "reason_code": act.reason_code, "params": dict(act.params)}
        was = None if before is None else {"state": before}
        self.ledger.note(Note(act.actor, act.event, subject, self.now, was, now, act.reason))

    async def flush(self) -> None:
        """Write trail and feed."""
        ids = await self.registry.anomaly_ids({case.id for case, _ in self._changed})
        for case, event in self._changed:
            fact = views.case_fact(case, event.removeprefix("case."), ids.get(case.id, []))
            self.ledger.tell(News(CASE_CHANGED, f"case:{case.id}", self.now, fact))
        self._changed = []
        await self.ledger.flush()


def check_may_see(case: Case, reader: Actor) -> None:
    """Raise `NotFoundError` for another enterprise's case, and for its own before anything was asked of it."""
    if reader.tenant is None:
        return
    if reader.tenant != case.enterprise_id or case.inquiry is None:
        raise NotFoundError("no such case")


def may_see_evidence(evidence: Evidence, reader: Actor) -> bool:
    """An enterprise sees what it handed in itself, and what belongs to a finding."""
    return reader.tenant is None or evidence.from_enterprise or evidence.finding_id is not None
