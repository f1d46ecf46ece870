"""The quarantine end to end: refused frames seen, tried again, discarded, held, forgotten in their time."""

from datetime import timedelta
from typing import Any

import pytest

from services.ingest.hj212.codec import frame
from services.ingest.service.packets import forget_packets
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn, PacketOut, ReadingKind, enterprise_uuid
from shared.contracts.ingest.packets import PacketAct, PacketActIn, RetryFilter
from shared.db import Database
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_device_settings import settings
from tests.ingest.test_gateway import MN, connected, journal
from tests.ingest.test_links import rows, sent, watched


async def received(ingest: Ingest, *frames: bytes) -> list[PacketOut]:
    """Send frames through a gateway; the journal, oldest first."""
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        before = len((await ingest.client.list_packets(limit=500)).items)
        await peer.send(*frames)
        return await journal(ingest, before + len(frames))


async def test_a_refused_packet_is_taken_after_the_fix_and_the_journal_keeps_it(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    (packet,) = await received(ingest, sent(value=7.0))
    officer = ingest.as_(Role.OFFICER, name="lin")
    still = await officer.retry_packet(packet.id)
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN))
    ingest.clock.advance(timedelta(hours=3))
    taken = await officer.retry_packet(packet.id)
    detail = await ingest.client.get_packet(packet.id)
    table = await ingest.client.read_arrow([outlet], ReadingKind.REALTIME, NOW, NOW)
    with pytest.raises(ServiceCallError) as again:
        await officer.retry_packet(packet.id)

    assert (packet.status, packet.reason, detail.status, detail.reason) == (
        "quarantined", "unknown_mn", "quarantined", "unknown_mn",
    )  # fmt: skip
    assert (still.status, still.reason, taken.status) == ("quarantined", "unknown_mn", "stored")
    assert [(act.act, act.actor, act.status, act.reason) for act in detail.acts] == [
        ("retry", "lin", "quarantined", "unknown_mn"), ("retry", "lin", "stored", None),
    ]  # fmt: skip
    assert (detail.state, (again.value.status, again.value.code)) == ("retried", (409, "packet_closed"))
    assert table.to_pylist()[0]["value"] == 7.0
    source = await rows(ingest, "select s.name, f.received_at from frame f join reading_source s on s.id = f.source")
    assert source == [(f"hj212:{MN}:retried", NOW + timedelta(hours=3))]
    trail = await rows(ingest, "select actor, action from audit_entry where action = 'packet.retry'")
    assert [action for _, action in trail] == ["packet.retry"] * 2


async def test_open_packets_of_a_filter_are_tried_again_up_to_a_limit(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    await received(
        ingest, *(sent(at=NOW - timedelta(seconds=n), value=n) for n in range(3)), sent(mn="OTHER"),
        sent()[:-6] + b"FFFF\r\n",
    )  # fmt: skip
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN))
    officer = ingest.as_(Role.OFFICER)
    first = await officer.retry_packets(RetryFilter(reason="unknown_mn", limit=2))
    rest = await officer.retry_packets(RetryFilter())
    broken = await officer.retry_packets(RetryFilter(mn=MN))
    open_ = (await ingest.client.list_packets(open_=True)).items
    table = await ingest.client.read_arrow([outlet], ReadingKind.REALTIME, NOW - timedelta(minutes=1), NOW)

    assert (first.tried, first.closed, first.more) == (2, 2, True)
    assert [(item.status, item.reason) for item in rest.results] == [
        ("stored", None), ("quarantined", "unknown_mn"), ("quarantined", "bad_crc"),
    ]  # fmt: skip
    assert ([item.reason for item in broken.results], rest.more) == (["bad_crc"], False)
    assert [packet.reason for packet in open_] == ["bad_crc", "unknown_mn"]
    assert table.num_rows == 3


async def test_content_the_store_refuses_costs_only_its_own_packet(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.ingest.store import dictionaries

    outlet = await ingest.outlet()
    many = ";".join(f"n{n}-Rtd=1" for n in range(5))
    noise = frame(sent()[6:-6].replace(b"w01018-Rtd=1.0,w01018-Flag=N", many.encode()))
    await received(ingest, noise, sent(value=4.0))
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN))
    monkeypatch.setattr(dictionaries, "MOST_ENTRIES", 3)
    report = await ingest.as_(Role.OFFICER).retry_packets(RetryFilter())

    assert [(item.status, item.reason) for item in report.results] == [
        ("quarantined", "refused_by_store"), ("stored", None),
    ]  # fmt: skip


