"""Parameters of analysers that change are kept, each once, with whether the dossier knows of it."""

from datetime import timedelta

import pytest

from services.ingest.domain.field import Info
from services.ingest.domain.parameters import Told, find_changes
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.dossier import AnalyserIn
from tests.ingest.conftest import Ingest
from tests.ingest.test_field import AT, MINUTE, MN, follow, send, state

RANGE, SLOPE, INTERCEPT = "i13001", "i13008", "i13007"


@pytest.mark.parametrize(
    ("code", "before", "after", "counts"),
    [
        (RANGE, "100", "200", True),
        (SLOPE, "1.0", "1.00", False),
        (SLOPE, "1.0", "0.9", True),
        (RANGE, "0-100", "0-100 ", False),
        (RANGE, "0-100", "0-200", True),
        ("i12001", "0", "1", False),
    ],
)
def test_a_change_is_another_value_of_a_watched_parameter(code: str, before: str, after: str, *, counts: bool) -> None:
    known = {("w01018", code): Told(before, AT)}

    assert bool(find_changes(known, [Info("w01018", code, after)], AT + MINUTE)) == counts
    assert find_changes(known, [Info("w01018", code, after)], AT - MINUTE) == []
    assert find_changes({}, [Info("w01018", code, after)], AT) == []


async def test_a_change_is_told_once_however_often_it_is_sent(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    frames = [state(AT, 100, code=RANGE), state(AT + MINUTE, 200, code=RANGE), state(AT + MINUTE, 200, code=RANGE)]
    await send(ingest, *frames, state(AT + 2 * MINUTE, 200, code=RANGE), state(AT, 3, code=SLOPE))
    await follow(ingest)
    await send(ingest, frames[1])
    await follow(ingest)

    (change,) = (await ingest.client.list_parameter_changes(outlet_id=outlet_id)).items
    assert (change.factor, change.code, change.before, change.after, change.at, change.registered) == (
        "w01018", RANGE, "100", "200", AT + MINUTE, False,
    )  # fmt: skip


async def test_an_entry_of_the_analyser_near_the_change_registers_it(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    await send(ingest, state(AT, 1, code=SLOPE), state(AT + MINUTE, 2, code=SLOPE))
    await send(ingest, state(AT, 1, "w21003", SLOPE), state(AT + MINUTE, 2, "w21003", SLOPE))
    await follow(ingest)
    await ingest.client.put_entry(AnalyserIn(outlet_id=outlet_id, factor="w21003", serial="S1"))

    found = (await ingest.client.list_parameter_changes()).items
    assert {one.factor: one.registered for one in found} == {"w01018": False, "w21003": True}
    assert (await ingest.client.list_parameter_changes(since=AT + timedelta(minutes=2))).items == []


async def test_pages_walk_every_change_and_a_firm_sees_its_own(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    for number in range(4):
        await send(ingest, state(AT + number * MINUTE, number, code=INTERCEPT))
        await follow(ingest)
    first = await ingest.client.list_parameter_changes(limit=2)
    rest = await ingest.client.list_parameter_changes(limit=2, cursor=first.next)
    other = await ingest.enterprise("E2")
    stranger = ingest.as_(Role.ENTERPRISE, enterprise_id=other)
    owner = ingest.as_(Role.ENTERPRISE, enterprise_id=first.items[0].enterprise_id)

    assert [one.after for one in (*first.items, *rest.items)] == ["3", "2", "1"]
    assert (await stranger.list_parameter_changes()).items == []
    assert len((await owner.list_parameter_changes()).items) == 3
    with pytest.raises(ServiceCallError) as refused:
        await stranger.list_parameter_changes(enterprise_id=first.items[0].enterprise_id)
    assert refused.value.status in {403, 404}
