"""Anybody doing anything at any time: states stay in the tables, the chain stays whole, tenants stay apart."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.casework.domain.cases.table import CASES
from services.casework.domain.findings import DONE, FINDINGS
from services.casework.domain.machine import Party
from services.casework.domain.visits import VISITS
from services.casework.jobs import escalate
from shared.contracts.casework import (
    CLOSED_STATES,
    CaseEvent,
    CaseState,
    FindingEvent,
    FindingState,
    ReasonCode,
    VisitEvent,
    VisitState,
)
from shared.contracts.detection import Severity
from tests.casework.desk import Desk, open_desk
from tests.casework.images import png
from tests.casework.makers import FIRM, OTHER_FIRM, make_anomaly, make_reply
from tests.casework.stories import rectifying

pytestmark = pytest.mark.anyio
CAST = ("firm", "firm", "other_firm", "supervisor", "lead", "officer", "officer", "head", "auditor")
EXPECTED = {200, 201, 403, 404, 409, 412, 415, 422}
STEPS = 100
ENDS = CLOSED_STATES | {VisitState.CANCELLED, FindingState.WAIVED}


class Walk:
    """A random walk of all roles over a park of two firms. Acts are mostly sensible, sometimes nonsense."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.random = random.Random(seed)  # noqa: S311 - replayable
        self.statuses: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        self.files = 0

    async def step(self) -> None:
        kind = self.random.choices(
            ("anomaly", "case", "visit", "finding", "time", "evidence", "plan"), (6, 50, 12, 22, 6, 8, 2)
        )[0]
        await getattr(self, f"do_{kind}")()

    async def do_anomaly(self) -> None:
        await self.desk.bring(
            make_anomaly(
                enterprise=self.random.choice(("E1", "E1", "E2")), severity=self.random.choice(list(Severity)),
                started_at=self.desk.clock.now(),
            )
        )  # fmt: skip

    async def do_time(self) -> None:
        self.desk.advance(minutes=self.random.choice((1, 10, 60, 600, 3000)))
        await escalate(self.desk.app)

    async def do_case(self) -> None:
        cases = await self._things("/v1/cases", CLOSED_STATES)
        if not cases:
            await self.do_anomaly()
            return
        case = self.random.choice(cases)
        row = self._row(CASES, CaseState(case["state"]), list(CaseEvent))
        who = self._who(row, case)
        reasons = row.reasons if row and self.random.random() < 0.95 else tuple(ReasonCode)
        body = {
            "event": row.event if row else self.random.choice(list(CaseEvent)), "reason": "随机理由",
            "reason_code": self.random.choice(reasons) if reasons else None, "into": self.random.choice(cases)["no"],
            "reply": make_reply().model_dump(mode="json"),
            "visit_at": (self.desk.clock.now() + timedelta(hours=2)).isoformat(),
        }  # fmt: skip
        await self._post(who, f"/v1/cases/{case['id']}/events", body, case["version"], body["event"])

    async def do_visit(self) -> None:
        visits = await self._things("/v1/visits", ENDS | {VisitState.COMPLETED})
        if not visits:
            return
        visit = self.random.choice(visits)
        row = self._row(VISITS, VisitState(visit["state"]), list(VisitEvent))
        event = row.event if row else self.random.choice(list(VisitEvent))
        found = [{"code": "19-2", "severity": "general", "facts": "故障未报告。"}] * self.random.choice((0, 1, 2))
        body = {"event": event, "officers": ["A", "B"], "record": "见记录。", "reason": "改期",
                "findings": found if event == VisitEvent.COMPLETE else []}  # fmt: skip
        await self._post(
            self._who(row, visit), f"/v1/visits/{visit['id']}/events", body,
            visit["version"], f"visit.{event}",
        )  # fmt: skip

    async def do_finding(self) -> None:
        findings = await self._things("/v1/findings", DONE)
        if not findings:
            return
        finding = self.random.choice(findings)
        row = self._row(FINDINGS, FindingState(finding["state"]), list(FindingEvent))
        event = row.event if row else self.random.choice(list(FindingEvent))
        proof = await self._upload(own_firm(finding), finding["case_id"])
        body = {"event": event, "text": "随机说明", "days": 2, "evidence_ids": [proof] if proof else []}
        if event != FindingEvent.SUBMIT_EVIDENCE:
            body["evidence_ids"] = []
        path = f"/v1/findings/{finding['id']}/events"
        await self._post(self._who(row, finding), path, body, finding["version"], f"finding.{event}")

    async def do_evidence(self) -> None:
        cases = await self._things("/v1/cases")
        if cases:
            await self._upload(self.random.choice(CAST), self.random.choice(cases)["id"])

    async def do_plan(self) -> None:
        cases = [item for item in await self._things("/v1/cases") if item["state"] == "key_verification"]
        if cases:
            plan = {"case_id": cases[0]["id"], "type": self.random.choice(("ai", "ts", "rv")), "officers": ["A", "B"],
                    "planned_at": (self.desk.clock.now() + timedelta(hours=1)).isoformat()}  # fmt: skip
            answer = await self.desk.post(self.random.choice(CAST), "/v1/visits", plan)
            self.statuses[answer.status_code] += 1

    async def _things(self, path: str, over: frozenset[Any] = frozenset()) -> list[dict[str, Any]]:
        """All of them by number (ids differ from run to run), those that are over less often."""
        items = (await self.desk.get("head", path, limit=500)).json()["items"]
        rarely = self.random.random() < 0.1
        return sorted((item for item in items if rarely or item["state"] not in over), key=lambda item: str(item["no"]))

    def _row(self, machine: Any, state: Any, events: list[Any]) -> Any:
        rows = [row for row in machine.rows if state in row.sources and Party.SYSTEM not in row.parties]
        if rows and self.random.random() < 0.85:
            return self.random.choices(rows, [1 if row.target in ENDS else 4 for row in rows])[0]
        return machine.find(state, self.random.choice(events))

    def _who(self, row: Any, thing: Any) -> str:
        """Mostly somebody whose turn it is."""
        if row is None or self.random.random() < 0.3:
            return self.random.choice(CAST)
        parties = {
            "enterprise": own_firm(thing), "supervisor": "supervisor", "supervisor_lead": "lead",
            "officer": "officer", "section_head": "head",
        }  # fmt: skip
        return parties.get(self.random.choice(sorted(row.parties)), "head")

    async def _upload(self, who: str, case_id: Any) -> str | None:
        self.files += 1
        answer = await self.desk.upload(who, case_id, f"{self.files}.png", png(self.files % 50 + 1, 9))
        self.statuses[answer.status_code] += 1
        return str(answer.json()["id"]) if answer.status_code == 201 else None

    async def _post(self, who: str, path: str, body: Any, version: int, name: str) -> None:
        given = version if self.random.random() < 0.95 else version - 1
        answer = await self.desk.post(who, path, body, version=max(0, given))
        assert answer.status_code in EXPECTED, answer.text
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            self.done[name] += 1


