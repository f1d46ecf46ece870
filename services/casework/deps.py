"""Wiring: one request = one transaction, committed before the answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request

from services.casework.domain.evidence import check_type, clean_name, rules, settle_type
from services.casework.domain.machine import Actor, Party
from services.casework.gateways.incoming import IncomingForm, Sink
from services.casework.gateways.inspection import find_type
from services.casework.service.audit import AuditService
from services.casework.service.cases import CaseService
from services.casework.service.desk import Desk
from services.casework.service.evidence import Arrived, EvidenceService, Upload
from services.casework.service.findings import FindingService
from services.casework.service.visits import VisitService
from shared.auth import Principal, Role, require
from shared.contracts.casework import EvidenceKind
from shared.errors import AppError, InvalidError, TooLargeError
from shared.http import version_from

DRAINED = 64 * 1024 * 1024
"""Bytes of a refused upload that are read on, so that the sender gets to see the answer."""
FORM_OVERHEAD = 64 * 1024
LARGEST_UPLOAD = max(rule.limit for rule in rules().kinds.values()) + FORM_OVERHEAD


def actor_of(principal: Principal) -> Actor:
    """The caller as the tables know it: roles that act, and the tenant."""
    known = {party.value for party in Party} - {Party.SYSTEM.value}
    parties = frozenset(Party(role.value) for role in principal.roles if role.value in known)
    if principal.tenant is not None:
        parties &= {Party(Role.ENTERPRISE.value)}
    return Actor(principal.subject, principal.name, principal.organisation_name, parties, principal.tenant)


async def refuse_nul(request: Request) -> None:
    """PostgreSQL keeps no NUL in text, so a body that holds one is refused with words."""
    if b"\\u0000" in await request.body():
        raise InvalidError("text may not hold the character NUL (\\u0000)")


async def get_desk(request: Request) -> AsyncIterator[Desk]:
    """The stores of this request's transaction."""
    state = request.app.state
    async with state.db.transaction() as session:
        yield Desk(session, state.clock.now())


RequestDesk = Annotated[Desk, Depends(get_desk, scope="function")]


async def get_reader(principal: Annotated[Principal, Depends(require("cases:read"))]) -> Actor:
    """Somebody who may read cases."""
    return actor_of(principal)


async def get_actor(principal: Annotated[Principal, Depends(require("cases:act"))]) -> Actor:
    """Somebody who may act; the tables say what."""
    return actor_of(principal)


async def get_version(if_match: Annotated[str | None, Header(description='version seen, as in "3"')] = None) -> int:
    """The version a decision is about."""
    return version_from(if_match)


async def get_cases(desk: RequestDesk) -> CaseService:
    """Cases."""
    return CaseService(desk)


async def get_visits(desk: RequestDesk) -> VisitService:
    """Visits."""
    return VisitService(desk)


async def get_findings(desk: RequestDesk) -> FindingService:
    """Findings."""
    return FindingService(desk)


async def get_evidence_service(desk: RequestDesk, request: Request) -> EvidenceService:
    """Evidence."""
    return EvidenceService(desk, request.app.state.vault)


async def get_audit(desk: RequestDesk) -> AuditService:
    """The audit chain."""
    return AuditService(desk)


Reader = Annotated[Actor, Depends(get_reader)]
Acting = Annotated[Actor, Depends(get_actor)]
Version = Annotated[int, Depends(get_version)]
Cases = Annotated[CaseService, Depends(get_cases)]
Visits = Annotated[VisitService, Depends(get_visits)]
Findings = Annotated[FindingService, Depends(get_findings)]
EvidenceUse = Annotated[EvidenceService, Depends(get_evidence_service)]
Audit = Annotated[AuditService, Depends(get_audit)]
Auditor = Annotated[Principal, Depends(require("audit:read"))]


async def receive_upload(request: Request, actor: Acting) -> AsyncIterator[Arrived]:
    """Take a file in: ask first whether it may come, then stream, hash and inspect it. Gone after the request
    unless it was kept. No transaction is open while the bytes come.
    """
    stream = request.stream()
    with request.app.state.vault.arriving() as path:
        try:
            form = IncomingForm(request.headers.get("Content-Type", ""))
            upload = await _read_fields(form, stream)
            declared = int(request.headers.get("Content-Length", "0"))
            await _check(request, upload, actor, declared)
            sink = Sink(path, rules().kinds[upload.kind].limit, upload.kind)
            await sink.write(form.take())
            async for chunk in stream:
                form.feed(chunk)
                await sink.write(form.take())
            form.check_complete()
            sha256 = await sink.close()
            media_type = settle_type(upload.name, await asyncio.to_thread(find_type, path))
            check_type(upload.kind, upload.name, media_type)
        except AppError:
            await _drain(stream)
            raise
        yield Arrived(upload, path, sink.size, sha256, media_type)


Received = Annotated[Arrived, Depends(receive_upload, scope="function")]


async def _read_fields(form: IncomingForm, stream: AsyncIterator[bytes]) -> Upload:
    async for chunk in stream:
        form.feed(chunk)
        if form.file_name is not None:
            break
    if form.file_name is None:
        form.check_complete()
    fields = form.fields
    try:
        finding_id = UUID(fields["finding_id"]) if fields.get("finding_id") else None
        kind = EvidenceKind(fields.get("kind", ""))
        return Upload(UUID(fields.get("case_id", "")), kind, clean_name(form.file_name or ""), finding_id)
    except ValueError as error:
        message = f"case_id and finding_id are ids, kind is one of {', '.join(EvidenceKind)}; they come before the file"
        raise InvalidError(message, errors=[{"where": "form", "message": str(error), "code": "invalid"}]) from error


async def _check(request: Request, upload: Upload, actor: Actor, declared: int) -> None:
    limit = rules().kinds[upload.kind].limit
    if declared > limit + FORM_OVERHEAD:
        raise TooLargeError(f"a {upload.kind} may have {limit} bytes at most", limit=limit, kind=upload.kind)
    state = request.app.state
    async with state.db.transaction() as session:
        await EvidenceService(Desk(session, state.clock.now()), state.vault).check_may_add(upload, actor)


async def _drain(stream: AsyncIterator[bytes]) -> None:
    left = DRAINED
    async for chunk in stream:
        left -= len(chunk)
        if left < 0:
            return
