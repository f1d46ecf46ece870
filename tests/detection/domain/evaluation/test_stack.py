"""What a stack told of the park is judged against the park's truth."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from benchmarks.evaluate import __main__ as command
from benchmarks.evaluate import stack as judged
from benchmarks.evaluate.judge import Results
from benchmarks.evaluate.stack import judge_outlet, told_by
from park.virtual.truth import EventTruth, OutletTruth, ParkTruth
from services.detection.domain.evaluation import Rate
from shared.clients.detection import DetectionClient
from shared.contracts.detection import SEVERAL, AnomalyOut, AnomalyState, Explanation, Frequency, Nature, Severity
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import ReadingKind

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = UUID(int=5)
OUTLET = OutletTruth(
    key="V-1/DA001", outlet_id=str(ID), trade="cement", medium="gas", factors=["a21002", "a34013", "load"]
)


def event(
    kind: str, first: int, hours: int, *, strength: str = "medium", factors: tuple[str, ...] = ("a21002",)
) -> EventTruth:
    return EventTruth(
        outlet=OUTLET["key"], kind=kind, strength=strength, factors=list(factors), touched=list(factors),
        start=(START + first * HOUR).isoformat(), end=(START + (first + hours) * HOUR).isoformat(), checks=["constant"],
    )  # fmt: skip


def anomaly(rule: str, first: int, hours: int, factor: str = "a21002", **changes: Any) -> AnomalyOut:
    fields: dict[str, Any] = {
        "id": UUID(int=first * 100 + hours), "no": "A", "enterprise_id": ID, "outlet_id": ID, "factor": factor,
        "kind": ReadingKind.HOUR, "rule": rule, "nature": Nature.DATA_QUALITY, "severity": Severity.C,
        "frequency": Frequency.FIRST, "count_30d": 1, "state": AnomalyState.CLOSED, "started_at": START + first * HOUR,
        "last_at": START + (first + hours - 1) * HOUR, "ended_at": START + (first + hours) * HOUR, "points": hours,
        "explanation": Explanation(code="constant"), "detected_at": START + (first + hours) * HOUR,
    }  # fmt: skip
    return AnomalyOut(**{**fields, **changes})


def truth(*events: EventTruth) -> ParkTruth:
    return ParkTruth(
        seed=1, since=START.isoformat(), until=(START + 720 * HOUR).isoformat(), outlets=[OUTLET], events=list(events)
    )


def test_anomalies_meet_the_events_of_their_factor_and_check():
    known = truth(event("stuck", 100, 24), event("hole", 300, 3, strength="natural"), event("zero", 500, 8))
    told = [
        anomaly("CONST", 106, 18),
        anomaly("MISS", 300, 3, ended_at=None, state=AnomalyState.OPEN),
        anomaly("CONST", 400, 8),
        anomaly("ZERO", 500, 8, "a34013"),
    ]
    made = judge_outlet(OUTLET, known, told).ours

    assert (made.recall("stuck medium"), made.right_kind("stuck medium")) == (Rate(1, 1), Rate(1, 1))
    assert (made.recall("hole natural"), made.recall("zero medium"), made.precision()) == (
        Rate(1, 1), Rate(0, 1), Rate(2, 4),
    )  # fmt: skip
    assert made.days == 30.0 * 2


def test_a_duty_of_the_whole_outlet_is_about_each_of_its_factors():
    known = truth(event("mark_forgotten", 100, 4, strength="natural", factors=("a21002", "a34013")))
    made = judge_outlet(OUTLET, known, [anomaly("LATE-MARK", 101, 3, WHOLE_OUTLET)]).ours

    assert (made.recall("mark_forgotten natural"), made.precision()) == (Rate(1, 1), Rate(1, 1))


@pytest.mark.anyio
async def test_parents_are_left_to_their_children():
    app = FastAPI()

    @app.get("/v1/anomalies")
    async def anomalies() -> Any:
        items = [anomaly("MISS", 1, 1), anomaly("MISS", 1, 2, SEVERAL, factors=["a21002"])]
        return {"items": [item.model_dump(mode="json") for item in items], "next": None}

    async def token() -> str:
        return "token"

    async with DetectionClient("http://detection", token, transport=httpx.ASGITransport(app)) as client:
        found = await told_by(client, truth())

    assert [one.factor for one in found[OUTLET["key"]]] == ["a21002"]


def test_the_command_prints_what_the_stack_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    verdict = judge_outlet(OUTLET, truth(event("stuck", 100, 24)), [anomaly("CONST", 106, 18)])

    async def judge(stack: dict[str, object], given: ParkTruth) -> Results:
        assert (stack, given["seed"]) == ({"detection": "here"}, 1)
        return Results({"park": [verdict]}, {})

    monkeypatch.setattr(judged, "_judge", judge)
    (tmp_path / "stack.json").write_text(json.dumps({"detection": "here"}), encoding="utf-8")
    (tmp_path / "truth.json").write_text(json.dumps(truth()), encoding="utf-8")
    command.main(["--stack", str(tmp_path / "stack.json")])

    assert "| stuck | none | 1 of 1 | none | 1 of 1 |" in capsys.readouterr().out
