"""Makers of what the tests start from."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from services.casework.domain.cases import intake
from services.casework.domain.cases.model import Case
from services.casework.domain.machine import Actor, Party
from shared.contracts.casework import CauseCode, ReplyIn
from shared.contracts.detection import (
    AnomalyOut,
    AnomalyState,
    Explanation,
    Frequency,
    Nature,
    Severity,
)
from shared.contracts.ingest import (
    EnterpriseOut,
    FactorOut,
    Medium,
    OutletOut,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in the park."""
FIRM = enterprise_uuid("E1")
OTHER_FIRM = enterprise_uuid("E2")


def make_enterprise(code: str = "E1", version: int = 1) -> EnterpriseOut:
    return EnterpriseOut(
        id=enterprise_uuid(code), code=code, name_zh=f"企业{code}", name_en=f"Firm {code}", trade="chemical",
        version=version, changed_at=NOW,
    )  # fmt: skip


def make_outlet(enterprise: str = "E1", code: str = "W1", medium: Medium = Medium.WATER) -> OutletOut:
    return OutletOut(
        id=outlet_uuid(enterprise, code), enterprise_id=enterprise_uuid(enterprise), code=code, name_zh=f"排口{code}",
        name_en=f"Outlet {code}", medium=medium, version=1, changed_at=NOW,
    )  # fmt: skip


FACTORS = [
    FactorOut(code="w01018", name_zh="化学需氧量", name_en="COD", unit="mg/L", medium=Medium.WATER),
    FactorOut(code="w21003", name_zh="氨氮", name_en="Ammonia nitrogen", unit="mg/L", medium=Medium.WATER),
]


def make_anomaly(**changes: Any) -> AnomalyOut:
    enterprise, outlet = changes.pop("enterprise", "E1"), changes.pop("outlet", "W1")
    started_at = changes.pop("started_at", NOW - timedelta(hours=2))
    fields: dict[str, Any] = {
        "id": uuid4(), "no": "A-20261123-0001", "enterprise_id": enterprise_uuid(enterprise),
        "outlet_id": outlet_uuid(enterprise, outlet), "factor": "w01018", "kind": ReadingKind.HOUR, "rule": "EX-H",
        "nature": Nature.EXCEEDANCE, "severity": Severity.B, "frequency": Frequency.FIRST, "count_30d": 1,
        "state": AnomalyState.OPEN, "started_at": started_at, "last_at": started_at + timedelta(hours=1),
        "points": 2, "observed": 61.2, "reference": 50.0, "unit": "mg/L",
        "explanation": Explanation(code="exceedance_hour", params={"peak": 61.2, "limit": 50.0}),
        "detected_at": NOW,
    }  # fmt: skip
    return AnomalyOut(**{**fields, **changes})


def make_case(**changes: Any) -> Case:
    """A case in screening of a severity B exceedance."""
    opening = intake.Opening(uuid4(), "WX-2026-000001", recurrence=False, now=NOW)
    return intake.open_case(make_anomaly(**changes), opening)


def make_actor(*parties: Party, name: str = "", tenant: UUID | None = None) -> Actor:
    who = name or "-".join(parties) or "nobody"
    return Actor(who, who, "org", frozenset(parties), tenant or (FIRM if Party.ENTERPRISE in parties else None))


def make_reply(**changes: Any) -> ReplyIn:
    fields: dict[str, Any] = {
        "cause_code": CauseCode.DEVICE_FAULT,
        "began_at": NOW - timedelta(hours=3), "ended_at": NOW - timedelta(hours=1),
        "statement": "采样泵堵塞导致数据偏高。", "actions": "已清洗并校准。",
        "signer_name": "王敏", "signer_role": "环保主管",
    }  # fmt: skip
    return ReplyIn(**{**fields, **changes})


def named(name: str) -> UUID:
    return uuid5(FIRM, name)
