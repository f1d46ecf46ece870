"""Commands end to end: API, gateway, sockets, a logger's answers, the state that follows."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.ingest.domain.commands.policy import policy
from services.ingest.hj212.codec import Edition, Packet, answer, frame
from services.ingest.hj212.gateway.desk import Desk
from services.ingest.hj212.gateway.sessions import Sessions
from services.ingest.service.command_desk import CommandDesk, Waiting
from shared.contracts.ingest import DeviceIn, ReadingKind
from shared.contracts.ingest.commands import CommandIn, CommandOrigin, CommandOut
from shared.db import Database
from tests.ingest.conftest import Ingest
from tests.ingest.loggers import MN, Logger, gateway_with_desk, logger, obedient, run_out, silent, until

QN = "20260301120000777"


async def device_of(ingest: Ingest, edition: str = "2017") -> UUID:
    outlet = await ingest.outlet()
    return (await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, edition=edition))).id


async def give(ingest: Ingest, device: UUID, code: str, reason: str = "", **params: str | int) -> CommandOut:
    return await ingest.client.send_command(CommandIn(device_id=device, code=code, params=params, reason=reason))


async def test_a_setting_is_sent_answered_and_done(ingest: Ingest) -> None:
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, obedient) as station:
        made = await give(ingest, device, "set_realtime_interval", seconds=120)
        done = await until(ingest, made.id, "done")

    (asked,) = station.asked
    assert (asked.cn, asked.st, asked.pw, asked.param("RtdInterval"), asked.ack_wanted) == (
        "1062", "32", "123456", "120", True,
    )  # fmt: skip
    assert (done.outcome, done.return_code, done.meaning_zh, done.qn, done.tries) == (
        "success", 1, "执行成功", asked.qn, 1,
    )  # fmt: skip
    assert [(line.sent, line.cn) for line in done.exchange] == [(True, "1062"), (False, "9011"), (False, "9012")]
    assert "PW=******" in done.exchange[0].frame
    assert "123456" not in done.exchange[0].frame


async def test_a_refusal_is_told_with_its_meaning(ingest: Ingest) -> None:
    device = await device_of(ingest)

    def refuse(_logger: Logger, packet: Packet) -> list[bytes]:
        return [answer(packet, "9011", 3)]

    async with gateway_with_desk(ingest) as server, logger(server, refuse):
        made = await give(ingest, device, "read_time")
        refused = await until(ingest, made.id, "refused")

    assert (refused.outcome, refused.return_code, refused.meaning_en) == ("refused", 3, "wrong PW")


async def test_a_silent_device_is_asked_again_with_the_same_qn_and_then_given_up(ingest: Ingest) -> None:
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as station:
        made = await give(ingest, device, "read_time")
        for tries in range(1, 5):
            async with asyncio.timeout(10):
                while len(station.asked) < tries:
                    await asyncio.sleep(0.02)
            await run_out(ingest)
        gone = await until(ingest, made.id, "timed_out")

    assert (gone.outcome, gone.tries) == ("no_answer", 4)
    assert len({packet.qn for packet in station.asked}) == 1


async def test_a_dangerous_command_is_never_sent_twice(ingest: Ingest) -> None:
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as station:
        made = await give(ingest, device, "calibrate_zero_span", "每周校准", factor="w01018")
        await until(ingest, made.id, "sent")
        await run_out(ingest)
        gone = await until(ingest, made.id, "timed_out")
        station.writer.write(answer(station.asked[0], "9012", 1))
        late = await until(ingest, made.id, "done")

    assert (gone.outcome, len(station.asked), late.outcome) == ("no_answer", 1, "success")


async def test_two_commands_go_one_after_the_other(ingest: Ingest) -> None:
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as station:
        first = await give(ingest, device, "read_time")
        second = await give(ingest, device, "read_realtime_interval")
        await until(ingest, first.id, "sent")
        await asyncio.sleep(0.3)
        waiting = await ingest.client.get_command(second.id)
        station.answers = obedient
        station.writer.write(answer(station.asked[0], "9011", 1) + answer(station.asked[0], "9012", 1))
        await until(ingest, second.id, "done")

    assert waiting.state.value == "queued"
    assert [packet.cn for packet in station.asked] == ["1011", "1061"]


async def test_history_comes_into_the_store_and_is_counted(ingest: Ingest) -> None:
    device = await device_of(ingest)
    since = datetime(2026, 2, 28, 20, 0, tzinfo=UTC)

    def replay(station: Logger, packet: Packet) -> list[bytes]:
        uploads = [
            station.upload("2061", since + timedelta(hours=hour), f"2026030112000100{hour}", w01018=30.0, w21003=1.0)
            for hour in range(3)
        ]
        return [answer(packet, "9011", 1), *uploads, answer(packet, "9012", 1)]

    async with gateway_with_desk(ingest) as server, logger(server, replay) as station:
        until_ = (since + timedelta(hours=3)).isoformat()
        made = await give(ingest, device, "fetch_hours", since=since.isoformat(), until=until_)
        done = await until(ingest, made.id, "done")

    outlet = (await ingest.client.list_outlets()).items[0].id
    rows = (await ingest.client.read_arrow([outlet], ReadingKind.HOUR, since, since + timedelta(hours=3))).num_rows
    assert (station.asked[0].param("BeginTime"), station.asked[0].param("EndTime")) == (
        "20260301040000", "20260301070000",
    )  # fmt: skip
    assert (done.frames, done.values_arrived, rows) == (3, 6, 6)


async def test_a_getters_answer_is_kept(ingest: Ingest) -> None:
    device = await device_of(ingest)

    def tell(station: Logger, packet: Packet) -> list[bytes]:
        told = station.tell("1011", packet.qn or "", ("SystemTime", "20260301120005"))
        return [answer(packet, "9011", 1), told, answer(packet, "9012", 1)]

    async with gateway_with_desk(ingest) as server, logger(server, tell):
        made = await give(ingest, device, "read_time")
        done = await until(ingest, made.id, "done")

    assert done.result == [("SystemTime", "20260301120005")]


SLOPPY = {
    "9012 without 9011": lambda _station, packet: [answer(packet, "9012", 1)],
    "answers without QN, ST 21 and Flag 5": lambda station, _packet: [
        frame(f"ST=21;CN={cn};PW=123456;MN={station.mn};Flag=5;CP=&&{key}=1&&".encode())
        for cn, key in (("9011", "QnRtn"), ("9012", "ExeRtn"))
    ],
    "the QN of another day": lambda station, _packet: [
        frame(f"QN=20101110010101001;ST=91;CN={cn};PW=123456;MN={station.mn};Flag=4;CP=&&{key}=1&&".encode())
        for cn, key in (("9011", "QnRtn"), ("9012", "ExtRtn"))
    ],
}


@pytest.mark.parametrize("way", SLOPPY)
async def test_sloppy_answers_end_a_command_all_the_same(ingest: Ingest, way: str) -> None:
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, SLOPPY[way]):
        made = await give(ingest, device, "set_timeouts", seconds=5, repeats=3)
        done = await until(ingest, made.id, "done")

    assert done.outcome == "success"


async def test_2005_has_its_qn_in_the_data_area(ingest: Ingest) -> None:
    device = await device_of(ingest, "2005")
    async with gateway_with_desk(ingest) as server, logger(server, obedient, edition=Edition.V2005) as station:
        made = await give(ingest, device, "sample_now", factor="w01018")
        done = await until(ingest, made.id, "done")

    assert station.asked[0].param("PolId") == "011"
    assert done.outcome == "success"
    assert "CP=&&QN=" in done.exchange[1].frame


async def test_a_device_that_ends_without_9012_has_still_told(ingest: Ingest) -> None:
    device = await device_of(ingest)

    def tell(station: Logger, packet: Packet) -> list[bytes]:
        return [station.tell("1061", packet.qn or "", ("RtdInterval", "30"))]

    async with gateway_with_desk(ingest) as server, logger(server, tell):
        made = await give(ingest, device, "read_realtime_interval")
        await until(ingest, made.id, "running")
        await run_out(ingest)
        done = await until(ingest, made.id, "done")

    assert (done.outcome, done.result) == ("success_without_result", [("RtdInterval", "30")])


async def test_accepted_and_never_executed_has_failed(ingest: Ingest) -> None:
    device = await device_of(ingest)

    def accept(_station: Logger, packet: Packet) -> list[bytes]:
        return [answer(packet, "9011", 1)]

    async with gateway_with_desk(ingest) as server, logger(server, accept) as station:
        made = await give(ingest, device, "set_timeouts", seconds=5, repeats=3)
        await until(ingest, made.id, "accepted")
        await run_out(ingest)
        failed = await until(ingest, made.id, "failed")

    assert (failed.outcome, len(station.asked)) == ("no_result", 1)


async def test_a_notice_ends_with_9013(ingest: Ingest) -> None:
    device = await device_of(ingest)

    def noted(_station: Logger, packet: Packet) -> list[bytes]:
        return [answer(packet, "9013")]

    async with gateway_with_desk(ingest) as server, logger(server, noted):
        made = await give(ingest, device, "stop_realtime")
        done = await until(ingest, made.id, "done")

    assert done.outcome == "success"


async def test_an_offline_device_lets_a_command_expire(ingest: Ingest) -> None:
    device = await device_of(ingest)
    made = await give(ingest, device, "read_time")
    async with gateway_with_desk(ingest):
        ingest.clock.advance(timedelta(minutes=61))
        gone = await until(ingest, made.id, "expired")

    assert (gone.outcome, gone.tries) == ("never_online", 0)


async def test_a_killed_gateway_loses_no_answer_and_repeats_nothing_dangerous(ingest: Ingest) -> None:
    """The first gateway dies after the frame went out; the answer is in the journal when the second one starts."""
    device = await device_of(ingest)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as station:
        made = await give(ingest, device, "calibrate_zero_span", "每周校准", factor="w01018")
        await until(ingest, made.id, "sent")
        server.sessions.on_answer = None  # its desk is dead, its last batch is still stored
        station.writer.write(answer(station.asked[0], "9011", 1) + answer(station.asked[0], "9012", 1))
        async with asyncio.timeout(10):
            while {"9011", "9012"} - {packet.cn for packet in (await ingest.client.list_packets(mn=MN)).items}:
                await asyncio.sleep(0.02)
    async with gateway_with_desk(ingest) as server, logger(server, silent) as again:
        done = await until(ingest, made.id, "done")

    assert (done.outcome, len(station.asked), len(again.asked)) == ("success", 1, 0)
    assert [line.cn for line in done.exchange] == ["3011", "9011", "9012"]


async def test_dying_between_mark_and_write_is_decided_by_the_time_out(ingest: Ingest) -> None:
    device = await device_of(ingest)
    db = Database(ingest.url)
    try:
        desk = CommandDesk(db, ingest.clock)
        harmful = await give(ingest, device, "calibrate_zero_span", "每周校准", factor="w01018")
        await desk.take(harmful.id)
        assert await desk.take((await give(ingest, device, "read_time")).id) is None  # the device is busy
    finally:
        await db.close()
    async with gateway_with_desk(ingest) as server, logger(server, obedient) as station:
        await run_out(ingest)
        gone = await until(ingest, harmful.id, "timed_out")
        other = (await ingest.client.list_commands(code="read_time")).items[0]
        await until(ingest, other.id, "done")

    assert gone.outcome == "no_answer"
    assert [packet.cn for packet in station.asked] == ["1011"]


async def test_a_gateway_asks_few_devices_for_history_at_once(ingest: Ingest) -> None:
    db = Database(ingest.url)
    try:
        desk = Desk(CommandDesk(db, ingest.clock), Sessions(), ingest.url)
        gaps = [Waiting(uuid4(), f"MN{number}", CommandOrigin.GAP) for number in range(30)]
        people = [Waiting(uuid4(), f"P{number}", CommandOrigin.PERSON) for number in range(3)]
        chosen = desk._chosen([*gaps, *people])
    finally:
        await db.close()

    assert [item.mn for item in chosen[:4]] == ["P0", "P1", "P2", "MN0"]
    assert len(chosen) == 3 + policy().history_in_flight
