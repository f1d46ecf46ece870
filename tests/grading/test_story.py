"""From facts in three feeds to a published colour."""

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from services.grading.domain.freezing import thaw
from services.grading.domain.grades import grade_all
from services.grading.main import create_app
from services.grading.rules import rule_versions
from shared.audit import verify
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.casework import CaseState
from shared.contracts.grading import Colour, GradeList, GradeRow, ListState, Override, Publication
from shared.contracts.ingest import enterprise_uuid
from shared.testing import running
from tests.grading.conftest import QUARTER, World
from tests.grading.makers import AS_OF, HOUR, an_id, at

GREEN, YELLOW, RED, GREY = Colour.GREEN, Colour.YELLOW, Colour.RED, Colour.GREY


async def three_firms(world: World) -> None:
    """E-001 with three exceeding hours and a bad visit, E-002 clean, E-003 connected too late, E-004 closed down."""
    await world.enterprise("E-001", key_unit=True)
    await world.enterprise("E-002")
    await world.enterprise("E-003", connected_on="2026-08-01")
    await world.enterprise("E-004", active=False)
    await world.anomaly("a")
    await world.case("WX-1", anomaly_ids=[an_id("a")])
    await world.visit("V-1", 6)
    await world.catch_up()


def row(graded: GradeList, code: str) -> GradeRow:
    return next(each for each in graded.rows if each.enterprise_code == code)


async def test_the_whole_way(world: World):
    await three_firms(world)
    draft = await world.officer.draft_list(QUARTER)
    assert (draft.state, draft.version, draft.interim, draft.rules) == (ListState.DRAFT, 1, False, "e6-2026")
    assert world.asked == [("2026-07-01T00:00:00+08:00", "2026-09-30T16:00:00+00:00")]
    one = row(draft, "E-001")
    assert {block.code: block.score for block in one.blocks} == {
        "B1": 23.5, "B2": 20, "B3": 15, "B4": 0, "B5": 10, "B6": 10, "B7": 5
    }  # fmt: skip
    assert (one.p, one.p_smoothed, one.h, one.risk, one.colour) == (83.5, 83.5, 1.1, 18.15, YELLOW)
    causes = [(cause.kind, cause.ref, cause.points) for block in one.blocks for cause in block.causes if cause.points]
    assert causes == [("anomaly", str(an_id("a")), -1.5), ("visit", str(an_id("V-1")), -15.0)]
    assert [(each.enterprise_code, each.colour) for each in draft.rows] == [
        ("E-001", YELLOW), ("E-002", GREEN), ("E-003", GREY)
    ]  # fmt: skip
    assert draft.counts == {GREEN: 1, YELLOW: 1, RED: 0, GREY: 1}

    wish = Override(enterprise_id=one.enterprise_id, colour=RED, reason="连续两周夜间异味投诉属实")
    moved = await world.officer.override(QUARTER, wish, draft.version)
    assert (moved.version, row(moved, "E-001").colour, row(moved, "E-001").overridden_by) == (2, RED, "wang")
    assert row(moved, "E-001").reasons[-1].params == {
        "from": "yellow", "to": "red", "reason": wish.reason, "by": "wang", "at": world.clock.now().isoformat()
    }  # fmt: skip
    assert moved.digest == draft.digest

    assert {held.colour for held in await world.officer.list_colours()} == {GREY}
    published = await world.head.publish(QUARTER, Publication(), moved.version)
    assert (published.state, published.interim, published.published_by) == (ListState.PUBLISHED, False, "li")
    held = {each.enterprise_id: (each.colour, each.quarter) for each in await world.officer.list_colours()}
    assert held == {
        enterprise_uuid("E-001"): (RED, QUARTER), enterprise_uuid("E-002"): (GREEN, QUARTER),
        enterprise_uuid("E-003"): (GREY, QUARTER),
    }  # fmt: skip
    await the_public_sees(world)
    await the_feed_tells(world)


async def the_public_sees(world: World) -> None:
    answer = await world.http("GET", "/v1/lists/latest/public")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=60")
    body = answer.json()
    assert [(each["enterprise_code"], each["colour"]) for each in body["rows"]] == [
        ("E-001", "red"), ("E-002", "green"), ("E-003", "grey")
    ]  # fmt: skip
    assert body["rows"][0]["blocks"] == {"B1": 0.94, "B2": 1, "B3": 1, "B4": 0, "B5": 1, "B6": 1, "B7": 1}
    assert body["rows"][2]["blocks"] == {}
    assert set(body["rows"][0]) == {
        "enterprise_id", "enterprise_code", "name_zh", "name_en", "trade", "colour", "previous", "blocks"
    }  # fmt: skip
    assert body["quarters"] == [QUARTER]
    assert (await world.client.public_list(QUARTER)).model_dump(mode="json") == body