def own_firm(thing: Any) -> str:
    return "firm" if thing["enterprise_id"] == str(FIRM) else "other_firm"


async def check_states(desk: Desk) -> None:
    cases = (await desk.get("head", "/v1/cases", limit=500)).json()["items"]
    for case in cases:
        closed = CaseState(case["state"]) in CLOSED_STATES
        assert closed == (case["closed_at"] is not None)
        assert not (closed and case["clock"])
        assert case["returns"] <= 2
    numbers = sorted(int(case["no"][-6:]) for case in cases)
    assert numbers == list(range(1, len(numbers) + 1))


async def check_trail(desk: Desk) -> None:
    """Each step of the trail is a row of a table, and follows from the step before."""
    verdict = await desk.client("auditor").verify_audit()
    assert verdict.intact
    machines = {"case": CASES, "visit": VISITS, "finding": FINDINGS}
    states: dict[str, str] = {}
    cursor, entries = None, []
    while True:
        page = await desk.client("auditor").list_audit(cursor=cursor, limit=500)
        entries += page.items
        cursor = page.next
        if cursor is None:
            break
    assert len(entries) == verdict.entries
    for entry in reversed(entries):
        after = (entry.after or {}).get("state")
        if after is None:
            continue
        was = (entry.before or {}).get("state")
        assert was == states.get(entry.subject)
        states[entry.subject] = after
        kind, event = entry.action.split(".", 1)
        machine: Any = machines.get(kind)
        if was is None or machine is None or event == "rectification_tracked":
            continue
        row = machine.find(machine.states(was), machine.events(event))
        assert row is not None, entry
        assert after == (row.target or was)


async def check_tenants(desk: Desk) -> None:
    for who, own, foreign in (("firm", FIRM, OTHER_FIRM), ("other_firm", OTHER_FIRM, FIRM)):
        for path in ("/v1/cases", "/v1/visits", "/v1/findings"):
            answer = await desk.get(who, path, limit=500)
            assert {item["enterprise_id"] for item in answer.json()["items"]} <= {str(own)}
            assert str(foreign) not in answer.text
    for case in (await desk.get("head", "/v1/cases", limit=500)).json()["items"]:
        for who, firm in (("firm", FIRM), ("other_firm", OTHER_FIRM)):
            answer = await desk.get(who, f"/v1/cases/{case['id']}")
            assert answer.status_code == 404 or case["enterprise_id"] == str(firm)


@settings(
    max_examples=2,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
async def test_random_walks(make_database: Any, tokens: Any, tmp_path_factory: Any, seed: int) -> None:
    async with open_desk(await make_database("casework"), tokens, tmp_path_factory.mktemp("walk")) as desk:
        walk = Walk(desk, seed)
        for _ in range(3):
            await walk.do_anomaly()
        for _ in range(STEPS):
            await walk.step()
        await check_states(desk)
        await check_trail(desk)
        await check_tenants(desk)


async def test_a_walk_that_begins_with_rectification(desk: Desk) -> None:
    """The findings' table is walked for certain."""
    walk = Walk(desk, 20261123)
    await rectifying(desk, 8)
    for _ in range(STEPS * 2):
        await walk.step()
    await check_states(desk)
    await check_trail(desk)
    await check_tenants(desk)

    assert {"finding.submit_evidence", "reply"} <= set(walk.done)
    assert {403, 404, 409, 412} <= set(walk.statuses)
