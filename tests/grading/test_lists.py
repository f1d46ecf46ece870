"""Refusals and edges of lists: versions, overrides, imports, quarters; and the scheduled drafts."""

from typing import Any
from uuid import UUID

import pytest

from services.grading.jobs import make_due_drafts
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.grading import Colour, GradeList, ImportList, ImportRow, Override, Publication
from shared.contracts.ingest import enterprise_uuid
from tests.grading.conftest import NOW, QUARTER, World
from tests.grading.makers import AS_OF, DAY, HOUR

GREEN, YELLOW, RED, GREY = Colour.GREEN, Colour.YELLOW, Colour.RED, Colour.GREY
ONE = enterprise_uuid("E-001")
REASON = "连续两周夜间异味投诉属实"


async def one_draft(world: World, **fields: Any) -> GradeList:
    await world.enterprise("E-001", **fields)
    await world.catch_up()
    return await world.officer.draft_list(QUARTER)


async def move(world: World, colour: Colour, version: int, enterprise_id: UUID = ONE) -> GradeList:
    wish = Override(enterprise_id=enterprise_id, colour=colour, reason=REASON)
    return await world.officer.override(QUARTER, wish, version)


async def test_decisions_need_the_version_seen(world: World):
    await one_draft(world)
    wish = {"enterprise_id": str(ONE), "colour": "yellow", "reason": REASON}
    for act, body in (("overrides", wish), ("publication", {})):
        for header, status, code in (
            (None, 428, "version_required"), ('"7"', 412, "stale_version"), ("abc", 422, "invalid"),
        ):  # fmt: skip
            headers = {"If-Match": header} if header else {}
            path = f"/v1/lists/{QUARTER}/{act}"
            answer = await world.http("POST", path, Role.OFFICER, json=body, headers=headers)
            assert (act, header, answer.status_code, answer.json()["code"]) == (act, header, status, code)
    assert await world.rows("select version, state from lists") == [(1, "draft")]


async def test_lists_carry_their_version_as_etag(world: World):
    await one_draft(world)

    answer = await world.http("GET", f"/v1/lists/{QUARTER}?state=draft", Role.OFFICER)
    assert answer.headers["ETag"] == '"1"'


async def test_overrides_refused(world: World):
    await world.enterprise("E-002", connected_on=None)
    await one_draft(world)
    for colour, enterprise, status, code in (
        (RED, "E-001", 422, "override_too_far"),
        (GREEN, "E-001", 409, "override_unchanged"),
        (GREY, "E-001", 409, "grey_not_overridable"),
        (YELLOW, "E-002", 409, "grey_not_overridable"),
        (YELLOW, "E-009", 404, "not_in_list"),
    ):
        with pytest.raises(ServiceCallError) as refused:
            await move(world, colour, 1, enterprise_uuid(enterprise))
        assert (colour, enterprise, refused.value.status, refused.value.code) == (colour, enterprise, status, code)
    assert await world.rows("select count(*) from overrides") == [(0,)]


async def test_an_override_counts_from_the_computed_colour_and_can_be_taken_back(world: World):
    await one_draft(world)
    moved = await move(world, YELLOW, 1)
    with pytest.raises(ServiceCallError, match="one level at most"):
        await move(world, RED, moved.version)
    back = await move(world, GREEN, moved.version)

    (row,) = back.rows
    assert (back.version, row.colour, row.overridden_by, row.reasons) == (3, GREEN, None, [])
    kept = await world.rows("select from_colour, to_colour, version, ended_by from overrides order by made_at, version")
    assert kept == [("green", "yellow", 1, "withdrawn"), ("green", "green", 2, "withdrawal")]


async def test_an_override_lives_on_in_the_next_draft_while_it_fits(world: World):
    await one_draft(world)
    await move(world, YELLOW, 1)
    again = await world.officer.draft_list(QUARTER)
    assert (again.version, again.rows[0].colour, again.rows[0].overridden_by) == (3, YELLOW, "wang")
    assert again.counts == {GREEN: 0, YELLOW: 1, RED: 0, GREY: 0}

    await world.finding("F-1")
    await world.finding("F-2")
    await world.catch_up()
    worse = await world.officer.draft_list(QUARTER)
    assert (worse.rows[0].colour, worse.rows[0].overridden_by) == (RED, None)
    assert [reason.code for reason in worse.rows[0].reasons] == ["veto", "cannot_be_green", "override_lapsed"]
    assert await world.rows("select ended_by from overrides") == [("lapsed",)]