async def the_feed_tells(world: World) -> None:
    answer = await world.http("GET", "/v1/feed", Role.SERVICE)
    events = [(event["type"], event["data"]) for event in answer.json()]
    assert [kind for kind, _ in events] == [
        "grading.list.published.v1", "grading.colour.changed.v1", "grading.colour.changed.v1"
    ]  # fmt: skip
    changed = {data["enterprise_id"]: data for _, data in events[1:]}
    assert changed[str(enterprise_uuid("E-001"))] == {
        "enterprise_id": str(enterprise_uuid("E-001")), "colour": "red", "quarter": QUARTER
    }  # fmt: skip
    assert str(enterprise_uuid("E-003")) not in changed
    actions = await world.rows("select action from audit_entry order by id")
    assert actions == [("list.drafted",), ("list.overridden",), ("list.published",)]
    async with world.app.state.db.transaction() as session:
        assert (await verify(session)).broken_at is None


async def test_a_false_alarm_frees_its_anomaly_and_a_newer_version_replaces_it(world: World):
    await world.enterprise("E-001")
    await world.anomaly("a", version=2, points=5, last_at=at(3, 12))
    await world.anomaly("a", version=1)  # late and older: changes nothing
    await world.anomaly("b", started_at=at(9), last_at=at(9, 1), points=2)
    await world.anomaly("c", rule="CONST", nature="N2")
    await world.case("WX-1", anomaly_ids=[an_id("a")], state=CaseState.SCREENING, inquiry_sent_at=None)
    assert await world.catch_up() == 7
    assert await world.catch_up() == 0
    first = await world.officer.draft_list(QUARTER)
    assert row(first, "E-001").blocks[0].score == 25 - 0.5 * 5 - 0.5 * 2

    await world.case("WX-1", 2, anomaly_ids=[an_id("a")], state=CaseState.FALSE_ALARM, inquiry_sent_at=None)
    await world.catch_up()
    second = await world.officer.draft_list(QUARTER)
    assert row(second, "E-001").blocks[0].score == 24
    assert [cause.ref for cause in row(second, "E-001").blocks[0].causes] == [str(an_id("b"))]
    assert second.digest != first.digest

    third = await world.officer.draft_list(QUARTER)
    assert (third.version, third.digest) == (3, second.digest)
    states = await world.rows("select version, state from lists order by version")
    assert states == [(1, "superseded"), (2, "superseded"), (3, "draft")]


async def test_a_list_can_be_computed_again_from_its_frozen_facts(world: World):
    await three_firms(world)
    draft = await world.officer.draft_list(QUARTER)
    ((digest, frozen),) = await world.rows("select digest, facts from snapshots")

    assert hashlib.sha256(frozen.encode()).hexdigest() == digest == draft.digest
    assert json.loads(frozen)["rules"] == "e6-2026"
    _, facts = thaw(frozen)
    again = grade_all(facts, rule_versions()[0])
    assert [(each.enterprise_id, each.p, each.risk, each.colour) for each in again] == [
        (each.enterprise_id, each.p, each.risk, each.colour) for each in draft.rows
    ]


async def test_the_next_quarter_remembers_colour_and_score(world: World):
    await three_firms(world)
    draft = await world.officer.draft_list(QUARTER)
    await world.officer.publish(QUARTER, Publication(), draft.version)
    world.clock.set(AS_OF + 93 * 24 * HOUR)
    await world.visit("V-2", 5)
    await world.catch_up()

    following = await world.officer.draft_list("2026Q4")
    one = row(following, "E-001")
    assert (one.p, one.p_smoothed) == (100, 95.1471)  # (0.6 × 100 + 0.25 × 83.5) / 0.85
    assert (one.previous, one.colour, one.risk) == (YELLOW, GREEN, 5.3382)
    assert (row(following, "E-003").previous, row(following, "E-003").colour) == (GREY, GREEN)
    grade = await world.firm("E-001").get_grade(enterprise_uuid("E-001"))
    assert (grade.colour, grade.quarter, grade.row and grade.row.p) == (YELLOW, QUARTER, 83.5)
    assert grade.draft is not None
    assert (grade.draft.colour, [past.quarter for past in grade.history]) == (GREEN, [QUARTER])


