"""Commands over the API: what is on offer, who may, four eyes, tenancy, gaps, audit."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.ingest.domain.commands.policy import policy
from services.ingest.service.gaps import HistoryFetcher
from services.ingest.store.commands import CHANNEL
from shared import audit
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn, ReadingKind
from shared.contracts.ingest.commands import COMMAND_CHANGED, CommandIn, CommandOut, CommandSettingIn, CommandState
from shared.db import plain_dsn, raw
from tests.ingest.conftest import NOW, Ingest

HOUR = timedelta(hours=1)
MN = "010000A8900016F000169DC0"
SECRET = {"password": "ab12CD"}


async def device_of(ingest: Ingest, mn: str = MN, enterprise: str = "E1", edition: str = "2017") -> UUID:
    outlet = await ingest.outlet(enterprise=enterprise)
    return (await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=mn, edition=edition))).id


async def fetch_order(device: UUID, reason: str = "") -> CommandIn:
    return CommandIn(device_id=device, code="read_time", reason=reason)


async def refused(call: object) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as caught:
        await call  # type: ignore[misc]
    return caught.value.status, caught.value.code


async def test_the_catalogue_says_what_is_needed(ingest: Ingest) -> None:
    kinds = {kind.code: kind for kind in await ingest.client.command_catalogue()}

    interval = kinds["set_realtime_interval"].parameters[0]
    assert (interval.least, interval.most, interval.unit) == (30, 3600, "s")
    assert {code for code, kind in kinds.items() if kind.needs_approval} == {
        "set_parameter", "set_password", "set_key",
    }  # fmt: skip
    assert {code for code, kind in kinds.items() if kind.dangerous} <= {
        code for code, kind in kinds.items() if kind.needs_reason and not kind.repeats
    }
    assert {kind.cn for kind in kinds.values()} >= {
        "1000", "1002", "1011", "1012", "1014", "1061", "1062", "1063", "1064", "1072", "2011", "2012", "2021", "2022",
        "2031", "2041", "2051", "2061", "3011", "3012", "3013", "3014", "3015", "3016", "3017", "3018", "3019", "3020",
        "3021", "3022", "3024",
    }  # fmt: skip


WRONG = {
    "unknown": ("fly", {}, "code"),
    "too small": ("set_realtime_interval", {"seconds": 29}, "params.seconds"),
    "too large": ("set_realtime_interval", {"seconds": 3601}, "params.seconds"),
    "not allowed": ("set_minute_interval", {"minutes": 7}, "params.minutes"),
    "missing": ("sample_now", {}, "params.factor"),
    "foreign factor": ("sample_now", {"factor": "a21026"}, "params.factor"),
    "unknown parameter": ("read_time", {"speed": 3}, "params.speed"),
    "of another edition": ("keep_sample_now", {"factor": "w01018"}, "code"),
    "reversed": ("fetch_hours", {"since": "2026-03-01T02:00Z", "until": "2026-03-01T01:00Z"}, "params.until"),
    "too long": ("fetch_minutes", {"since": "2026-02-01T02:00Z", "until": "2026-03-01T01:00Z"}, "params.until"),
    "without zone": ("fetch_minutes", {"since": "2026-02-01T02:00", "until": "2026-02-01T03:00Z"}, "params.since"),
    "breaks the frame": ("set_parameter", {"info": "i13007", "value": "1;PW=2"}, "params.value"),
    "a log is no parameter": ("read_parameter", {"info": "i11001"}, "params.info"),
}


async def test_a_wrong_order_says_what_is_wrong(ingest: Ingest) -> None:
    device = await device_of(ingest)
    for case, (code, params, where) in WRONG.items():
        order = CommandIn(device_id=device, code=code, params=params, reason="理由")
        with pytest.raises(ServiceCallError) as caught:
            await ingest.client.send_command(order)
        said = caught.value.context
        named = {said.get("field"), *(item["where"] for item in said.get("errors", []))}
        assert (caught.value.status, where in named) == (422, True), (case, said)

    assert (await ingest.client.list_commands()).items == []


async def test_a_dangerous_one_needs_a_reason(ingest: Ingest) -> None:
    device = await device_of(ingest)
    order = CommandIn(device_id=device, code="calibrate_zero_span", params={"factor": "w01018"})

    assert await refused(ingest.client.send_command(order)) == (422, "invalid")


async def test_four_eyes(ingest: Ingest) -> None:
    device = await device_of(ingest)
    officer = ingest.as_(Role.OFFICER, name="first")
    order = CommandIn(device_id=device, code="set_password", params=SECRET, reason="年度更换")
    made = await officer.send_command(order)
    lead = ingest.as_(Role.SUPERVISOR_LEAD, name="lead")

    assert made.state is CommandState.AWAITING_APPROVAL
    assert [(offer.event.value, offer.blocked) for offer in made.allowed] == [
        ("approve", "own_command"), ("cancel", None),
    ]  # fmt: skip
    assert await refused(officer.approve_command(made.id, made.version)) == (409, "blocked")
    assert await refused(ingest.client.approve_command(made.id, made.version)) == (403, "forbidden")
    assert await refused(lead.approve_command(made.id, made.version)) == (403, "forbidden")
    second = ingest.as_(Role.ADMIN, name="管理员")
    approved = await second.approve_command(made.id, made.version, "已核对")
    assert (approved.state, approved.approved_by and approved.approved_by.name) == (CommandState.QUEUED, "管理员")
    assert await refused(second.cancel_command(made.id, made.version)) == (412, "stale_version")
    assert "ab12CD" not in approved.model_dump_json()


async def test_cancelled_before_it_is_sent(ingest: Ingest) -> None:
    device = await device_of(ingest)
    made = await ingest.client.send_command(await fetch_order(device))
    gone = await ingest.client.cancel_command(made.id, made.version, "不再需要")

    assert (gone.state, gone.final, gone.allowed) == (CommandState.CANCELLED, True, [])
    assert await refused(ingest.client.cancel_command(made.id, gone.version)) == (409, "illegal_transition")


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.SUPERVISOR, 403), (Role.AUDITOR, 403), (Role.SECTION_HEAD, 403), (Role.SUPERVISOR_LEAD, 201)],
)
async def test_only_roles_that_may(ingest: Ingest, role: Role, status: int) -> None:
    device = await device_of(ingest)
    client = ingest.as_(role)
    order = await fetch_order(device)

    if status == httpx.codes.CREATED:
        assert (await client.send_command(order)).state is CommandState.QUEUED
        changing = CommandIn(
            device_id=device, code="set_parameter", params={"info": "i13007", "value": "1"}, reason="x"
        )
        assert await refused(client.send_command(changing)) == (403, "forbidden")
    else:
        assert await refused(client.send_command(order)) == (status, "forbidden")
        assert (await client.list_commands()).items == []


async def test_an_enterprise_sees_its_own_and_gives_none(ingest: Ingest) -> None:
    mine, foreign = await device_of(ingest), await device_of(ingest, "MN2", "E2")
    own = await ingest.client.send_command(await fetch_order(mine))
    other = await ingest.client.send_command(await fetch_order(foreign))
    firm = ingest.as_(Role.ENTERPRISE, enterprise_id=own.enterprise_id)
    outlet = own.outlet_id

    assert [item.id for item in (await firm.list_commands()).items] == [own.id]
    assert (await firm.get_command(own.id)).allowed == []
    assert await refused(firm.get_command(other.id)) == (404, "not_found")
    assert await refused(firm.send_command(await fetch_order(mine))) == (403, "forbidden")
    assert await refused(firm.cancel_command(own.id, own.version)) == (403, "forbidden")
    assert await refused(firm.approve_command(own.id, own.version)) == (403, "forbidden")
    assert (await firm.get_command_setting(mine)).calibrate_clock
    assert await refused(firm.get_command_setting(foreign)) == (404, "not_found")
    assert await refused(firm.set_command_setting(mine, CommandSettingIn())) == (403, "forbidden")
    assert (await firm.list_gaps(outlet, ReadingKind.HOUR, NOW - HOUR * 3, NOW)).gaps
    assert await refused(firm.list_gaps(other.outlet_id, ReadingKind.HOUR, NOW - HOUR, NOW)) == (404, "not_found")


async def test_the_same_key_gives_the_same_command(ingest: Ingest) -> None:
    device = await device_of(ingest)
    order = await fetch_order(device)
    first, again = [await ingest.client.send_command(order, "k") for _ in range(2)]

    assert first.id == again.id
    assert len((await ingest.client.list_commands()).items) == 1
    changed = await fetch_order(device, "other")
    assert await refused(ingest.client.send_command(changed, "k")) == (422, "idempotency_key_reused")


async def test_lists_page_and_filter(ingest: Ingest) -> None:
    device = await device_of(ingest)
    made = [await ingest.client.send_command(await fetch_order(device)) for _ in range(5)]
    await ingest.client.cancel_command(made[0].id, made[0].version)
    first = await ingest.client.list_commands(limit=3)
    second = await ingest.client.list_commands(limit=3, cursor=first.next)

    assert [item.id for item in (*first.items, *second.items)] == [item.id for item in reversed(made)]
    assert second.next is None
    assert len((await ingest.client.list_commands(open_=True, mn=MN)).items) == 4
    assert len((await ingest.client.list_commands(state=CommandState.CANCELLED)).items) == 1
    assert (await ingest.client.list_commands(code="set_timeouts", device_id=device)).items == []


async def test_unknown_and_inactive_devices(ingest: Ingest) -> None:
    device = await device_of(ingest)
    outlet = (await ingest.client.list_outlets()).items[0].id
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, active=False))

    assert await refused(ingest.client.send_command(await fetch_order(device))) == (409, "device_inactive")
    assert await refused(ingest.client.send_command(await fetch_order(uuid4()))) == (404, "device_not_found")
    assert await refused(ingest.client.get_command(uuid4())) == (404, "command_not_found")


async def test_every_step_leaves_an_audit_row_and_an_event(ingest: Ingest) -> None:
    device = await device_of(ingest)
    made = await ingest.client.send_command(await fetch_order(device))
    await ingest.client.cancel_command(made.id, made.version, "不再需要")
    feed = ingest.client.as_user(ingest.tokens.token(Role.SERVICE))
    events = await feed.get_json("/v1/feed", after=0, limit=100)
    async with ingest.app.state.db.transaction() as session:
        rows = await audit.entries(session, subject=f"command:{made.id}")

    assert [(row.payload["action"], row.payload["reason"]) for row in reversed(rows)] == [
        ("command.requested", ""), ("command.cancelled", "不再需要"),
    ]  # fmt: skip
    states = [event["data"]["state"] for event in events if event["type"] == COMMAND_CHANGED]
    assert states == ["queued", "cancelled"]


async def test_a_new_command_wakes_the_gateway(ingest: Ingest) -> None:
    device = await device_of(ingest)
    woken: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        await connection.add_listener(CHANNEL, lambda *given: woken.put_nowait(given[-1]))
        await ingest.client.send_command(await fetch_order(device))
        assert await asyncio.wait_for(woken.get(), 5) == MN
    finally:
        await connection.close()


async def fill(ingest: Ingest, outlet: UUID, kind: ReadingKind, hours: list[int]) -> None:
    start = NOW.replace(minute=0) - timedelta(hours=48)
    await ingest.send(outlet, kind, *((start + HOUR * hour, {"w01018": 1.0, "w21003": 2.0}) for hour in hours))


async def test_gaps_are_found_and_joined(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    start = NOW - timedelta(hours=48)
    await fill(ingest, outlet, ReadingKind.HOUR, [0, 1, 2, 6, 7, 9])
    found = await ingest.client.list_gaps(outlet, ReadingKind.HOUR, start, start + HOUR * 10)

    assert (found.expected, found.received) == (10, 6)
    assert [((gap.since - start) // HOUR, (gap.until - start) // HOUR, gap.missing) for gap in found.gaps] == [
        (3, 6, 3), (8, 9, 1),
    ]  # fmt: skip
    assert await refused(ingest.client.list_gaps(outlet, ReadingKind.DAY, start, NOW)) == (422, "invalid")
    too_long = ingest.client.list_gaps(outlet, ReadingKind.MINUTE, NOW - timedelta(days=9), NOW)
    assert await refused(too_long) == (413, "too_large")


async def connected(ingest: Ingest) -> tuple[UUID, UUID]:
    """A device that was heard of just now, and its outlet."""
    outlet = await ingest.outlet()
    device = (await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN))).id
    async with ingest.app.state.db.transaction() as session:
        await (await raw(session)).execute("update device set last_seen_at = $1", ingest.clock.now())
    return device, outlet


async def orders(ingest: Ingest) -> list[CommandOut]:
    return (await ingest.client.list_commands()).items


async def test_missing_hours_are_asked_for_once_and_with_growing_pauses(ingest: Ingest) -> None:
    device, outlet = await connected(ingest)
    await fill(ingest, outlet, ReadingKind.HOUR, [hour for hour in range(48) if hour not in (20, 21)])
    state = ingest.app.state
    fetcher = HistoryFetcher(state.db, state.intake, state.clock)
    await fetcher.run()
    await fetcher.run()
    (first,) = await orders(ingest)
    gap = NOW - timedelta(hours=48) + HOUR * 20
    tries = [1]
    for _ in range(12):
        for item in await orders(ingest):
            if not item.final:
                await ingest.client.cancel_command(item.id, item.version)
        ingest.clock.advance(timedelta(hours=1))
        async with state.db.transaction() as session:
            await (await raw(session)).execute("update device set last_seen_at = $1", ingest.clock.now())
        await fetcher.run()
        tries.append(len([item for item in await orders(ingest) if item.params["since"] == gap.isoformat()]))

    assert (first.code, first.params, first.device_id) == (
        "fetch_hours", {"since": gap.isoformat(), "until": (gap + HOUR * 2).isoformat()}, device,
    )  # fmt: skip
    # After 30 min, 2 h and 8 h, seen once an hour; then no more.
    assert tries == [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4]
    assert policy().history_tries == 4


async def test_nobody_is_asked_who_never_sent_is_offline_or_switched_off(ingest: Ingest) -> None:
    device, outlet = await connected(ingest)
    state = ingest.app.state
    fetcher = HistoryFetcher(state.db, state.intake, state.clock)
    await fetcher.run()
    assert await orders(ingest) == []
    await fill(ingest, outlet, ReadingKind.HOUR, [0, 5])
    await ingest.client.set_command_setting(device, CommandSettingIn(fetch_history=False))
    await fetcher.run()
    assert await orders(ingest) == []
    await ingest.client.set_command_setting(device, CommandSettingIn())
    async with state.db.transaction() as session:
        await (await raw(session)).execute("update device set last_seen_at = $1", NOW - timedelta(minutes=30))
    await fetcher.run()

    assert await orders(ingest) == []