async def test_an_imported_list_is_in_force_and_counts_for_the_next(world: World):
    await world.enterprise("E-001")  # grading has not read the feed yet: it asks ingest
    taken = ImportList(rows=[ImportRow(enterprise_id=ONE, p=60, colour=RED)], note="二季度纸质清单")
    imported = await world.officer.import_list("2026Q2", taken)
    (row,) = imported.rows
    assert (imported.version, imported.state, imported.interim, row.enterprise_code) == (1, "published", False, "E-001")
    assert [(reason.code, reason.params) for reason in row.reasons] == [("imported", {"note": "二季度纸质清单"})]
    assert (await world.officer.get_grade(ONE)).colour is RED

    await world.catch_up()
    (row,) = (await world.officer.draft_list(QUARTER)).rows
    assert (row.p, row.p_smoothed, row.risk) == (100, 88.2353, 11.7647)
    assert (row.previous, row.colour) == (RED, GREEN)
    with pytest.raises(ServiceCallError) as refused:
        await world.officer.import_list("2026Q2", taken)
    assert (refused.value.status, refused.value.code) == (409, "already_published")


async def test_an_older_import_changes_no_colour_in_force(world: World):
    draft = await one_draft(world)
    await world.officer.publish(QUARTER, Publication(), draft.version)
    old = ImportList(rows=[ImportRow(enterprise_id=ONE, colour=RED)], note="一季度纸质清单")
    await world.officer.import_list("2026Q1", old)

    assert (await world.officer.get_grade(ONE)).colour is GREEN
    changed = await world.rows("select data->>'colour' from outbox where type = 'grading.colour.changed.v1'")
    assert changed == [("green",)]


async def test_imports_refused(world: World):
    await world.enterprise("E-001")
    for ids, code in (([ONE, ONE], "invalid"), ([ONE, enterprise_uuid("E-404")], "unknown_enterprise")):
        taken = ImportList(rows=[ImportRow(enterprise_id=each, colour=RED) for each in ids], note="二季度纸质清单")
        with pytest.raises(ServiceCallError) as refused:
            await world.officer.import_list("2026Q2", taken)
        assert (refused.value.status, refused.value.code) == (422, code)
    assert await world.rows("select count(*) from lists") == [(0,)]


async def test_there_is_no_list_of_the_future(world: World):
    with pytest.raises(ServiceCallError) as refused:
        await world.officer.draft_list("2027Q1")
    assert (refused.value.status, refused.value.code) == (409, "quarter_not_begun")
    assert world.asked == []


async def test_what_is_not_there(world: World):
    for path, status in (
        (f"/v1/lists/{QUARTER}", 404), ("/v1/lists/latest", 422), ("/v1/lists/2026Q5", 422), ("/v1/lists/x", 422),
        ("/v1/lists/latest/public", 404), (f"/v1/lists/{QUARTER}/public", 404), ("/v1/lists/2026/public", 422),
        (f"/v1/lists/{QUARTER}?state=superseded", 422), (f"/v1/grades/{ONE}", 404), ("/v1/grades/x", 422),
    ):  # fmt: skip
        answer = await world.http("GET", path, Role.OFFICER)
        assert (path, answer.status_code) == (path, status)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_without_ingest_no_draft_is_made(world: World):
    with pytest.raises(ServiceCallError) as refused:
        await world.officer.draft_list(QUARTER)
    assert (refused.value.status, refused.value.code) == (503, "upstream_unreachable")


async def test_scheduled_drafts(world: World):
    await world.enterprise("E-001")
    measured, world.completeness = world.completeness, {}
    world.clock.set(AS_OF + 3 * DAY + 23 * HOUR)
    assert await make_due_drafts(world.app) == 0  # nothing is measured yet: the slot is kept
    world.completeness = measured
    await world.catch_up()
    assert await make_due_drafts(world.app) == 1
    assert await drafts(world) == [("2026Q4", 1, "draft")]

    world.clock.set(NOW)  # D+4 is past
    assert await make_due_drafts(world.app) == 2
    assert await drafts(world) == [("2026Q3", 1, "draft"), ("2026Q4", 2, "draft"), ("2026Q4", 1, "superseded")]
    asked = len(world.asked)
    assert await make_due_drafts(world.app) == 0
    assert len(world.asked) == asked

    await world.officer.publish(QUARTER, Publication(), 1)
    world.clock.advance(DAY)
    assert await make_due_drafts(world.app) == 1
    assert (await drafts(world))[0] == ("2026Q3", 1, "published")
    assert await world.rows("select payload::jsonb->>'actor' from audit_entry where id = 1") == [("system",)]


async def drafts(world: World) -> list[tuple[Any, ...]]:
    return await world.rows("select quarter, version, state from lists order by quarter, version desc")
