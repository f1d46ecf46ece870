"""Ingest's marks and quality assurance in this process, speaking the real contracts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, Response, UploadFile

from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.contracts.ingest.marks import (
    AllowedMarkEvent,
    BudgetOut,
    ConflictKind,
    MarkAct,
    MarkCheck,
    MarkCodeOut,
    MarkConflict,
    MarkEffect,
    MarkEvent,
    MarkEvidenceOut,
    MarkIn,
    MarkKind,
    MarkOut,
    MarkSource,
    MarkState,
    MarkVersionOut,
    RunningSign,
)
from shared.contracts.ingest.qa import ErrorKind, QaDueOut, QaIn, QaKind, QaOut, QaPair, QaSource, QaState
from shared.errors import ConflictError, NotFoundError
from shared.http import check_version, version_from
from tests.web.makers import COD, NOW, uid
from tests.web.park import Park, page

FIRM, OUTLET = enterprise_uuid("E-001"), outlet_uuid("E-001", "DW001")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODES = {
    "stopped": ("停运", "Stopped", MarkKind.WORKING_CONDITION, MarkEffect.STOPPED),
    "fault": ("故障", "Plant fault", MarkKind.WORKING_CONDITION, MarkEffect.INVALID),
    "device_maintenance": ("设备维护", "Device maintenance", MarkKind.DEVICE, MarkEffect.INVALID),
}
PDF = b"%PDF-1.7\n%%EOF\n"


class OverlapError(ConflictError):
    code = "mark_overlap"


def make_mark(no: str, code: str = "device_maintenance", **fields: Any) -> MarkOut:
    zh, en, kind, effect = CODES[code]
    plain: dict[str, Any] = {
        "id": uid(no), "no": no, "enterprise_id": FIRM, "outlet_id": OUTLET, "device_id": None, "kind": kind,
        "code": code, "code_zh": zh, "code_en": en, "effect": effect, "since": NOW - 5 * HOUR, "until": NOW - 3 * HOUR,
        "factors": [COD], "source": MarkSource.MANUAL, "flag": None, "reason": "更换蠕动泵管", "effective": True,
        "state": MarkState.PENDING, "submitted_at": NOW - HOUR, "submitted_by": "hengze", "due_at": NOW + DAY,
        "late": False, "evidence_due_at": NOW + 17 * DAY, "evidence": [], "review_reason": "", "reviewed_at": None,
        "reviewed_by": "", "untrue": False, "version": 2, "changed_at": NOW - HOUR, "allowed": [],
    }  # fmt: skip
    return MarkOut(**plain | fields)


def make_marks() -> dict[UUID, MarkOut]:
    proof = MarkEvidenceOut(
        id=uid("proof"), name="维护记录.pdf", media_type="application/pdf", size=20_480, sha256="ab" * 32,
        uploaded_at=NOW, uploaded_by="hengze",
    )  # fmt: skip
    listed = (
        make_mark("M000001", evidence=[proof], allowed=[
            AllowedMarkEvent(event=MarkEvent.CORRECT, needs=["reason"]),
            AllowedMarkEvent(event=MarkEvent.ACCEPT), AllowedMarkEvent(event=MarkEvent.REJECT, needs=["reason"]),
        ]),
        make_mark("M000002", "stopped", since=NOW - 3 * DAY, until=None, state=MarkState.PROPOSED, submitted_at=None,
                  source=MarkSource.AUTO, flag="F", due_at=NOW - DAY, late=True, evidence_due_at=None, allowed=[
            AllowedMarkEvent(event=MarkEvent.CONFIRM, needs=["reason"]),
            AllowedMarkEvent(event=MarkEvent.WITHDRAW, needs=["reason"], blocked="from_flags"),
            AllowedMarkEvent(event=MarkEvent.FINISH, needs=["until"]),
        ]),
        make_mark("M000003", "fault", since=NOW - 6 * DAY, until=NOW - 5 * DAY, state=MarkState.REJECTED, untrue=True,
                  effective=False, review_reason="同期流量正常", reviewed_at=NOW, reviewed_by="wang"),
    )  # fmt: skip
    return {mark.id: mark for mark in listed}


def marks(park: Park, app: FastAPI) -> None:
    held = make_marks()

    def find(one: UUID) -> MarkOut:
        if one not in held:
            raise NotFoundError("no such mark")
        return held[one]

    _facts(app)
    _acts(park, app, find)

    @app.get("/v1/marks")
    async def list_marks(outlet_id: UUID | None = None) -> Any:
        return page([mark for mark in held.values() if outlet_id in {None, mark.outlet_id}])

    @app.post("/v1/marks")
    async def add_mark(mark: MarkIn) -> Any:
        park.acts.append(("mark", mark))
        if mark.code == "stopped" and not mark.merge:
            raise OverlapError("overlaps", conflict="same_code", offer="merge", no="M000002", mark_code="stopped")
        return find(uid("M000001"))

    @app.post("/v1/marks/check")
    async def check(mark: MarkIn) -> Any:
        conflict = MarkConflict(
            kind=ConflictKind.SAME_CODE, mark_id=uid("M000002"), no="M000002", code="stopped", since=NOW, until=None
        )
        return MarkCheck(
            conflicts=[conflict] if mark.code == "stopped" else [], warnings=["late"], problems=[],
            due_at=NOW, evidence_due_at=None, budget=_budget(), running=[
                RunningSign(factor="w00000", hours=3, greatest=12.5, threshold=0.5)
            ],
        )  # fmt: skip


def _acts(park: Park, app: FastAPI, find: Callable[[UUID], MarkOut]) -> None:
    @app.get("/v1/marks/{one}")
    async def get_mark(one: UUID) -> Any:
        return find(one)

    @app.get("/v1/marks/{one}/versions")
    async def versions(one: UUID) -> Any:
        mark = find(one)
        content = {"since": mark.since.isoformat(), "until": mark.until.isoformat() if mark.until else None}
        return [MarkVersionOut(version=1, at=NOW, by="system", event="flagged", content=content)]

    @app.post("/v1/marks/{one}/events")
    async def act(one: UUID, act: MarkAct, if_match: Annotated[str, Header()]) -> Any:
        check_version(find(one).version, version_from(if_match))
        park.acts.append((find(one).no, act))
        return find(one)

    @app.post("/v1/marks/{one}/evidence")
    async def add_evidence(one: UUID, file: UploadFile) -> Any:
        park.calls.append(f"file {file.filename} {len(await file.read())}")
        return find(one)

    @app.get("/v1/mark-evidence/{one}")
    async def read_evidence(one: UUID) -> Any:
        headers = {"Content-Disposition": "attachment; filename=a.pdf", "Content-Security-Policy": "sandbox"}
        return Response(PDF, media_type="application/pdf", headers=headers)


def _budget() -> BudgetOut:
    return BudgetOut(
        codes=["accident", "fault"],
        year=2026,
        limit_h=60,
        used_h=50,
        left_h=10,
        warning=True,
        source_zh="默认配置",
        source_en="Default",
    )


def _facts(app: FastAPI) -> None:
    @app.get("/v1/marks/codes")
    async def codes() -> Any:
        return [
            MarkCodeOut(
                code=code, kind=kind, name_zh=zh, name_en=en, effect=effect, evidence=True, trades=[],
                source_zh="公告 2022 年第 21 号", source_en="2022 No. 21", valid_from=NOW.date(), valid_to=None,
            )
            for code, (zh, en, kind, effect) in CODES.items()
        ]  # fmt: skip

    @app.get("/v1/marks/budgets")
    async def budgets() -> Any:
        return [_budget()]


def quality(park: Park, app: FastAPI) -> None:
    record = QaOut(
        id=uid("qa"), no="Q000001", enterprise_id=FIRM, outlet_id=OUTLET, factor=COD, kind=QaKind.STANDARD_CHECK,
        at=NOW - DAY, pairs=[QaPair(reference=50, reading=57)], full_scale=200, reference=50, reading=57, error=0.14,
        error_kind=ErrorKind.RELATIVE, limit=0.1, passed=False, next_due_at=NOW, rule_source="参照 HJ 355-2019",
        note="", source=QaSource.PORTAL, recorded_at=NOW, recorded_by="hengze", replaces=None, replaced=False,
        evidence=[],
    )  # fmt: skip

    @app.get("/v1/qa-records/due")
    async def due() -> Any:
        return [
            QaDueOut(
                enterprise_id=FIRM, outlet_id=OUTLET, factor=COD, kind=kind, state=state, interval_days=7,
                last_at=at, last_passed=False, due_at=at, source="默认配置",
            )
            for kind, state, at in (
                (QaKind.STANDARD_CHECK, QaState.OVERDUE, NOW - DAY), (QaKind.COMPARISON, QaState.NEVER, None),
            )
        ]  # fmt: skip

    @app.get("/v1/qa-records")
    async def records() -> Any:
        return page([record])

    @app.post("/v1/qa-records")
    async def add(given: QaIn) -> Any:
        park.acts.append(("qa", given))
        return record
