"""What the fakes tell of the watch list: outlets as they stand, open anomalies and cases by outlet."""

from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from shared.contracts.casework import OutletCases
from shared.contracts.detection import AnomalyOut, OpenAnomaly, OpenSummary, Severity
from shared.contracts.ingest import LinkState, ReadingKind, enterprise_uuid
from shared.contracts.ingest.live import LiveMark, LiveValue, OutletLive
from shared.contracts.ingest.marks import MarkEffect
from tests.web import makers
from tests.web.makers import COD, FIRMS, FLOW, NOW, uid
from tests.web.park import Park

MINUTE = timedelta(minutes=1)
SHARES = {"E-001": 0.62, "E-002": 1.27, "E-003": 0.86, "E-004": 0.4}


def make_live(code: str) -> OutletLive:
    """E-002 exceeds, E-005 is silent, E-003 carries a mark, E-006 has never spoken."""
    outlet = makers.make_outlet(code)
    firm = next(firm for firm in FIRMS if firm[0] == code)
    share = SHARES.get(code)
    at = NOW - 2 * MINUTE
    values = [] if share is None else [
        LiveValue(factor=COD, unit="mg/L", kind=ReadingKind.MINUTE, at=at, value=50 * share, upper=50.0,
                  averaging=ReadingKind.HOUR, share=share, exceeding=share > 1),
        LiveValue(factor=FLOW, unit="m³/h", kind=ReadingKind.MINUTE, at=at, value=31.5, flag="C"),
    ]  # fmt: skip
    marks = [] if code != "E-003" else [
        LiveMark(id=uid("M000001"), no="M000001", code="device_maintenance", code_zh="设备维护",
                 code_en="Device maintenance", effect=MarkEffect.INVALID, since=NOW - 60 * MINUTE)
    ]  # fmt: skip
    return OutletLive(
        outlet_id=outlet.id, code=outlet.code, name_zh=outlet.name_zh, name_en=outlet.name_en, medium=outlet.medium,
        enterprise_id=outlet.enterprise_id, enterprise_code=code, enterprise_name_zh=firm[1],
        enterprise_name_en=firm[2], link=LinkState.NEVER if code == "E-006" else LinkState.ONLINE,
        last_at=None if code == "E-006" else NOW - (90 if code == "E-005" else 2) * MINUTE,
        silent=code in {"E-005", "E-006"}, silent_after=1800, values=values, marks=marks,
    )  # fmt: skip


def summary_of(one: AnomalyOut) -> OpenSummary:
    opened = OpenAnomaly(
        id=one.id, no=one.no, rule=one.rule, factor=one.factor, nature=one.nature, severity=one.severity,
        started_at=one.started_at, marked=False,
    )  # fmt: skip
    counts = {letter.value.lower(): int(one.severity is letter) for letter in Severity}
    return OpenSummary(outlet_id=one.outlet_id, enterprise_id=one.enterprise_id, worst=[opened], **counts)


def watch_list(park: Park, app: FastAPI) -> None:
    @app.get("/v1/live")
    async def live() -> Any:
        codes = [code for code, *_ in FIRMS if park.tenant in {None, enterprise_uuid(code)}]
        return {"items": [make_live(code).model_dump(mode="json") for code in codes], "next": None}


def open_summary(park: Park, app: FastAPI) -> None:
    @app.get("/v1/anomalies/open-summary")
    async def summary() -> Any:
        found = {case.outlet_id: case.anomaly_list[0] for case in reversed(park.cases.values())}
        return [summary_of(one).model_dump(mode="json") for one in found.values()]


def cases_by_outlet(park: Park, app: FastAPI) -> None:
    @app.get("/v1/cases/by-outlet")
    async def by_outlet() -> Any:
        case = park.find("WX-2026-000184")
        made = OutletCases(
            outlet_id=case.outlet_id, enterprise_id=case.enterprise_id, open=2, overdue=1, first=case.no,
            state=case.state,
        )  # fmt: skip
        return [made.model_dump(mode="json")]
