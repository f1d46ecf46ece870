"""Sessions by MN on real sockets: who is reached, who is heard, who is turned away."""

import asyncio
import socket
import struct
from dataclasses import replace
from ipaddress import ip_network

from services.ingest.hj212.codec import Sender, answer, command, frame, parse_segment
from services.ingest.hj212.gateway import Outcome, Received
from tests.ingest.hj212.gateway_peers import QUICK, MemorySink, data, gateway, until


class Account:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bool, bool]] = []
        self.lost: list[str] = []

    def note(self, received: Received, outcome: Outcome, *, switched: bool, repeated: bool) -> None:
        del outcome
        self.notes.append((received.packet.mn if received.packet else "", switched, repeated))

    def undelivered(self, received: Received) -> None:
        self.lost.append(received.packet.mn if received.packet else "")


def ask(mn: str) -> bytes:
    return command(Sender(mn, "32"), "1011", [], qn="20240601090000000", ack_wanted=True)


def reply(mn: str, cn: str = "9011") -> bytes:
    return answer(parse_segment(ask(mn)[6:-6]), cn, 1)


async def test_a_forwarder_carries_several_devices_and_each_is_reached() -> None:
    async with gateway(MemorySink()) as (server, connect):
        forwarder, own = await connect(), await connect()
        await forwarder.send(data(1, mn="M1") + data(2, mn="M2"))
        await own.send(data(3, mn="M3"))
        await until(lambda: len(server.sessions) == 3)
        for _ in range(2):
            await forwarder.answer()
        await own.answer()
        sent = [server.sessions.send(mn, ask(mn)) for mn in ("M2", "M3", "M1", "M4")]
        heard = [(await forwarder.answer()).mn, (await own.answer()).mn, (await forwarder.answer()).mn]

    assert sent == [True, True, True, False]
    assert heard == ["M2", "M3", "M1"]


async def test_the_connection_that_spoke_last_is_used_and_an_older_one_takes_over() -> None:
    async with gateway(MemorySink()) as (server, connect):
        account = Account()
        server.sessions.observer = account
        first, second = await connect(), await connect()
        for peer, number in ((first, 1), (second, 2), (first, 3), (first, 4)):
            await peer.send(data(number))
            await peer.answer()
        lines = server.sessions.lines("M1")
        server.sessions.send("M1", ask("M1"))
        to_first = await first.answer()
        first.writer.close()
        await until(lambda: len(server.sessions.lines("M1")) == 1)
        server.sessions.send("M1", ask("M1"))
        to_second = await second.answer()
        second.writer.close()
        await until(lambda: not server.sessions.is_open("M1"))
        nobody = server.sessions.send("M1", ask("M1"))

    assert account.notes == [("M1", False, False), ("M1", True, False), ("M1", True, True), ("M1", False, False)]
    assert [line.connection.number for line in lines] == [2, 1]
    assert (to_first.cn, to_second.cn, nobody) == ("1011", "1011", False)


async def test_frames_that_were_refused_take_no_session_over() -> None:
    async with gateway(MemorySink()) as (server, connect):
        peer = await connect()
        await peer.send(data(1, mn="STRANGER") + data(2))
        await peer.answer()

        assert (server.sessions.is_open("STRANGER"), server.sessions.is_open("M1")) == (False, True)


async def test_answers_are_heard_and_everything_of_a_device_that_is_awaited() -> None:
    heard: list[str] = []
    async with gateway(MemorySink()) as (server, connect):
        server.sessions.on_answer = lambda received: heard.append(received.packet.cn if received.packet else "")
        peer = await connect()
        await peer.send(data(1) + reply("M1"))
        await until(lambda: heard == ["9011"])
        server.sessions.awaited.add("M1")
        await peer.send(data(2) + reply("M1", "9012"))
        await until(lambda: len(heard) == 3)

    assert heard == ["9011", "2011", "9012"]


async def test_an_answer_that_meets_no_connection_is_told() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        account = Account()
        server.sessions.observer = account
        peer = await connect()
        await peer.send(data(1))
        await until(lambda: server.stats.waiting == 1)
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.close()
        await until(lambda: server.stats.connections == 0)
        sink.gate.set()
        await until(lambda: account.lost == ["M1"])

        assert not server.sessions.is_open("M1")


async def test_a_device_that_sent_heartbeats_is_missed_after_some_of_its_own_intervals() -> None:
    limits = replace(QUICK, heartbeat_least=0.2, heartbeat_misses=2, idle_timeout=60, greeting_timeout=60)
    beat = frame(b"QN=20240601080000000;ST=91;CN=9015;PW=123456;MN=M1;Flag=8;CP=&&&&")
    async with gateway(MemorySink(), limits) as (server, connect):
        beating, plain = await connect(), await connect()
        await plain.send(data(1, mn="M2"))
        await beating.send(beat)
        await asyncio.sleep(0.15)
        await beating.send(beat)
        await until(lambda: server.stats.closed["idle"] == 1)
        await until(lambda: not server.sessions.is_open("M1"))

        assert server.sessions.is_open("M2")


async def test_connections_of_one_address_are_limited() -> None:
    async with gateway(MemorySink(), replace(QUICK, max_per_address=1, unlimited=())) as (server, connect):
        first = await connect()
        await first.send(data(1))
        await first.answer()
        second = await connect()
        assert await second.closed()
        first.writer.close()
        await until(lambda: server.stats.connections == 0)
        third = await connect()
        await third.send(data(2))

        assert (await third.answer()).cn == "9014"
        assert server.stats.refused == {"address_full": 1}


async def test_only_allowed_networks_come_in() -> None:
    async with gateway(MemorySink(), replace(QUICK, allowed=(ip_network("10.0.0.0/8"),))) as (server, connect):
        assert await (await connect()).closed()
        assert server.stats.refused == {"address_not_allowed": 1}
