"""Use cases of evidence: may it be added, keep it, show it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from services.casework.domain import evidence as evidence_domain
from services.casework.domain.evidence import Evidence
from services.casework.domain.machine import Actor
from services.casework.gateways.vault import Vault
from services.casework.service import views
from services.casework.service.desk import Act, Desk, check_may_see, may_see_evidence
from shared.contracts.casework import EvidenceKind, EvidenceOut
from shared.errors import InvalidError, NotFoundError


@dataclass(frozen=True)
class Upload:
    """What is said of a file before it arrives."""

    case_id: UUID
    kind: EvidenceKind
    name: str
    finding_id: UUID | None = None


@dataclass(frozen=True)
class Arrived:
    """A file that has arrived whole and was inspected. `sha256` is hex."""

    upload: Upload
    path: Path
    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True)
class Stored:
    """A file to send."""

    path: Path
    name: str
    media_type: str
    sha256: str


class EvidenceService:
    """Evidence."""

    def __init__(self, desk: Desk, vault: Vault) -> None:
        self._desk = desk
        self._vault = vault

    async def check_may_add(self, upload: Upload, actor: Actor, declared_size: int = 0) -> None:
        """Raise unless this actor may hand in this file; asked before the bytes come, and again after."""
        placed = await self._desk.cases.get_placed(upload.case_id)
        check_may_see(placed.case, actor)
        evidence_domain.check_may_add(placed.case, actor)
        evidence_domain.check_name(upload.kind, upload.name)
        evidence_domain.check_room(declared_size, await self._desk.evidence.bytes_of(upload.case_id))
        if upload.finding_id is not None:
            await self._check_finding(upload.finding_id, upload.case_id)

    async def _check_finding(self, finding_id: UUID, case_id: UUID) -> None:
        finding = await self._desk.works.get_finding(finding_id)
        if finding.case_id != case_id:
            message = "the finding is of another case"
            raise InvalidError(message, errors=[{"where": "finding_id", "message": message, "code": "foreign"}])

    async def add_evidence(self, arrived: Arrived, actor: Actor) -> EvidenceOut:
        """Keep an arrived file; the same file handed in again is not doubled."""
        desk, upload = self._desk, arrived.upload
        case = await desk.cases.lock(upload.case_id)
        await self.check_may_add(upload, actor, arrived.size)
        item = Evidence(
            id=uuid4(), case_id=case.id, finding_id=upload.finding_id, kind=upload.kind, name=upload.name,
            media_type=arrived.media_type, size=arrived.size, sha256=arrived.sha256, uploaded_at=desk.now,
            uploaded_by=actor.name, organisation=actor.organisation, from_enterprise=actor.tenant is not None,
        )  # fmt: skip
        same = await desk.evidence.find_same(item)
        if same is not None:
            return views.evidence(same, actor)
        await asyncio.to_thread(self._vault.keep, arrived.path, arrived.sha256)
        await desk.evidence.add(item)
        params = {"id": str(item.id), "name": item.name, "kind": item.kind, "size": item.size, "sha256": item.sha256}
        desk.note_on_case(case, Act(actor, "evidence.added", params=params))
        await desk.flush()
        return views.evidence(item, actor)

    async def get_evidence(self, evidence_id: UUID, reader: Actor) -> EvidenceOut:
        """What is known of a file."""
        return views.evidence(await self._find(evidence_id, reader), reader)

    async def read_evidence(self, evidence_id: UUID, reader: Actor) -> Stored:
        """Where the original lies."""
        item = await self._find(evidence_id, reader)
        return Stored(self._vault.path(item.sha256), item.name, item.media_type, item.sha256)

    async def _find(self, evidence_id: UUID, reader: Actor) -> Evidence:
        item = await self._desk.evidence.get(evidence_id)
        check_may_see((await self._desk.cases.get_placed(item.case_id)).case, reader)
        if not may_see_evidence(item, reader):
            raise NotFoundError("no such evidence", evidence=str(evidence_id))
        return item
