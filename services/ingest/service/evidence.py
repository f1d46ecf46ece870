"""Use cases of evidence: hand a file in with a mark, read it back."""

import hashlib
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks.files import check_file, check_room, clean_name
from services.ingest.domain.marks.model import OPEN, Evidence, Mark
from services.ingest.domain.marks.table import IllegalMarkEventError, Party
from services.ingest.service.mark_trail import MarkTrail
from services.ingest.service.marks import MarkService
from services.ingest.store.evidence import EvidenceStore
from shared.auth import Principal
from shared.errors import ForbiddenError


async def keep_file(
    store: EvidenceStore, given: tuple[UUID, UUID, str, bytes], present: list[Evidence], by: str, at: datetime
) -> Evidence | None:
    """Check and keep a file (subject, its enterprise, name, content); None where the same one is there already."""
    subject_id, enterprise_id, name, content = given
    name = clean_name(name)
    kind, digest = check_file(name, content), hashlib.sha256(content).hexdigest()
    if any(file.sha256 == digest for file in present):
        return None
    check_room(len(content), sum(file.size for file in present), len(present))
    file = Evidence(
        id=uuid4(), subject_id=subject_id, name=name, media_type=kind, size=len(content), sha256=digest,
        uploaded_at=at, uploaded_by=by,
    )  # fmt: skip
    await store.add(file, enterprise_id, content)
    return file


class EvidenceService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, marks: MarkService, caller: Principal) -> None:
        self._store = EvidenceStore(session)
        self.marks = marks
        self._caller = caller
        self._trail = MarkTrail(session, marks.store, caller)

    async def add_to_mark(self, mark_id: UUID, name: str, content: bytes) -> Mark:
        """A file that proves a mark. The same file again changes nothing."""
        if Party.ENTERPRISE not in self.marks.parties:
            raise ForbiddenError("evidence is the enterprise's to hand in", scope="marks:write")
        await self.marks.get_mark(mark_id)
        mark = await self.marks.store.get(mark_id, lock=True)
        if mark.state not in OPEN:
            raise IllegalMarkEventError(f"a mark in state {mark.state} takes no evidence", state=mark.state.value)
        given = (mark_id, mark.enterprise_id, name, content)
        file = await keep_file(self._store, given, list(mark.evidence), self._caller.name, self.marks.now)
        if file is None:
            return mark
        after = mark.changed(self.marks.now, evidence=(*mark.evidence, file))
        return await self._trail.save(mark, after, "evidence_added", file.name)

    async def read(self, evidence_id: UUID) -> tuple[Evidence, bytes]:
        """A file and its content."""
        file, enterprise_id, content = await self._store.read(evidence_id)
        self._caller.check_may_see(enterprise_id)
        return file, content
