"""What a successful command changes here, and the commands the platform gives by itself."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
from sqlalchemy import text

from services.ingest.hj212.codec import Edition, Packet, answer
from services.ingest.service.command_work import correct_clocks
from shared.auth import Role
from shared.contracts.ingest import DeviceIn
from shared.contracts.ingest.commands import CommandIn, CommandOrigin, CommandOut, CommandSettingIn
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.loggers import MN, Logger, gateway_with_desk, logger, obedient, silent, until

QN = "20260301120000777"


async def device_of(ingest: Ingest, edition: str = "2017") -> UUID:
    outlet = await ingest.outlet()
    return (await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, edition=edition))).id


async def give(ingest: Ingest, device: UUID, code: str, reason: str = "", **params: str | int) -> CommandOut:
    return await ingest.client.send_command(CommandIn(device_id=device, code=code, params=params, reason=reason))


async def test_a_password_changes_only_after_success(ingest: Ingest) -> None:
    device = await device_of(ingest)
    officer, other = ingest.as_(Role.OFFICER), ingest.as_(Role.OFFICER, name="second")
    order = CommandIn(device_id=device, code="set_password", params={"password": "ab12CD"}, reason="年度更换")
    made = await officer.send_command(order)
    assert made.state.value == "awaiting_approval"
    await other.approve_command(made.id, made.version)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as station:
        await until(ingest, made.id, "sent")
        assert await _password(ingest) is None
        station.writer.write(answer(station.asked[0], "9011", 1) + answer(station.asked[0], "9012", 1))
        done = await until(ingest, made.id, "done")

    assert station.asked[0].param("NewPW") == "ab12CD"
    assert await _password(ingest) == "ab12CD"
    assert "ab12CD" not in done.model_dump_json()


async def test_the_answer_may_come_with_the_new_password(ingest: Ingest) -> None:
    device = await device_of(ingest)
    outlet = (await ingest.client.list_outlets()).items[0].id
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, password="123456"))
    officer, other = ingest.as_(Role.OFFICER), ingest.as_(Role.OFFICER, name="second")
    order = CommandIn(device_id=device, code="set_password", params={"password": "ab12CD"}, reason="年度更换")
    made = await officer.send_command(order)
    await other.approve_command(made.id, made.version)

    def hasty(station: Logger, packet: Packet) -> list[bytes]:
        first = answer(packet, "9011", 1)
        station.pw = "ab12CD"
        return [first, answer(packet._replace(pw="ab12CD"), "9012", 1), station.upload("2011", NOW, QN)]

    async with gateway_with_desk(ingest) as server, logger(server, hasty):
        await until(ingest, made.id, "done")
        async with asyncio.timeout(10):
            while len([line for line in await _journal(ingest) if line == ("2011", "stored")]) < 2:
                await asyncio.sleep(0.02)
    assert all(status != "quarantined" for _, status in await _journal(ingest))
    assert await _password(ingest) == "ab12CD"


async def _journal(ingest: Ingest) -> list[tuple[str | None, str]]:
    return [(line.cn, line.status.value) for line in (await ingest.client.list_packets()).items]


async def test_a_key_becomes_the_devices_after_success(ingest: Ingest) -> None:
    device = await device_of(ingest, "2025")
    officer, other = ingest.as_(Role.OFFICER), ingest.as_(Role.OFFICER, name="second")
    order = CommandIn(device_id=device, code="set_key", params={"key": "0123456789ABCDEF"}, reason="90 天轮换")
    made = await officer.send_command(order)
    await other.approve_command(made.id, made.version)
    async with gateway_with_desk(ingest) as server, logger(server, obedient, edition=Edition.V2025):
        before = (await ingest.client.get_device(device)).settings.has_key
        done = await until(ingest, made.id, "done")

    assert (before, (await ingest.client.get_device(device)).settings.has_key) == (False, True)
    assert "0123456789ABCDEF" not in done.model_dump_json()


async def test_a_clock_that_is_off_is_set_once_an_hour(ingest: Ingest) -> None:
    device = await device_of(ingest)
    state = ingest.app.state

    async def look(skew: float) -> int:
        async with state.db.transaction() as session:
            await session.execute(
                text(
                    "insert into device_link(device_id, state, skew, skew_at, clock_off, peer, editions, last_by_cn,"
                    " lines) values(:id, 'online', :skew, :at, false, '', '{}', '{}', '[]') on conflict(device_id)"
                    " do update set skew = excluded.skew, skew_at = excluded.skew_at"
                ),
                {"id": device, "skew": skew, "at": ingest.clock.now()},
            )
            await correct_clocks(session, ingest.clock.now())
        return len((await ingest.client.list_commands(code="calibrate_time")).items)

    counts = [await look(skew) for skew in (29.0, -31.0, -31.0)]
    (made,) = (await ingest.client.list_commands()).items
    await ingest.client.cancel_command(made.id, made.version)
    counts.append(await look(-31.0))
    ingest.clock.advance(timedelta(minutes=61))
    counts.append(await look(-31.0))

    assert made.origin is CommandOrigin.CLOCK_SKEW
    assert counts == [0, 1, 1, 1, 2]


async def _password(ingest: Ingest) -> str | None:
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        assert "ab12CD" not in str(await connection.fetch("select payload from audit_entry"))
        return str(value) if (value := await connection.fetchval("select password from device")) else None
    finally:
        await connection.close()


async def test_a_device_that_asks_for_the_time_gets_it_once(ingest: Ingest) -> None:
    await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, obedient) as station:
        for second in range(3):
            station.writer.write(station.tell("1013", f"2026030112000{second}000"))
        async with asyncio.timeout(10):
            while not station.asked:
                await asyncio.sleep(0.02)
        (made,) = (await ingest.client.list_commands()).items
        await until(ingest, made.id, "done")

    assert made.origin is CommandOrigin.CLOCK_REQUEST
    assert station.asked[0].param("SystemTime") == "20260301120000"


async def test_the_first_connection_gives_the_sequence_of_the_standard(ingest: Ingest) -> None:
    device = await device_of(ingest)
    await ingest.client.set_command_setting(device, CommandSettingIn(initialise=True))
    async with gateway_with_desk(ingest) as server, logger(server, obedient) as station:
        async with asyncio.timeout(10):
            while len(station.asked) < 6:
                await asyncio.sleep(0.02)
    setting = await ingest.client.get_command_setting(device)

    assert [packet.cn for packet in station.asked] == ["1012", "1000", "1062", "1064", "2011", "2021"]
    assert setting.initialised_at == NOW
