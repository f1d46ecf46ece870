"""What people do with thresholds: propose, accept, freeze; who may, and what is refused."""

from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from shared.audit import verify
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clients.detection import DetectionClient
from shared.contracts.detection.thresholds import (
    ThresholdDetail,
    ThresholdEvent,
    ThresholdProposal,
    ThresholdState,
    VersionState,
)
from shared.contracts.ingest import ReadingKind, enterprise_uuid
from tests.detection.conftest import COD, World, at
from tests.detection.test_thresholds import CONST, HOUR_MEAN, MIDNIGHT, W1, W2, begin, made, refusal


async def test_one_proposes_another_accepts_and_it_is_written_down(world: World):
    await begin(world, days=1)
    supervisor, officer = world.as_(Role.SUPERVISOR), world.as_(Role.OFFICER)
    one = await supervisor.propose_first_threshold(made())
    assert (one.state, one.proposal, one.numbers, [offer.event for offer in one.allowed]) == (
        ThresholdState.PROPOSED, {"min_hours": 20}, {"min_hours": 6}, [],
    )  # fmt: skip
    assert (await supervisor.propose_first_threshold(made())).version == 1
    assert await refusal(supervisor.propose_first_threshold(made(numbers={"min_hours": 21.0}))) == (
        409, "threshold_exists",
    )  # fmt: skip

    offered = {offer.event for offer in (await officer.get_threshold(CONST)).allowed}
    assert offered == {ThresholdEvent.ACCEPT, ThresholdEvent.REFUSE}
    assert await refusal(officer.decide_threshold(CONST, ThresholdEvent.REFUSE, 1)) == (422, "invalid")
    assert await refusal(officer.decide_threshold(CONST, ThresholdEvent.ACCEPT, 7)) == (412, "stale_version")
    accepted = await officer.decide_threshold(CONST, ThresholdEvent.ACCEPT, 1)
    assert (accepted.state, accepted.versions[0].valid_from) == (ThresholdState.FROZEN, at(24) + MIDNIGHT)

    again = await supervisor.propose_threshold(CONST, 2, ThresholdProposal(numbers={"min_hours": 12.0}, reason="缩短"))
    refused = await officer.decide_threshold(CONST, ThresholdEvent.REFUSE, again.version, "不必")
    assert (refused.state, [version.state for version in refused.versions]) == (
        ThresholdState.FROZEN, [VersionState.REFUSED, VersionState.COMING],
    )  # fmt: skip
    rows = await world.rows("select action from audit_entry order by id")
    assert [row[0] for row in rows] == [f"threshold.{event}" for event in ("propose", "accept", "propose", "refuse")]
    async with world.app.state.db.transaction() as session:
        assert (await verify(session)).broken_at is None


async def test_nobody_accepts_their_own_proposal(world: World):
    await begin(world, days=1)
    officer = world.as_(Role.OFFICER)
    one = await officer.propose_first_threshold(made())

    assert await refusal(officer.decide_threshold(one.id, ThresholdEvent.ACCEPT, 1)) == (409, "blocked")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"numbers": {"min_hours": 61.0}}, "numbers.min_hours"),
        ({"numbers": {"min_hours": 0.0}}, "numbers.min_hours"),
        ({"numbers": {"floor": 1.0}}, "numbers.floor"),
        ({"rule": "EX-H", "numbers": {"valid_minutes": 10.0}}, "numbers.valid_minutes"),
        ({"rule": "NONE"}, "rule"),
        ({"kind": ReadingKind.DAY}, "rule"),
        ({"outlet_id": uuid4()}, "outlet_id"),
        ({"factor": "w99999"}, "factor"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_a_bad_proposal_is_refused_by_field(world: World, fields: dict[str, Any], where: str):
    await begin(world, days=1)
    with pytest.raises(ServiceCallError) as refused:
        await world.as_(Role.SUPERVISOR).propose_first_threshold(made(**fields))

    assert refused.value.status == 422
    assert [error["where"] for error in refused.value.context["errors"]] == [where]


async def test_an_enterprise_sees_its_own_only_and_changes_none(world: World):
    await begin(world, days=1)
    supervisor = world.as_(Role.SUPERVISOR)
    own = await supervisor.propose_first_threshold(made())
    foreign = await supervisor.propose_first_threshold(made(outlet_id=W2))
    firm = world.as_(Role.ENTERPRISE, enterprise="E1")

    assert [one.id for one in (await firm.list_thresholds()).items] == [own.id]
    assert (await firm.list_thresholds(enterprise_id=enterprise_uuid("E2"))).items == []
    assert (await firm.list_thresholds(outlet_id=W2)).items == []
    assert (await firm.get_threshold(own.id)).allowed == []
    assert await refusal(firm.get_threshold(foreign.id)) == (404, "threshold_not_found")
    assert await refusal(firm.get_threshold(uuid4())) == (404, "threshold_not_found")
    for call in writes(firm, own):
        assert await refusal(call) == (403, "forbidden")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.SERVICE])
async def test_who_only_reads(world: World, role: Role):
    await begin(world, days=1)
    one = await world.as_(Role.SUPERVISOR).propose_first_threshold(made())
    client = world.as_(role)

    assert (await client.get_threshold(one.id)).allowed == []
    for call in writes(client, one):
        assert await refusal(call) == (403, "forbidden")


def writes(client: DetectionClient, one: ThresholdDetail) -> list[Any]:
    proposal = ThresholdProposal(numbers={"min_hours": 9.0}, reason="x")
    return [client.propose_first_threshold(made()), client.propose_threshold(one.id, one.version, proposal),
            *(client.decide_threshold(one.id, event, one.version, "x")
              for event in (ThresholdEvent.ACCEPT, ThresholdEvent.REFUSE, ThresholdEvent.FREEZE,
                            ThresholdEvent.RELEASE))]  # fmt: skip


async def test_pages_hold_everything_once_and_filters_select(world: World):
    await begin(world, days=1)
    client, numbers = world.as_(Role.SUPERVISOR), count(10)
    for rule in ("CONST", "ZERO"):
        for outlet in (W1, W2):
            await client.propose_first_threshold(
                made(outlet_id=outlet, rule=rule, numbers={"min_hours": float(next(numbers))})
            )
    found, cursor = [], None
    while True:
        page = await client.list_thresholds(cursor=cursor, limit=1)
        found += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert len(found) == len(set(found)) == 4
    assert len((await client.list_thresholds(outlet_id=W1, rule="ZERO", factor=COD, kind=HOUR_MEAN)).items) == 1
    assert (await client.list_thresholds(state=ThresholdState.FROZEN)).items == []
    answer = await world.http("/v1/thresholds?cursor=nonsense", Role.SUPERVISOR)
    assert answer.status_code == 422
