"""What loggers tell besides readings, from the socket to records, marks and pages' data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from services.ingest.hj212.codec import Content, Edition, FactorContent, Sender, seal, write_content
from services.ingest.service.field import follow_journal
from services.ingest.service.flag_marks import follow_flags
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import Medium, OutletFactor, PacketStatus, ReadingKind
from shared.contracts.ingest.links import DeviceSettingsChange
from shared.contracts.ingest.marks import MarkOut, MarkState
from shared.contracts.ingest.packets import RetryFilter
from shared.contracts.ingest.qa import QaKind, QaOut, QaSource
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_flag_marks import MINUTE, START, minutes
from tests.ingest.test_gateway import MN, connected, gateway
from tests.ingest.test_registry import audit_of

SENDER = Sender(MN, "21", "123456", Edition.V2025)
AT = NOW - timedelta(hours=1)
KEY = "0123456789abcdef"
Values = dict[str, Any]


def told(cn: str, at: datetime, *items: tuple[str, Values, str | None]) -> bytes:
    params: list[tuple[str, datetime | str]] = [
        ("DataTime", at),
        *(("PolId", subject) for _, _, subject in items if subject),
    ]
    factors = tuple(FactorContent(code, tuple(values.items()), subject) for code, values, subject in items)
    content = Content(cn, Edition.V2025, "logger", tuple(params), factors)
    (made,) = write_content(content, SENDER, qns=["20260301120000000"], ack_wanted=True)
    return made


def check(at: datetime, reading: float, reference: float, factor: str = "w01018") -> bytes:
    return told("2062", at, (factor, {"SampleRd": reading, "StandardValue": reference, "ResultType": "1"}, None))


def state(at: datetime, number: int, factor: str = "w01018", code: str = "i12001") -> bytes:
    return told("3020", at, (code, {"Info": str(number)}, factor or None))


async def send(ingest: Ingest, *frames: bytes) -> None:
    async with gateway(ingest) as server, connected(server) as peer:
        for frame in frames:
            await peer.send(frame)
            assert [packet.cn for packet in await peer.answers(1)] == ["9014"]


async def follow(ingest: Ingest) -> int:
    return await follow_journal(ingest.app.state.db, ingest.app.state.intake.dictionaries, ingest.clock)


async def records(ingest: Ingest) -> list[QaOut]:
    return (await ingest.client.list_qa_records()).items


async def test_a_check_becomes_one_judged_record_however_often_it_is_sent(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    good, bad = check(AT, 105.0, 100.0), check(AT + MINUTE, 111.0, 100.0)
    await send(ingest, good, bad, good)
    counts = [await follow(ingest), await follow(ingest)]
    failed, passed = await records(ingest)
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    packet_ids = [row["packet_id"] for row in await connection.fetch("select packet_id from qa_record order by serial")]
    await connection.close()

    assert counts == [3, 0]
    assert (passed.source, passed.kind, passed.outlet_id, passed.factor, passed.at) == (
        QaSource.HJ212, QaKind.STANDARD_CHECK, outlet_id, "w01018", AT,
    )  # fmt: skip
    assert (passed.reference, passed.reading, passed.error, passed.limit, passed.passed) == (100, 105, 0.05, 0.1, True)
    assert (failed.passed, failed.note, failed.recorded_by) == (False, "ResultType=1", MN)
    assert packet_ids == [1, 2]
    assert [entry["action"] for entry in await audit_of(ingest)][-2:] == ["qa.recorded", "qa.recorded"]
    other = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise("E2"))
    assert (await other.list_qa_records()).items == []


async def test_gas_is_judged_by_zero_and_span_where_the_range_is_known(ingest: Ingest) -> None:
    factors = [
        OutletFactor(factor="a21026", unit="mg/m³", span_low=0, span_high=200),
        OutletFactor(factor="a21002", unit="mg/m³"),
    ]
    await ingest.outlet(mn=MN, medium=Medium.GAS, factors=factors)
    values: list[tuple[str, Values, str | None]] = [
        ("a21026", {"SampleRd": 2.0, "StandardValue": 0.0}, None),
        ("a21026", {"SampleRd": 170.0, "StandardValue": 160.0}, None),
        ("a21002", {"SampleRd": 101.0, "StandardValue": 100.0}, None),
    ]
    await send(ingest, told("2062", AT, *[(code, {**each, "ResultType": "0"}, None) for code, each, _ in values]))
    await follow(ingest)
    found = {(item.factor, item.kind): item.passed for item in await records(ingest)}

    assert found == {
        ("a21026", QaKind.ZERO): True, ("a21026", QaKind.SPAN): False, ("a21002", QaKind.STANDARD_CHECK): None,
    }  # fmt: skip


async def test_what_cannot_be_a_record_is_told_in_the_audit_trail_and_stops_nothing(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    await send(ingest, check(AT, 1.0, 1.0, "w20122"), check(NOW + timedelta(hours=3), 1.0, 1.0), check(AT, 1.0, 1.0))
    await follow(ingest)
    refused = [entry for entry in await audit_of(ingest) if entry["action"] == "packet.unused"]

    assert [entry["subject"] for entry in refused] == ["packet:1", "packet:2"]
    assert len(await records(ingest)) == 1


async def test_a_packet_that_commits_after_a_later_number_is_not_missed(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    frame = check(AT, 105.0, 100.0)
    insert = """insert into packet(received_at, remote, mn, cn, status, detail, repairs, raw)
      values($1, '', $2, '2062', 'answered', '', '{}', $3)"""
    slow, quick = [await asyncpg.connect(plain_dsn(ingest.url)) for _ in range(2)]
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(insert, NOW, MN, frame)
    await quick.execute(insert, NOW, MN, check(AT + MINUTE, 105.0, 100.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.ingest.service.field.LOOKS", 2)
        before = await follow(ingest)
    await transaction.commit()
    after = await follow(ingest)
    await slow.close()
    await quick.close()

    assert (before, after, len(await records(ingest))) == (0, 2, 2)


async def test_sealed_checks_are_opened_and_those_of_the_quarantine_follow_their_retry(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    (device,) = (await ingest.client.list_devices(outlet_id=outlet_id)).items
    await ingest.client.change_device_settings(device.id, DeviceSettingsChange(sm4_key=SecretStr(KEY)), version=0)
    await send(ingest, _sealed(check(AT, 105.0, 100.0)))
    first = await follow(ingest), len(await records(ingest))
    settings = (await ingest.client.get_device(device.id)).settings
    await ingest.client.change_device_settings(
        device.id, DeviceSettingsChange(sm4_key=SecretStr("")), version=settings.version
    )
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(_sealed(check(AT + MINUTE, 105.0, 100.0)))
    (refused,) = (await ingest.client.list_packets(status=PacketStatus.QUARANTINED)).items
    nothing = await follow(ingest)
    settings = (await ingest.client.get_device(device.id)).settings
    await ingest.client.change_device_settings(
        device.id, DeviceSettingsChange(sm4_key=SecretStr(KEY)), version=settings.version
    )
    admin = ingest.as_(Role.ADMIN)
    await admin.retry_packets(RetryFilter(note="密钥已补登", limit=10))
    assert (first, nothing, refused.mn) == ((1, 1), 0, MN)
    assert (await follow(ingest), await follow(ingest), len(await records(ingest))) == (1, 0, 2)


def _sealed(frame: bytes) -> bytes:
    return seal(frame[6:-6], KEY.encode())


async def _marks(ingest: Ingest) -> list[MarkOut]:
    await follow(ingest)
    await follow_flags(ingest.app.state.db, ingest.app.state.intake.dictionaries, ingest.clock)
    return (await ingest.client.list_marks()).items


SPAN = START + 5 * MINUTE, START + 25 * MINUTE


async def _told(ingest: Ingest, outlet_id: UUID, order: Sequence[str]) -> list[MarkOut]:
    """Readings and states in some order, looked at after each."""
    for what in order:
        if what == "readings":
            await minutes(ingest, outlet_id, "N" * 40)
        else:
            await send(ingest, state(SPAN[what == "end"], 2 if what == "begin" else 0))
        await _marks(ingest)
    return await _marks(ingest)


@pytest.mark.parametrize(
    "order", [("readings", "begin", "end"), ("begin", "end", "readings"), ("end", "readings", "begin")]
)
async def test_a_state_makes_a_mark_of_the_factors_readings_in_whatever_order_they_come(
    ingest: Ingest, order: tuple[str, ...]
) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    (mark,) = await _told(ingest, outlet_id, order)

    assert (mark.code, mark.flag, mark.factors, mark.since, mark.until, mark.state) == (
        "device_fault", "D", ["w01018"], *SPAN, MarkState.PROPOSED,
    )  # fmt: skip


async def test_a_logger_out_of_order_speaks_for_all_factors_and_no_state_lasts_for_ever(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    await minutes(ingest, outlet_id, "N" * 20, START)
    await send(ingest, state(START - timedelta(hours=23, minutes=45), 3, "", "i22001"))
    (mark,) = await _marks(ingest)

    assert (mark.code, mark.factors) == ("device_maintenance", ["w01018", "w21003"])
    assert mark.until == START + 15 * MINUTE


async def test_the_last_field_information_is_shown_to_those_who_may_see_the_device(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(mn=MN)
    (device,) = (await ingest.client.list_devices(outlet_id=outlet_id)).items
    await send(ingest, state(AT, 1), state(AT - MINUTE, 2), state(AT, 0, "", "i22001"), state(AT, 7, "", "x9"))
    await follow(ingest)
    found = (await ingest.client.get_device(device.id)).field_info
    stranger = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise("E2"))
    with pytest.raises(ServiceCallError) as refused:
        await stranger.get_device(device.id)

    assert [(item.factor, item.code, item.value, item.at) for item in found] == [
        (None, "i22001", "0", AT), (None, "x9", "7", AT), ("w01018", "i12001", "1", AT),
    ]  # fmt: skip
    assert (found[2].name_zh, found[2].value_zh, found[2].value_en) == ("工作状态", "维护", "maintenance")
    assert (found[1].name_zh, found[1].value_en) == ("", "")
    assert refused.value.status == 404


async def test_furnace_means_and_periodic_samples_are_readings(ingest: Ingest) -> None:
    factors = [OutletFactor(factor="a01901", unit="°C")]
    gas = await ingest.outlet("A1", mn=MN, medium=Medium.GAS, factors=factors)
    sampled = NOW - timedelta(minutes=40)
    await send(
        ingest,
        told("2111", NOW, ("a01901", {"Avg": 873.5, "Flag": "N"}, None)),
        told("2013", NOW, ("w01018", {"SampleTime": sampled, "Rtd": 21.5, "Flag": "N"}, None),
             ("w21003", {"Rtd": 1.5, "Flag": "N"}, None)),
    )  # fmt: skip
    packets = (await ingest.client.list_packets()).items
    whole = await ingest.client.get_series(gas, "a01901", kind=ReadingKind.MINUTE, since=NOW, until=NOW + MINUTE)
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    frames = await connection.fetch(
        "select f.at, l.factors, f.avg from frame f join factor_layout l on l.id = f.layout"
        " where f.kind = 1 order by f.at"
    )
    await connection.close()

    assert [(packet.status, packet.late) for packet in packets] == [(PacketStatus.STORED, False)] * 2
    assert whole.v == [873.5]
    assert [(row["at"], row["factors"], row["avg"]) for row in frames] == [
        (sampled, ["w01018"], [21.5]),
        (NOW, ["w21003"], [1.5]),
    ]