async def test_hysteresis_and_veto_come_with_their_reasons(world: World):
    await world.enterprise("E-001")
    await world.finding("F-1")
    await world.finding("F-2")
    await world.catch_up()

    one = row(await world.officer.draft_list(QUARTER), "E-001")
    assert one.colour is RED
    assert [(reason.code, reason.params) for reason in one.reasons] == [
        ("veto", {"rule": "overdue_majors", "count": 2, "findings": ["F-1", "F-2"]}),
        ("cannot_be_green", {"rule": "overdue_rectification", "count": 2, "findings": ["F-1", "F-2"]}),
    ]
    better = Override(enterprise_id=one.enterprise_id, colour=YELLOW, reason="企业已口头承诺整改")
    with pytest.raises(ServiceCallError) as refused:
        await world.officer.override(QUARTER, better, 1)
    assert (refused.value.status, refused.value.code) == (409, "override_against_rule")


async def test_before_the_quarters_end_a_list_is_interim_and_needs_a_note(world: World):
    await world.enterprise("E-001")
    await world.catch_up()
    world.clock.set(at(15, 10))
    draft = await world.officer.draft_list(QUARTER)
    assert draft.interim
    with pytest.raises(ServiceCallError) as refused:
        await world.officer.publish(QUARTER, Publication(note="  "), draft.version)
    assert (refused.value.status, refused.value.code) == (422, "note_required")

    interim = await world.officer.publish(QUARTER, Publication(note="两项重大问题逾期，先行公布"), draft.version)
    assert interim.interim
    world.clock.set(AS_OF + HOUR)
    final = await world.officer.draft_list(QUARTER)
    done = await world.officer.publish(QUARTER, Publication(), final.version)
    assert (done.interim, done.version) == (False, 2)
    listed = [(each.version, each.state) for each in await world.officer.list_lists()]
    assert listed == [(2, ListState.PUBLISHED), (1, ListState.SUPERSEDED)]


async def test_two_publishers_at_once(world: World):
    await three_firms(world)
    draft = await world.officer.draft_list(QUARTER)
    answers = await asyncio.gather(
        *(who.publish(QUARTER, Publication(), draft.version) for who in (world.officer, world.head)),
        return_exceptions=True,
    )

    refused = [each for each in answers if isinstance(each, ServiceCallError)]
    assert [(each.status, each.code) for each in refused] == [(409, "no_draft")]
    assert len([each for each in answers if isinstance(each, GradeList)]) == 1
    assert await world.rows("select count(*) from outbox where type = 'grading.list.published.v1'") == [(1,)]


async def test_an_inquiry_counts_in_the_quarter_its_reply_is_due(world: World):
    await world.enterprise("E-001")
    late = {"inquiry_sent_at": AS_OF - HOUR, "replied_at": None, "on_time": None, "state": CaseState.OVERDUE}
    await world.case("WX-1", reply_by=AS_OF - HOUR / 2, **late)
    await world.case("WX-2", reply_by=AS_OF + HOUR, **late)
    await world.catch_up()
    world.clock.set(AS_OF + 5 * HOUR)

    for quarter, no in ((QUARTER, "WX-1"), ("2026Q4", "WX-2")):
        causes = row(await world.officer.draft_list(quarter), "E-001").blocks[2].causes
        assert [(cause.ref, cause.code, cause.points) for cause in causes] == [(no, "reply_late", -9.0)]


async def test_grading_follows_its_neighbours_by_itself(world: World):
    """With jobs on, facts arrive without being fetched."""
    settings = replace(world.app.state.settings, jobs=True)
    app = create_app(settings, transport=world.network)
    app.state.verifier = world.tokens.verifier()
    await world.enterprise("E-001")
    async with running(app, headers=world.tokens.headers(Role.OFFICER)) as http:
        for _ in range(100):
            if colours := (await http.get("/v1/grades")).json():
                break
            await asyncio.sleep(0.05)
        ready = await http.get("/readyz")

    assert colours == [{"enterprise_id": str(enterprise_uuid("E-001")), "colour": "grey", "quarter": None}]
    assert ready.json()["checks"] == {"database": "ok", "schema": "ok", "feeds": "ok"}
