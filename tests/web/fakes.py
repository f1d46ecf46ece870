"""The five services in this process, speaking the real contracts and remembering what was asked of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, File, Form, Header, Query, UploadFile

from shared.contracts.casework import (
    AllowedEvent,
    AuditEntryOut,
    AuditVerdict,
    CaseAct,
    CaseState,
    EvidenceKind,
    EvidenceOut,
    FindingAct,
    FindingCodeOut,
    FindingSeverity,
    VisitAct,
    VisitIn,
)
from shared.contracts.grading import ListState, Override, Publication
from shared.contracts.identity import Login, SessionToken
from shared.contracts.ingest import DeviceOut, FactorOut, FreshnessOut, LinkState, ReadingKind, enterprise_uuid
from shared.contracts.ingest.readings import SparksAsk
from shared.errors import ConflictError, NotFoundError, UnauthenticatedError, UnsupportedTypeError
from shared.http import check_version, version_from
from tests.web import fake_detection, fake_marks, fake_rules, makers
from tests.web.fakes_dossier import dossier
from tests.web.makers import NOW, uid
from tests.web.park import PASSWORD, PEOPLE, Park, page


def ingest(park: Park, app: FastAPI) -> None:
    _registry(app)
    dossier(app)
    _readings(park, app)
    fake_marks.marks(park, app)
    fake_marks.quality(park, app)
    fake_detection.watch_list(park, app)


def _registry(app: FastAPI) -> None:
    firms = {firm[0]: makers.make_enterprise(*firm[:4]) for firm in makers.FIRMS}
    outlets = {code: makers.make_outlet(code) for code in firms}

    @app.get("/v1/enterprises")
    async def enterprises(q: str = "") -> Any:
        return page([firm for firm in firms.values() if q in f"{firm.code} {firm.name_zh} {firm.name_en}"])

    @app.get("/v1/enterprises/{one}")
    async def enterprise(one: UUID) -> Any:
        return _one([firm for firm in firms.values() if firm.id == one])

    @app.get("/v1/outlets")
    async def list_outlets(enterprise_id: UUID | None = None) -> Any:
        return page([item for item in outlets.values() if enterprise_id in {None, item.enterprise_id}])

    @app.get("/v1/outlets/{one}")
    async def outlet(one: UUID) -> Any:
        return _one([item for item in outlets.values() if item.id == one])

    @app.get("/v1/devices")
    async def devices(outlet_id: UUID) -> Any:
        return page(
            [
                DeviceOut(
                    id=uid("device"), outlet_id=outlet_id, mn="SANSE0000000000000000001", edition="2017", active=True,
                    has_password=True, last_seen_at=NOW, link=LinkState.ONLINE,
                )
            ]
        )  # fmt: skip

    @app.get("/v1/factors")
    async def factors() -> Any:
        return [
            FactorOut(code=makers.COD, name_zh="化学需氧量", name_en="COD", unit="mg/L").model_dump(mode="json"),
            FactorOut(code=makers.FLOW, name_zh="流量", name_en="Flow", unit="m³/h").model_dump(mode="json"),
        ]


def _readings(park: Park, app: FastAPI) -> None:
    @app.get("/v1/outlets/{one}/series")
    async def series(one: UUID, factor: str, kind: ReadingKind, since: datetime, until: datetime) -> Any:
        shape = next((case.rule for case in park.cases.values() if case.outlet_id == one), "")
        return makers.make_series(one, factor, kind, since, until, shape).model_dump(mode="json")

    @app.post("/v1/series/sparks")
    async def sparks(asked: SparksAsk) -> Any:
        return {"sparks": [await series(a.outlet_id, a.factor, a.kinds[0], a.since, a.until) for a in asked.asks]}

    @app.get("/v1/freshness")
    async def freshness() -> Any:
        return FreshnessOut(latest_at=NOW, received_at=NOW, outlets_online=5, outlets=6).model_dump(mode="json")


def _one(found: list[Any]) -> Any:
    if not found:
        raise NotFoundError("no such object")
    return found[0].model_dump(mode="json")


def detection(park: Park, app: FastAPI) -> None:
    fake_detection.open_summary(park, app)
    fake_rules.rules(park, app)
    fake_rules.around(park, app)

    @app.get("/v1/anomalies")
    async def anomalies(outlet_id: UUID | None = None, parent_id: UUID | None = None) -> Any:
        known = [item for case in park.cases.values() for item in case.anomaly_list]
        if parent_id is not None:
            return page([item for item in known if item.parent_id == parent_id])
        return page([item for item in known if item.outlet_id == outlet_id][:1])

    @app.get("/v1/anomalies/{one}")
    async def anomaly(one: UUID) -> Any:
        return _one([item for case in park.cases.values() for item in case.anomaly_list if item.id == one])


def casework(park: Park, app: FastAPI) -> None:
    fake_detection.cases_by_outlet(park, app)
    _cases(park, app)
    _visits(park, app)
    _findings(park, app)
    _files(park, app)
    _audit(app)


def _cases(park: Park, app: FastAPI) -> None:
    @app.get("/v1/cases")
    async def cases(
        view: str = "",
        state: Annotated[list[str] | None, Query()] = None,
        q: str = "",
        severity: str = "",
        cursor: str = "",
    ) -> Any:
        states = set(state or []) | ({view} if view in set(CaseState) else set())
        found = [
            makers.summary(case)
            for case in park.cases.values()
            if (not states or case.state in states)
            and (not severity or case.severity == severity)
            and (not q or q in f"{case.no} {case.enterprise_name_zh}")
            and not (view == "open" and case.closed_at)
        ]
        return page([] if cursor else found, None if cursor or view != "open" else "more")

    @app.get("/v1/cases/counts")
    async def counts() -> Any:
        return makers.make_counts().model_dump(mode="json")

    @app.get("/v1/cases/{key}")
    async def case(key: str) -> Any:
        return park.find(key).model_dump(mode="json")

    @app.post("/v1/cases/{key}/events")
    async def act(key: str, act: CaseAct, if_match: Annotated[str | None, Header()] = None) -> Any:
        case = park.find(key)
        check_version(case.version, version_from(if_match))
        if act.event not in {item.event for item in case.allowed}:
            raise ConflictError("the state does not allow it")
        park.acts.append((case.no, act))
        updates: dict[str, Any] = {"allowed": [AllowedEvent(event="withdraw", needs=["reason"])]}
        if act.reply:
            done = makers.with_reply(case).replies[0].model_copy(update=act.reply.model_dump())
            updates |= {"replies": [done], "state": CaseState.REPLIED}
        return park.save(case, **updates).model_dump(mode="json")


def _visits(park: Park, app: FastAPI) -> None:
    @app.get("/v1/visits")
    async def visits(state: str = "") -> Any:
        return page([visit for visit in park.visits() if state in {"", visit.state}])

    @app.get("/v1/visits/{one}")
    async def visit(one: UUID) -> Any:
        return _one([item for item in park.visits() if item.id == one])

    @app.post("/v1/visits")
    async def plan(given: VisitIn) -> Any:
        case = park.find(str(given.case_id))
        made = makers.make_visit(case).model_copy(update={"officers": given.officers, "type": given.type})
        park.acts.append((case.no, given))
        park.save(case, visits=[made])
        return made.model_dump(mode="json")

    @app.post("/v1/visits/{one}/events")
    async def act_on_visit(one: UUID, act: VisitAct, if_match: Annotated[str | None, Header()] = None) -> Any:
        visit = next(item for item in park.visits() if item.id == one)
        check_version(visit.version, version_from(if_match))
        park.acts.append((visit.no, act))
        allowed = [AllowedEvent(event="complete", needs=["record"])] if act.event == "start" else []
        changed = visit.model_copy(update={"version": visit.version + 1, "allowed": allowed, "record": act.record})
        park.save(park.find(visit.case_no), visits=[changed])
        return changed.model_dump(mode="json")


def _findings(park: Park, app: FastAPI) -> None:
    @app.get("/v1/finding-codes")
    async def codes() -> Any:
        code = FindingCodeOut(
            code="13-5", title_zh="运维记录缺失或不实", title_en="Records missing or untrue",
            clause="第十三条第（五）项",
            default_severity=FindingSeverity.MINOR,
        )  # fmt: skip
        return [code.model_dump(mode="json")]

    @app.get("/v1/findings")
    async def findings(state: Annotated[list[str] | None, Query()] = None) -> Any:
        return page([item for item in park.findings() if not state or item.state in state])

    @app.get("/v1/findings/{one}")
    async def finding(one: UUID) -> Any:
        return _one([item for item in park.findings() if item.id == one])

    @app.post("/v1/findings/{one}/events")
    async def act_on_finding(one: UUID, act: FindingAct, if_match: Annotated[str | None, Header()] = None) -> Any:
        finding = next(item for item in park.findings() if item.id == one)
        check_version(finding.version, version_from(if_match))
        park.acts.append((finding.no, act))
        changed = finding.model_copy(update={"version": finding.version + 1, "plan": act.text})
        park.save(park.find(finding.case_no), findings=[changed])
        return changed.model_dump(mode="json")


def _files(park: Park, app: FastAPI) -> None:
    @app.post("/v1/evidence")
    async def add(
        case_id: Annotated[UUID, Form()],
        kind: Annotated[EvidenceKind, Form()],
        file: Annotated[UploadFile, File()],
        finding_id: Annotated[UUID | None, Form()] = None,
    ) -> Any:
        name = file.filename or ""
        if name.endswith(".exe"):
            raise UnsupportedTypeError("executables are not evidence")
        case = park.find(str(case_id))
        size = len(await file.read())
        made = makers.make_evidence(case, name, kind).model_copy(update={"size": size, "finding_id": finding_id})
        park.save(case, evidence=[*case.evidence, made], version=case.version)
        park.cases[case.no] = park.cases[case.no].model_copy(update={"version": case.version})
        return made.model_dump(mode="json")

    @app.get("/v1/evidence/{one}")
    async def known(one: UUID) -> Any:
        return _file(one).model_dump(mode="json")

    @app.get("/v1/evidence/{one}/content")
    async def content(one: UUID) -> Any:
        from starlette.responses import Response

        return Response(b"%PDF-1.7 " + _file(one).name.encode(), media_type="application/pdf")

    def _file(one: UUID) -> EvidenceOut:
        found = [item for case in park.cases.values() for item in case.evidence if item.id == one]
        if not found:
            raise NotFoundError("no such file")
        return found[0]


def _audit(app: FastAPI) -> None:
    @app.get("/v1/audit")
    async def audit() -> Any:
        entry = AuditEntryOut(
            id=1, at=NOW, actor="zhou", actor_name="周敏", organisation="衡鉴监理", action="case.send_inquiry",
            subject="case:1", reason="", hash="cd" * 32,
        )  # fmt: skip
        return page([entry])

    @app.get("/v1/audit/verdict")
    async def verdict() -> Any:
        return AuditVerdict(entries=1, intact=True, head="cd" * 32).model_dump(mode="json")


def grading(park: Park, app: FastAPI) -> None:
    _lists(park, app)
    _drafts(park, app)
    _colours(app)


def _lists(park: Park, app: FastAPI) -> None:
    @app.get("/v1/lists")
    async def lists() -> Any:
        draft = makers.make_list(ListState.DRAFT, "2026Q4").model_dump(mode="json", exclude={"rows"})
        return [draft, makers.make_list().model_dump(mode="json", exclude={"rows"})]

    @app.get("/v1/lists/{quarter}/public")
    async def public(quarter: str) -> Any:
        if quarter not in {"latest", "2026Q3"}:
            raise NotFoundError("no list")
        return makers.make_public().model_dump(mode="json")

    @app.get("/v1/lists/{quarter}")
    async def one(quarter: str, state: str = "published") -> Any:
        if state == "draft" and quarter not in park.drafts:
            raise NotFoundError("no draft")
        return makers.make_list(ListState(state), quarter).model_dump(mode="json")


def _drafts(park: Park, app: FastAPI) -> None:
    @app.post("/v1/lists/{quarter}/draft")
    async def draft(quarter: str) -> Any:
        park.drafts.add(quarter)
        return makers.make_list(ListState.DRAFT, quarter).model_dump(mode="json")

    @app.post("/v1/lists/{quarter}/overrides")
    async def override(quarter: str, wish: Override, if_match: Annotated[str | None, Header()] = None) -> Any:
        check_version(2, version_from(if_match))
        park.acts.append((quarter, wish))
        return makers.make_list(ListState.DRAFT, quarter).model_dump(mode="json")

    @app.post("/v1/lists/{quarter}/publication")
    async def publish(quarter: str, given: Publication, if_match: Annotated[str | None, Header()] = None) -> Any:
        check_version(2, version_from(if_match))
        park.acts.append((quarter, given))
        return makers.make_list(quarter=quarter).model_dump(mode="json")


def _colours(app: FastAPI) -> None:
    @app.get("/v1/grades")
    async def colours() -> Any:
        return [
            {"enterprise_id": str(row.enterprise_id), "colour": row.colour, "quarter": "2026Q3"}
            for row in makers.make_list().rows
        ]

    @app.get("/v1/grades/{one}")
    async def grade(one: UUID) -> Any:
        return makers.make_grade().model_copy(update={"enterprise_id": one}).model_dump(mode="json")


def identity(park: Park, app: FastAPI) -> None:
    @app.get("/.well-known/jwks.json")
    async def jwks() -> Any:
        return await park.tokens.jwks()

    @app.post("/v1/sessions")
    async def log_in(login: Login) -> Any:
        if login.username not in PEOPLE or login.password.get_secret_value() != PASSWORD:
            raise UnauthenticatedError("name or password is wrong")
        token = f"session-{login.username}-{len(park.sessions)}"
        park.sessions[token] = login.username
        account = {
            "id": str(uid(login.username)), "username": login.username, "name_zh": "周敏", "name_en": "Zhou Min",
            "roles": [role.value for role in PEOPLE[login.username]], "organisation_id": str(uid("org")),
            "organisation_name_zh": "衡鉴监理", "organisation_name_en": "Hengjian", "organisation_kind": "supervisor",
        }  # fmt: skip
        return {"session_token": token, "expires_at": "2099-01-01T00:00:00Z", "account": account}

    @app.post("/v1/sessions/token")
    async def access(session: SessionToken) -> Any:
        park.exchanges += 1
        name = park.sessions.get(session.session_token)
        if name is None:
            raise UnauthenticatedError("the session has ended")
        firm = enterprise_uuid("E-001") if name == "hengze" else None
        organisation = "恒泽精细化工有限公司" if firm else "示范工业园区 · 监理"
        token = park.tokens.token(*PEOPLE[name], name=name, enterprise_id=firm, organisation=organisation)
        return {"access_token": token, "expires_in": 300, "scope": ""}

    @app.post("/v1/sessions/end")
    async def end(session: SessionToken) -> Any:
        park.sessions.pop(session.session_token, None)
        return {}
