"""What the feeds bring arrives once, in whatever order and however often a process dies."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.casework import CaseEvent, ReasonCode
from shared.contracts.detection import ANOMALY_OPENED, ANOMALY_UPDATED
from shared.contracts.grading import Colour
from shared.contracts.ingest import ENTERPRISE_CHANGED, OUTLET_CHANGED, enterprise_uuid, outlet_uuid
from shared.feed import Event
from tests.casework.desk import Desk
from tests.casework.makers import FIRM, NOW, make_anomaly, make_enterprise, make_outlet

pytestmark = pytest.mark.anyio


async def numbers(desk: Desk) -> list[str]:
    return sorted(item.no for item in (await desk.client("supervisor").list_cases(limit=500)).items)


async def test_an_anomaly_before_its_enterprise_is_looked_up(desk: Desk) -> None:
    case = await desk.open_case()
    assert case.enterprise_name_en == "Firm E1"
    assert desk.ingest.calls == [f"enterprise {FIRM}", f"outlet {outlet_uuid('E1', 'W1')}", "factors"]
    await desk.open_case(started_at=NOW - timedelta(days=2))
    assert len(desk.ingest.calls) == 3

    renamed = make_enterprise("E1", version=2).model_copy(update={"name_zh": "新名"})
    old = make_enterprise("E1", version=1).model_copy(update={"name_zh": "旧名"})
    for enterprise in (renamed, old):
        desk.ingest.put(ENTERPRISE_CHANGED, enterprise.model_dump(mode="json"))
    desk.ingest.put(OUTLET_CHANGED, make_outlet("E1", "W9").model_dump(mode="json"))
    desk.ingest.put("ingest.readings.accepted.v1", {"batches": []})
    await desk.consumers.ingest.step()
    assert (await desk.client("supervisor").get_case(case.id)).enterprise_name_zh == "新名"


async def test_repeated_events_change_nothing(desk: Desk) -> None:
    anomaly = make_anomaly()
    data, event_id = anomaly.model_dump(mode="json"), uuid4()
    for _ in range(3):
        desk.detection.put(ANOMALY_OPENED, data, event_id=event_id)
        desk.detection.put(ANOMALY_UPDATED, data)
    await desk.consumers.detection.step()
    await desk.consumers.detection.step()

    assert await numbers(desk) == ["WX-2026-000001"]
    assert (await desk.client("auditor").verify_audit()).entries == 1


async def test_a_feed_read_again_from_the_start_opens_nothing_twice(desk: Desk) -> None:
    await desk.bring(make_anomaly(), make_anomaly(outlet="W2"))
    async with desk.app.state.db.transaction() as session:
        await session.execute(text("update feed_cursor set seq = 0 where feed = 'detection'"))
        await session.execute(text("delete from feed_seen"))
    await desk.consumers.detection.step()

    assert await numbers(desk) == ["WX-2026-000001", "WX-2026-000002"]


class Crash(Exception):  # noqa: N818 - what a kill looks like from inside
    """The process ends here."""


async def test_a_crash_in_the_middle_of_a_batch_leaves_all_or_nothing(desk: Desk) -> None:
    consumer, whole = desk.consumers.detection, desk.consumers.detection.handler

    async def dies(session: AsyncSession, events: Sequence[Event]) -> None:
        await whole(session, events)
        raise Crash

    for anomaly in (make_anomaly(), make_anomaly(outlet="W2"), make_anomaly(enterprise="E2")):
        desk.detection.put(ANOMALY_OPENED, anomaly.model_dump(mode="json"))
    consumer.handler = dies
    with pytest.raises(Crash):
        await consumer.step()
    assert await numbers(desk) == []
    consumer.handler = whole
    await consumer.step()

    assert await numbers(desk) == [f"WX-2026-00000{number}" for number in (1, 2, 3)]
    assert (await desk.client("auditor").verify_audit()).entries == 3
    assert [event["data"]["event"] for event in await desk.feed()] == ["opened"] * 3


async def test_two_consumers_of_one_feed_do_the_work_once(desk: Desk) -> None:
    for day in range(20):
        anomaly = make_anomaly(started_at=NOW - timedelta(days=day + 1))
        desk.detection.put(ANOMALY_OPENED, anomaly.model_dump(mode="json"))
    results = await asyncio.gather(*(desk.consumers.detection.step() for _ in range(3)), return_exceptions=True)

    assert sorted(type(item).__name__ for item in results) in (
        ["FencedError", "FencedError", "int"], ["FencedError", "int", "int"], ["int", "int", "int"]
    )  # fmt: skip
    assert len(await numbers(desk)) == 20


async def test_an_unknown_enterprise_does_not_lose_the_others(desk: Desk) -> None:
    unknown = make_anomaly(enterprise="E9")
    consumer = desk.consumers.detection
    consumer.attempts = 0
    await desk.bring(make_anomaly(), unknown, make_anomaly(outlet="W2"))

    assert len(await numbers(desk)) == 2
    async with desk.app.state.db.transaction() as session:
        parked = (await session.execute(text("select seq, error from feed_parked"))).all()
    assert [row.seq for row in parked] == [2]
    assert str(enterprise_uuid("E9")) in parked[0].error


async def test_ingest_being_away_only_delays(desk: Desk) -> None:
    desk.detection.put(ANOMALY_OPENED, make_anomaly().model_dump(mode="json"))
    app = desk.app
    known = desk.ingest.enterprises
    desk.ingest.down = True
    desk.detection.down = True
    with pytest.raises(Exception, match="answered 503"):
        await desk.consumers.detection.step()
    desk.detection.down = False
    await desk.consumers.detection.step()

    assert (len(await numbers(desk)), app is desk.app, len(known)) == (1, True, 2)


async def test_colours_order_the_queue_and_are_frozen_nowhere(desk: Desk) -> None:
    case = await desk.open_case()
    assert case.colour is Colour.GREY
    await desk.set_colour(Colour.YELLOW)
    again = await desk.client("supervisor").get_case(case.id)
    assert (again.colour, again.priority - case.priority, again.version) == (Colour.YELLOW, 25, case.version)
    await desk.set_colour(Colour.RED, enterprise_uuid("E2"))  # known by its colour before its first anomaly
    other = await desk.open_case(enterprise="E2")
    assert other.colour is Colour.RED


async def test_news_of_a_merged_anomaly_go_to_the_case_it_is_in_now(desk: Desk) -> None:
    target = await desk.open_case()
    anomaly = make_anomaly(factor="w21003")
    await desk.bring(anomaly)
    [merged] = [item for item in (await desk.client("lead").list_cases()).items if item.id != target.id]
    await desk.act("lead", merged.id, CaseEvent.MERGE, into=target.no, reason_code=ReasonCode.SAME_EPISODE)
    last_at = NOW + timedelta(hours=9)
    newer = anomaly.model_copy(update={"version": 2, "last_at": last_at})
    await desk.bring(newer, event_type=ANOMALY_UPDATED)

    target = await desk.client("lead").get_case(target.id)
    assert target.anomaly_last_at == last_at
    assert {item.version for item in target.anomaly_list} == {1, 2}
