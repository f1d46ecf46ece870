"""Who may see and do what: a table of every endpoint, and what an enterprise sees of each."""

from shared.auth import Role
from shared.contracts.grading import Colour, Override, Publication
from shared.contracts.ingest import enterprise_uuid
from tests.grading.conftest import QUARTER, World

ONE, TWO = enterprise_uuid("E-001"), enterprise_uuid("E-002")
OVERRIDE = {"enterprise_id": str(ONE), "colour": "yellow", "reason": "异味投诉属实"}
IMPORT = {"rows": [{"enterprise_id": str(ONE), "colour": "green"}], "note": "二季度纸质清单"}
NEEDS_SCOPE = [
    ("GET", "/v1/lists", None, "grades:read"),
    ("GET", f"/v1/lists/{QUARTER}", None, "grades:read"),
    ("GET", "/v1/grades", None, "grades:read"),
    ("GET", f"/v1/grades/{ONE}", None, "grades:read"),
    ("POST", f"/v1/lists/{QUARTER}/draft", None, "grades:write"),
    ("POST", f"/v1/lists/{QUARTER}/overrides", OVERRIDE, "grades:write"),
    ("POST", f"/v1/lists/{QUARTER}/publication", {}, "grades:publish"),
    ("POST", f"/v1/lists/{QUARTER}/import", IMPORT, "grades:publish"),
]
WITHOUT_WRITE = (Role.ENTERPRISE, Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.ADMIN, Role.AUDITOR, Role.SERVICE)


async def publish_two(world: World) -> None:
    await world.enterprise("E-001")
    await world.enterprise("E-002")
    await world.catch_up()
    draft = await world.officer.draft_list(QUARTER)
    await world.officer.publish(QUARTER, Publication(), draft.version)
    await world.officer.draft_list(QUARTER)


async def test_every_endpoint_needs_its_scope(world: World):
    for method, path, body, scope in NEEDS_SCOPE:
        nobody = await world.http(method, path, json=body)
        assert (path, nobody.status_code, nobody.json()["code"]) == (path, 401, "unauthenticated")
        if scope == "grades:read":
            continue
        for role in WITHOUT_WRITE:
            refused = await world.http(method, path, role, enterprise="E-001", json=body, headers={"If-Match": '"1"'})
            assert (path, role, refused.status_code, refused.json()["context"]) == (path, role, 403, {"scope": scope})
    assert world.asked == []


async def test_an_enterprise_sees_its_own_line_only(world: World):
    await publish_two(world)
    firm = world.firm("E-002")

    assert [row.enterprise_id for row in (await firm.get_list(QUARTER)).rows] == [TWO]
    assert [held.enterprise_id for held in await firm.list_colours()] == [TWO]
    own = await firm.get_grade(TWO)
    assert own.draft is not None
    assert (own.colour, own.draft.enterprise_id) == (Colour.GREEN, TWO)
    assert [each.version for each in await firm.list_lists()] == [1]  # its draft 2 is not told
    public = await world.http("GET", f"/v1/lists/{QUARTER}/public")
    assert len(public.json()["rows"]) == 2


async def test_an_enterprise_is_refused(world: World):
    await publish_two(world)
    for path, status, code in (
        (f"/v1/grades/{ONE}", 404, "not_found"),
        (f"/v1/lists/{QUARTER}?state=draft", 403, "forbidden"),
        ("/v1/feed", 403, "forbidden"),
    ):
        answer = await world.http("GET", path, Role.ENTERPRISE, enterprise="E-002")
        assert (path, answer.status_code, answer.json()["code"]) == (path, status, code)


async def test_people_without_an_enterprise_in_an_enterprise_organisation_see_nothing(world: World):
    await publish_two(world)
    lost = world.as_(Role.ENTERPRISE, name="lost")

    assert await lost.list_colours() == []
    assert (await lost.get_list(QUARTER)).rows == []


async def test_supervisors_see_drafts(world: World):
    await publish_two(world)
    supervisor = world.as_(Role.SUPERVISOR)

    assert len((await supervisor.get_list(QUARTER, state="draft")).rows) == 2
    assert (await supervisor.get_grade(ONE)).draft is not None
    assert [each.version for each in await supervisor.list_lists()] == [2, 1]


async def test_who_overrides_does_not_publish(world: World):
    await publish_two(world)
    wish = Override(enterprise_id=ONE, colour=Colour.YELLOW, reason="异味投诉属实")
    moved = await world.officer.override(QUARTER, wish, 2)

    body: dict[str, str] = {}
    headers = {"If-Match": f'"{moved.version}"', **world.tokens.headers(Role.OFFICER, name="wang")}
    refused = await world.http("POST", f"/v1/lists/{QUARTER}/publication", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "four_eyes")
    assert (await world.head.publish(QUARTER, Publication(), moved.version)).counts[Colour.YELLOW] == 1
