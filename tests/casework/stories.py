"""Beginnings of stories that several tests go on from."""

from typing import Any
from uuid import UUID

from shared.contracts.casework import (
    CaseEvent,
    EvidenceKind,
    FindingIn,
    FindingSeverity,
    ReasonCode,
    VisitEvent,
)
from shared.contracts.detection import Severity
from tests.casework.desk import Desk
from tests.casework.images import png
from tests.casework.makers import make_reply


async def rectifying(desk: Desk, count: int = 1) -> dict[str, Any]:
    """A case of firm E1 with a visit, findings and evidence of both sides."""
    case = await desk.open_case(severity=Severity.C)
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    proof = await desk.client("firm").add_evidence(case.id, "a.png", png(), kind=EvidenceKind.PHOTO)
    internal = await desk.client("supervisor").add_evidence(case.id, "b.png", png(9, 9), kind=EvidenceKind.SCREENSHOT)
    await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply(evidence_ids=[proof.id]))
    case = await desk.act(
        "supervisor", case, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=desk.clock.now()
    )
    [visit] = case.visits
    await desk.act_on_visit("officer", visit, event=VisitEvent.START, officers=["A", "B"])
    given = FindingIn(code="13-1", severity=FindingSeverity.MINOR, facts="标志牌缺失。")
    await desk.act_on_visit("officer", visit, event=VisitEvent.COMPLETE, record="见记录。", findings=[given] * count)
    case = await desk.client("officer").get_case(case.id)
    return {"case": case, "visit": visit, "finding": case.findings[0], "proof": proof, "internal": internal}


async def to_analysis(desk: Desk, **changes: object) -> UUID:
    """A case whose first reply is under analysis."""
    case = await desk.open_case(**changes)
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply())
    return (await desk.act("supervisor", case, CaseEvent.START_ANALYSIS)).id