async def test_a_packet_is_discarded_with_a_reason_and_held_as_evidence(ingest: Ingest) -> None:
    await ingest.outlet()
    (packet,) = await received(ingest, sent())
    officer = ingest.as_(Role.OFFICER)
    with pytest.raises(ServiceCallError) as without:
        await officer.act_on_packet(packet.id, PacketActIn(act=PacketAct.DISCARD))
    held = await officer.act_on_packet(packet.id, PacketActIn(act=PacketAct.HOLD, reason="case 7"))
    released = await officer.act_on_packet(packet.id, PacketActIn(act=PacketAct.RELEASE))
    gone = await officer.act_on_packet(packet.id, PacketActIn(act=PacketAct.DISCARD, reason="a test of the vendor"))
    with pytest.raises(ServiceCallError) as closed:
        await officer.retry_packet(packet.id)

    assert (without.value.status, closed.value.status) == (422, 409)
    assert [(item.state, item.held) for item in (held, released, gone)] == [
        ("open", True), ("open", False), ("discarded", False),
    ]  # fmt: skip
    assert (await ingest.client.list_packets(open_=True)).items == []


DISSECTED: list[tuple[str, bytes, dict[str, Any]]] = [
    ("wrong checksum", sent()[:-6] + b"1234\r\n", {"crc_given": "1234", "crc_family": None, "error": None}),
    ("wrong length", b"##0020" + sent()[6:-6] + b"FFFF\r\n", {"length_declared": 20, "length_found": len(sent()) - 12}),
    ("cut short", sent()[:60], {"crc_given": None, "length_found": None}),
    ("no MN", frame(b"ST=32;CN=2011;PW=1;CP=&&DataTime=20260301000000;a-Rtd=1&&"), {"error": "no_mn"}),
    ("no frame at all", b"##0010garbage\xff&&0000", {"length_declared": 10, "header": []}),
]


@pytest.mark.parametrize(("raw", "expected"), [case[1:] for case in DISSECTED], ids=[case[0] for case in DISSECTED])
async def test_a_packet_is_taken_apart_as_far_as_it_goes(ingest: Ingest, raw: bytes, expected: dict[str, Any]) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(raw)
        peer.writer.write_eof()
        (packet,) = await journal(ingest, 1)
    detail = await ingest.client.get_packet(packet.id)
    told = {field.name: field.text for field in detail.header}

    assert (packet.status, bytes.fromhex(detail.hex)) == ("quarantined", raw.rstrip())
    assert {name: getattr(detail, name) for name in expected} == expected
    assert told.get("PW", "") == ""
    assert MN.startswith(told.get("MN", MN))
    assert (detail.device_id is not None) is (told.get("MN") == MN)


async def test_old_packets_go_and_evidence_stays(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    lines = await received(ingest, sent(), sent(mn="A"), sent(mn="B"), sent(value=2.0))
    officer = ingest.as_(Role.OFFICER)
    for line in (lines[2], lines[3]):
        await officer.act_on_packet(line.id, PacketActIn(act=PacketAct.HOLD, reason="evidence"))
    db = Database(ingest.url)
    gone = [
        await forget_packets(db, NOW + timedelta(days=days), plain_days=30, refused_days=100) for days in (29, 31, 101)
    ]
    await db.close()

    assert gone == [0, 1, 1]
    assert [line.id for line in (await ingest.client.list_packets()).items] == [lines[3].id, lines[2].id]


async def test_the_quarantine_is_for_who_may(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    (packet,) = await received(ingest, sent(mn="A"))
    enterprise = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))
    supervisor = ingest.as_(Role.SUPERVISOR)
    refusals = []
    for call in (
        enterprise.list_packets(), enterprise.get_packet(packet.id), supervisor.retry_packet(packet.id),
        supervisor.retry_packets(RetryFilter()),
        supervisor.act_on_packet(packet.id, PacketActIn(act=PacketAct.DISCARD, reason="x")),
        supervisor.get_packet(packet.id + 1),
    ):  # fmt: skip
        with pytest.raises(ServiceCallError) as caught:
            await call
        refusals.append(caught.value.status)

    assert refusals == [403, 403, 403, 403, 403, 404]
    assert (await supervisor.get_packet(packet.id)).state == "open"


async def test_a_frame_with_a_repair_that_is_not_allowed_is_taken_once_it_is(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    await settings(ingest, tolerance="strict")
    (packet,) = await received(ingest, sent().replace(b"##0", b"##", 1))
    await settings(ingest, 1, tolerance="lenient")
    taken = await ingest.as_(Role.OFFICER).retry_packet(packet.id)

    assert (packet.reason, taken.status) == ("repair_not_allowed", "stored")
