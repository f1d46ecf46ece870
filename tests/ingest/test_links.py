"""Links end to end: real frames over TCP, what the gateway writes down, what API and feed tell of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.ingest.domain.links import link_rules
from services.ingest.domain.strangers import Strangers
from services.ingest.hj212.codec import frame
from services.ingest.hj212.gateway import Limits, Server, serve
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from services.ingest.service.watch import LinkWatch, expire_links
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.ingest import DeviceIn, LinkState, enterprise_uuid
from shared.contracts.ingest.links import DeviceSettingsChange
from shared.db import Database, plain_dsn
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_gateway import MN, connected


@dataclass
class Gateway:
    """A gateway with its watch; the test says when the watch looks."""

    server: Server
    watch: LinkWatch
    ingest: Ingest

    async def settle(self, frames: int) -> None:
        """Wait until so many frames are judged, then write the links."""
        async with asyncio.timeout(5):
            while sum(self.server.stats.outcomes.values()) < frames:
                await asyncio.sleep(0.005)
        await self.watch.look()


@asynccontextmanager
async def watched(ingest: Ingest, **rules: int) -> AsyncIterator[Gateway]:
    db = Database(ingest.url)
    strangers = Strangers({**link_rules().strangers, **rules})
    sink = UploadSink(db, Intake(db), strangers)
    server = await serve("127.0.0.1", 0, sink, now=ingest.clock.now, limits=Limits(stop_grace=3.0))
    watch = LinkWatch(db, server.sessions, strangers, ingest.clock.now)
    server.sessions.observer = watch
    try:
        yield Gateway(server, watch, ingest)
    finally:
        await server.stop()
        await db.close()


def sent(
    cn: str = "2011", at: datetime = NOW, *, mn: str = MN, value: float = 1.0, flag: int = 5,
    qn_at: datetime | None = None, pw: str = "123456", rf: str = "",
) -> bytes:  # fmt: skip
    qn = (qn_at or at).astimezone(PARK_ZONE).strftime("%Y%m%d%H%M%S000")
    time = at.astimezone(PARK_ZONE).strftime("%Y%m%d%H%M%S")
    return frame(
        f"QN={qn};ST=32;CN={cn};PW={pw};MN={mn};Flag={flag};{rf}CP=&&DataTime={time};w01018-Rtd={value},w01018-Flag=N&&"
        .encode()
    )  # fmt: skip


async def rows(ingest: Ingest, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def changes(ingest: Ingest) -> list[str]:
    feed = await ingest.http.get("/v1/feed", headers=ingest.tokens.headers(Role.SERVICE))
    return [item["data"]["change"] for item in feed.json() if item["type"] == "ingest.device.state.v1"]


async def test_what_a_device_sends_is_counted_and_its_changes_are_told(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    late = NOW - timedelta(hours=2)
    seconds = (sent(at=NOW - timedelta(seconds=number), value=2.0) for number in range(1, 30))
    lower = next(one for one in seconds if one[-6:-2].lower() != one[-6:-2])
    lower = lower[:-6] + lower[-6:-2].lower() + lower[-2:]
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent(), sent(), sent("2051", late), lower, sent("2011", rf="RF=1;", value=3.0))
        await gateway.settle(5)
    counts = await rows(ingest, "select frames, late, repeats, rejected, undelivered from device_day")
    link = await rows(ingest, "select state, editions, peer <> '', jsonb_array_length(lines) from device_link")
    known = await rows(ingest, "select kind, name, count from device_oddity")

    assert counts == [(5, 2, 1, 0, 0)]
    assert link == [("online", ["2017"], True, 1)]
    assert known == [("repair", "crc_lower_case", 1)]
    assert await changes(ingest) == ["online"]
    packets = (await ingest.client.list_packets()).items
    assert [packet.late for packet in packets[::-1]] == [False, False, True, False, True]


async def test_silence_makes_a_device_offline_and_the_next_frame_online_again(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    db = Database(ingest.url)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent())
        await gateway.settle(1)
        ingest.clock.advance(timedelta(minutes=11))
        first, second = await expire_links(db, ingest.clock.now()), await expire_links(db, ingest.clock.now())
        await peer.send(sent(at=ingest.clock.now()))
        await gateway.settle(2)
    await db.close()

    assert (first, second) == (1, 0)
    assert await changes(ingest) == ["online", "offline", "online"]
    assert await rows(ingest, "select change, detail->>'silent_s' from device_event order by id") == [
        ("online", None), ("offline", None), ("online", "660.0"),
    ]  # fmt: skip


async def test_two_connections_of_one_device_are_a_duplicate_a_reconnection_is_none(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as old, connected(gateway.server) as new:
        for number, peer in enumerate((old, new), 1):
            await peer.send(sent())
            await gateway.settle(number)
        reconnected = await changes(ingest)
        await old.send(sent())
        await gateway.settle(3)
        both = await rows(ingest, "select jsonb_array_length(lines), duplicate_at is not null from device_link")

    assert reconnected == ["online"]
    assert await changes(ingest) == ["online", "duplicate"]
    assert both == [(2, True)]


@pytest.mark.parametrize(("slow", "told"), [(40, ["online"]), (90, ["online", "clock_off"])])
async def test_the_clock_of_a_device_is_judged_by_the_median(ingest: Ingest, slow: int, told: list[str]) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        for number in range(7):
            at = ingest.clock.now()
            odd = timedelta(hours=5) if number == 3 else timedelta(seconds=slow)
            await peer.send(sent(at=at, qn_at=at - odd))
            await gateway.settle(number + 1)
            ingest.clock.advance(timedelta(seconds=21))

    assert await changes(ingest) == told
    assert await rows(ingest, "select skew, clock_off from device_link") == [(float(slow), len(told) == 2)]


async def test_another_edition_than_registered_is_told_once(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        for number in range(2):
            await peer.send(sent(flag=9, value=number))
            await gateway.settle(number + 1)
            ingest.clock.advance(timedelta(seconds=30))

    assert await changes(ingest) == ["online", "edition_other"]


async def test_strangers_are_listed_and_journalled_sparingly(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest, first=2, per_connection=3) as gateway, connected(gateway.server) as peer:
        await peer.send(*(sent(mn="STRANGER", value=n) for n in range(10)), *(sent(mn=f"OTHER{n}") for n in range(5)))
        await peer.send(sent())
        await peer.answers(1)
        await gateway.settle(16)
    kept = (await ingest.client.list_packets(status="quarantined")).items
    listed = await rows(ingest, "select mn, frames from unknown_device order by mn")

    assert [packet.mn for packet in kept[::-1]] == ["STRANGER", "STRANGER", "OTHER0"]
    assert listed == [*((f"OTHER{n}", 1) for n in range(5)), ("STRANGER", 10)]
    assert await changes(ingest) == ["online"]


async def test_broken_frames_count_for_the_connected_device_they_name(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent(), sent()[:-6] + b"FFFF\r\n", sent(mn="STRANGER")[:-6] + b"FFFF\r\n")
        await gateway.settle(3)

    assert await rows(ingest, "select frames, rejected from device_day") == [(2, 1)]
    assert await rows(ingest, "select kind, name, count from device_oddity") == [("rejected", "bad_crc", 1)]


async def test_an_account_that_could_not_be_written_is_written_later(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.ingest.store.links import LinkBook

    async def fail(*_: object) -> None:
        raise OSError("the database is away")

    await ingest.outlet(mn=MN)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent())
        with monkeypatch.context() as patch:
            patch.setattr(LinkBook, "add_traffic", fail)
            with pytest.raises(OSError, match="away"):
                await gateway.settle(1)
        await peer.send(sent(mn=MN, value=2.0), sent(mn="STRANGER"))
        await gateway.settle(3)

    assert await rows(ingest, "select frames from device_day") == [(2,)]
    assert await changes(ingest) == ["online"]


async def test_a_device_is_shown_with_link_counts_and_repairs(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    broken = sent(value=2.0).replace(b"##0", b"##", 1)
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent(), broken)
        await gateway.settle(2)
        page = await ingest.client.list_links(q="企业E1")
    (row,) = page.items
    device = await ingest.client.get_device(row.id)
    history = await ingest.client.list_device_history(row.id)
    counts = [(await ingest.client.link_summary()).online]
    ingest.clock.advance(timedelta(minutes=11))
    counts += [(await ingest.client.link_summary()).online, (await ingest.client.link_summary()).offline]

    assert (row.mn, row.link.state, row.outlet_code, row.week.frames, row.repairs) == (
        MN, LinkState.ONLINE, "W1", 2, ["length_digits"],
    )  # fmt: skip
    assert device.detail.last_by_cn == {"2011": NOW}
    assert [(item.name, item.count, item.accepted) for item in device.repairs] == [("length_digits", 1, True)]
    assert [(day.day.isoformat(), day.frames, day.repaired) for day in device.days] == [("2026-03-01", 2, 1)]
    assert [item.change for item in history.items] == ["online"]
    assert counts == [1, 0, 1]


@pytest.mark.parametrize(
    ("which", "found"), [("all", 2), ("never", 1), ("online", 1), ("offline", 0), ("duplicate", 0), ("clock_off", 0)]
)
async def test_links_are_listed_by_state(ingest: Ingest, which: str, found: int) -> None:
    outlet = await ingest.outlet(mn=MN)
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="SILENT"))
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(sent())
        await gateway.settle(1)
        items = (await ingest.client.list_links(which=which)).items

    assert len(items) == found


async def test_the_list_of_links_is_paged(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    for number in range(3):
        await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=f"MN{number}"))
    first = await ingest.client.list_links(limit=2)
    rest = await ingest.client.list_links(limit=2, cursor=first.next)

    assert [[item.mn for item in page.items] for page in (first, rest)] == [["MN0", "MN1"], ["MN2"]]
    assert rest.next is None


async def test_an_enterprise_sees_its_own_devices_only(ingest: Ingest) -> None:
    await ingest.outlet("W1", "E1", mn="M-OWN")
    await ingest.outlet("W2", "E2", mn="M-OTHER")
    ids = {item.mn: item.id for item in (await ingest.client.list_links()).items}
    own = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))
    listed = await own.list_links()
    mine = await own.get_device(ids["M-OWN"])
    refusals = []
    for call in (
        own.get_device(ids["M-OTHER"]), own.list_device_history(ids["M-OTHER"]),
        own.change_device_settings(ids["M-OWN"], DeviceSettingsChange(), version=0), own.list_unknown_devices(),
    ):  # fmt: skip
        with pytest.raises(ServiceCallError) as caught:
            await call
        refusals.append(caught.value.status)

    assert [item.mn for item in listed.items] == ["M-OWN"]
    assert (mine.mn, (await own.link_summary()).never) == ("M-OWN", 1)
    assert refusals == [404, 404, 403, 403]


async def test_strangers_are_listed_until_they_are_registered(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(*(sent(mn=f"NEW{number}") for number in range(3)))
        await gateway.settle(3)
    first = await ingest.client.list_unknown_devices(limit=2)
    rest = await ingest.client.list_unknown_devices(limit=2, cursor=first.next)
    count = (await ingest.client.link_summary()).unknown
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="NEW1"))

    assert [[item.mn for item in page.items] for page in (first, rest)] == [["NEW2", "NEW1"], ["NEW0"]]
    assert (first.items[0].frames, first.items[0].edition, first.items[0].peer[:9]) == (1, "2017", "127.0.0.1")
    assert (count, (await ingest.client.link_summary()).unknown) == (3, 2)
