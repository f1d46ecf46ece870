"""The queue: views, filters, orders, cursors, counts; a fixed number of statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from services.casework.domain.queues import VIEWS, ViewName
from shared.contracts.casework import CaseEvent, ReasonCode
from shared.contracts.detection import Frequency, Nature, Severity
from shared.contracts.grading import Colour
from tests.casework.desk import Desk
from tests.casework.makers import FIRM, NOW, OTHER_FIRM, make_anomaly, make_reply

pytestmark = pytest.mark.anyio


@contextmanager
def counting(desk: Desk) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    engine = desk.app.state.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def many(desk: Desk, count: int) -> None:
    await desk.bring(*(make_anomaly(started_at=NOW - timedelta(days=day + 1), outlet="W2") for day in range(count)))


async def test_views_and_counts_agree(desk: Desk) -> None:
    assert set(VIEWS) == set(ViewName)
    await desk.set_colour(Colour.RED, OTHER_FIRM)
    fraud = await desk.open_case(severity=Severity.A, nature=Nature.SUSPECTED_FRAUD, factor="w21003")
    red = await desk.open_case(enterprise="E2", severity=Severity.C)
    waiting = await desk.open_case(started_at=NOW - timedelta(days=1))
    await desk.act("supervisor", waiting, CaseEvent.SEND_INQUIRY)
    replied = await desk.open_case(started_at=NOW - timedelta(days=3))
    await desk.act("supervisor", replied, CaseEvent.SEND_INQUIRY)
    desk.advance(minutes=30)
    await desk.act("firm", replied, CaseEvent.REPLY, reply=make_reply())
    closed = await desk.open_case(started_at=NOW - timedelta(days=5))
    await desk.act("supervisor", closed, CaseEvent.MARK_FALSE_ALARM, reason_code=ReasonCode.DATA_LATE)
    desk.advance(minutes=35)

    client = desk.client("supervisor")
    found = {view: {item.no for item in (await client.list_cases(view=view)).items} for view in ViewName}
    assert found == {
        "open": {fraud.no, red.no, waiting.no, replied.no}, "screening": {fraud.no, red.no}, "replied": {replied.no},
        "waiting": {waiting.no}, "due_soon": {waiting.no}, "overdue": {fraud.no}, "red": {red.no}, "fraud": {fraud.no},
        "verification": set(), "rectifying": set(), "closed": {closed.no},
    }  # fmt: skip
    counts = await client.count_cases()
    for name in ("screening", "replied", "waiting", "due_soon", "overdue", "red", "verification", "rectifying"):
        assert getattr(counts, name) == len(found[ViewName(name)]), name
    assert (counts.opened_today, counts.closed_30d, counts.simplified_30d, counts.mean_reply_hours) == (5, 1, 0, 0.5)
    firm = await desk.client("firm").count_cases()
    assert (firm.waiting, firm.replied, firm.overdue, firm.screening) == (1, 1, 0, 0)


async def test_filters(desk: Desk) -> None:
    one = await desk.open_case(severity=Severity.A, rule="CONST")
    two = await desk.open_case(enterprise="E2", severity=Severity.C)
    client = desk.client("supervisor")
    for filters, expected in (
        ({"severity": "A"}, {one.no}), ({"rule": "EX-H"}, {two.no}), ({"enterprise_id": FIRM}, {one.no}),
        ({"q": "企业E2"}, {two.no}), ({"q": "firm e1"}, {one.no}), ({"q": two.no[-3:]}, {two.no}),
        ({"q": "%"}, set()), ({"q": "_"}, set()), ({"q": "' or 1=1 --"}, set()),
        ({"state": ["screening", "closed"]}, {one.no, two.no}), ({"state": ["closed"]}, set()),
        ({"medium": "gas"}, set()), ({"medium": "water", "severity": "C"}, {two.no}),
    ):  # fmt: skip
        found = await client.list_cases(**filters)  # type: ignore[arg-type]
        assert {item.no for item in found.items} == expected, filters
    for params in ({"view": "x"}, {"sort": "x"}, {"limit": 0}, {"limit": 501}, {"cursor": "x"}, {"state": "x"}):
        assert (await desk.get("supervisor", "/v1/cases", **params)).status_code == 422, params


async def test_priority_orders_by_severity_colour_frequency_and_time(desk: Desk) -> None:
    await desk.set_colour(Colour.RED, OTHER_FIRM)
    cases = {
        "late": await desk.open_case(severity=Severity.B, started_at=NOW - timedelta(days=2)),
        "chronic": await desk.open_case(
            severity=Severity.B, started_at=NOW - timedelta(days=4), frequency=Frequency.CHRONIC
        ),
        "red": await desk.open_case(severity=Severity.B, enterprise="E2"),
        "grave": await desk.open_case(severity=Severity.A, started_at=NOW - timedelta(days=6)),
    }
    desk.advance(minutes=5)
    cases["later"] = await desk.open_case(severity=Severity.B, started_at=NOW - timedelta(days=8))
    names = {case.no: name for name, case in cases.items()}
    client = desk.client("supervisor")

    order = [names[item.no] for item in (await client.list_cases()).items]
    assert order == ["grave", "red", "chronic", "late", "later"]
    assert [item.priority for item in (await client.list_cases()).items] == [425, 300, 265, 225, 225]
    due = [names[item.no] for item in (await client.list_cases(sort="due")).items]
    assert (due[0], due[-1]) == ("grave", "later")
    newest = [names[item.no] for item in (await client.list_cases(sort="newest")).items]
    assert newest[0] == "later"
    await desk.set_colour(Colour.RED, FIRM)
    assert (await client.list_cases()).items[0].priority == 500


async def test_cursors_walk_every_case_once(desk: Desk) -> None:
    await many(desk, 7)
    for sort in ("priority", "due", "newest"):
        seen, cursor = [], None
        while True:
            page = await desk.client("supervisor").list_cases(sort=sort, cursor=cursor, limit=3)
            seen += [item.no for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7
        first = await desk.get("supervisor", "/v1/cases", sort=sort, limit=3)
        assert 'rel="next"' in first.headers["Link"]
    other = await desk.get("supervisor", "/v1/cases", sort="due", cursor=first.json()["next"])
    assert other.status_code == 422


async def test_lists_take_the_same_statements_for_one_and_many(desk: Desk) -> None:
    paths = ("/v1/cases", "/v1/cases/counts", "/v1/visits", "/v1/findings")
    counts: list[dict[str, int]] = []
    for amount in (1, 5):
        await many(desk, amount)
        found = {}
        for path in paths:
            with counting(desk) as statements:
                assert (await desk.get("supervisor", path)).status_code == 200
            found[path] = len([item for item in statements if not item.startswith(("BEGIN", "COMMIT"))])
        [case, *_] = (await desk.client("supervisor").list_cases()).items
        with counting(desk) as statements:
            await desk.get("supervisor", f"/v1/cases/{case.id}")
        counts.append(found | {"detail": len(statements)})
    assert counts[0] == counts[1]
    assert counts[0] == {"/v1/cases": 1, "/v1/cases/counts": 3, "/v1/visits": 1, "/v1/findings": 2, "detail": 8}


async def test_open_cases_by_outlet_in_one_statement(desk: Desk) -> None:
    minor = await desk.open_case(severity=Severity.C, started_at=NOW - timedelta(days=3))
    grave = await desk.open_case(severity=Severity.A, factor="w21003")
    other = await desk.open_case(enterprise="E2", severity=Severity.C)
    closed = await desk.open_case(started_at=NOW - timedelta(days=9))
    await desk.act("supervisor", closed, CaseEvent.MARK_FALSE_ALARM, reason_code=ReasonCode.DATA_LATE)
    await desk.act("supervisor", grave, CaseEvent.SEND_INQUIRY)

    with counting(desk) as statements:
        found = {one.enterprise_id: one for one in await desk.client("supervisor").cases_by_outlet()}
    assert len(statements) == 1
    assert (found[FIRM].open, found[FIRM].overdue, found[FIRM].first) == (2, 0, grave.no)
    assert (found[OTHER_FIRM].open, found[OTHER_FIRM].first) == (1, other.no)

    desk.advance(hours=72)
    late = {one.enterprise_id: one for one in await desk.client("supervisor").cases_by_outlet()}
    assert (late[FIRM].overdue, late[OTHER_FIRM].overdue) == (2, 1)
    own = await desk.client("firm").cases_by_outlet()
    assert [(one.enterprise_id, one.open, one.first) for one in own] == [(FIRM, 1, grave.no)]
    assert minor.no not in {one.first for one in own}
