"""What a running stack told of the virtual park against the park's truth: the whole product, not the rules alone."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks.evaluate.judge import Results, Verdict, together_checks
from park.model import HOUR
from park.virtual.plan import LOAD, POWER, TREATMENT_POWER
from park.virtual.truth import OutletTruth, ParkTruth, read_truth
from services.detection.domain.evaluation import Score, Span, score
from services.detection.service.rulebook import load_rulebook
from shared.auth import TokenSource
from shared.clients.detection import DetectionClient
from shared.contracts.detection import SEVERAL, AnomalyOut
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import ReadingKind

PAGE = 500
MOST_PAGES = 400
QUIET, PATIENCE, PAUSE = 20.0, 1800.0, 2.0
"""Seconds without a new anomaly after which detection has read all; how long that may take."""
LASTS = {
    ReadingKind.REALTIME: timedelta(minutes=1), ReadingKind.MINUTE: timedelta(minutes=1),
    ReadingKind.HOUR: timedelta(hours=1), ReadingKind.DAY: timedelta(days=1),
}  # fmt: skip
METERS = frozenset({LOAD, POWER, TREATMENT_POWER})
GROUP = "park"


async def told_by(detection: DetectionClient, truth: ParkTruth) -> dict[str, list[AnomalyOut]]:
    """Anomalies of each outlet of the park by its key, parents left out: their children stand for themselves."""
    found: dict[str, list[AnomalyOut]] = {}
    since, until = (datetime.fromisoformat(truth[name]) for name in ("since", "until"))
    for outlet in truth["outlets"]:
        listed = _anomalies(detection, UUID(outlet["outlet_id"]), since, until)
        found[outlet["key"]] = [one async for one in listed if one.factor != SEVERAL]
    return found


async def _anomalies(
    detection: DetectionClient, outlet_id: UUID, since: datetime, until: datetime
) -> AsyncIterator[AnomalyOut]:
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await detection.list_anomalies(
            outlet_id=outlet_id, since=since, until=until, cursor=cursor, limit=PAGE
        )  # fmt: skip
        for one in page.items:
            yield one
        cursor = page.next
        if cursor is None:
            return


def judge_outlet(outlet: OutletTruth, truth: ParkTruth, anomalies: list[AnomalyOut]) -> Verdict:
    """One outlet's anomalies against its events."""
    events = [event for event in truth["events"] if event["outlet"] == outlet["key"]]
    labels = [
        Span(_seconds(event["start"]), _seconds(event["end"]), f"{event['kind']} {event['strength']}",
             _seconds(event["start"]), tuple(event["touched"] or event["factors"]))
        for event in events
    ]  # fmt: skip
    fits = {f"{event['kind']} {event['strength']}": frozenset(event["checks"]) for event in events}
    check = {rule.code: rule.check.name for rule in load_rulebook().rules}
    alarms = [_span(one, check.get(one.rule, one.rule)) for one in anomalies]
    times = np.arange(_seconds(truth["since"]), _seconds(truth["until"]), HOUR, dtype=np.int64)
    made = score(labels, alarms, times, float(HOUR), fits=fits, together=together_checks())
    series = len([factor for factor in outlet["factors"] if factor not in METERS and "-" not in factor])
    made = replace(made, days=made.days * series)
    return Verdict(GROUP, outlet["key"], made, Score(), made, 0)


def _span(one: AnomalyOut, check: str) -> Span:
    end = one.ended_at or one.last_at + LASTS[one.kind]
    times = (int(moment.timestamp()) for moment in (one.started_at, end, one.detected_at))
    start, last, at = times
    # A duty of the outlet as a whole is about all that the outlet has.
    return Span(start, max(last, start), check, at, () if one.factor == WHOLE_OUTLET else (one.factor,))


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def judge_stack(stack_file: Path, truth_file: Path | None = None) -> Results:
    """Read what the stack of a `stack.json` has told and judge it; the truth lies beside it unless given."""
    stack = json.loads(stack_file.read_text(encoding="utf-8"))
    truth = read_truth(truth_file or stack_file.with_name("truth.json"))
    return asyncio.run(_judge(stack, truth))


async def _judge(stack: dict[str, Any], truth: ParkTruth) -> Results:
    token = TokenSource(str(stack["identity"]), *_client(stack))
    async with DetectionClient(str(stack["detection"]), token, timeout=60) as detection:
        await _quiet(detection, truth)
        told = await told_by(detection, truth)
    verdicts = [judge_outlet(outlet, truth, told[outlet["key"]]) for outlet in truth["outlets"]]
    return Results({GROUP: verdicts}, {})


def _client(stack: dict[str, Any]) -> tuple[str, str]:
    """Who asks: SANSE_CLIENT_ID and SANSE_CLIENT_SECRET, else an officer's client of the demo."""
    if given := os.environ.get("SANSE_CLIENT_ID"):
        return given, os.environ.get("SANSE_CLIENT_SECRET", "")
    officer = next((one for one in stack["clients"] if one["role"] == "officer"), None)
    if officer is None:
        raise SystemExit("the stack has no demo: give SANSE_CLIENT_ID and SANSE_CLIENT_SECRET")
    return officer["client_id"], officer["client_secret"]


async def _quiet(detection: DetectionClient, truth: ParkTruth) -> None:
    """Wait until detection tells nothing new of the park for a while, at most `PATIENCE` seconds."""
    seen: object = None
    unchanged = waited = 0.0
    while unchanged < QUIET and waited < PATIENCE:
        pages = [
            await detection.list_anomalies(outlet_id=UUID(one["outlet_id"]), limit=PAGE)
            for one in truth["outlets"][-20:]
        ]
        now = [(item.id, item.version) for page in pages for item in page.items]
        unchanged = unchanged + PAUSE if now == seen else 0.0
        seen = now
        waited += PAUSE
        await asyncio.sleep(PAUSE)
