import asyncio
from dataclasses import replace

import pytest

from services.ingest.hj212.codec import Frame, frame
from services.ingest.hj212.codec.crc import modbus
from tests.ingest.hj212.gateway_peers import NOW, QUICK, MemorySink, data, gateway, until


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_upload_is_answered_with_its_qn() -> None:
    sink = MemorySink()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        answer = await peer.answer()

    assert (answer.cn, answer.st, answer.qn, answer.flag) == ("9014", "91", "20240601080000001", 4)
    (received,) = sink.kept
    assert received.received_at == NOW
    assert isinstance(received.event, Frame)
    assert received.packet is not None
    assert received.packet.param("w01018-Rtd") == "1"
    assert (server.stats.frames, server.stats.answers, server.stats.outcomes["stored"]) == (1, 1, 1)


async def test_no_answer_where_none_is_wanted() -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        await peer.send(data(1, ack=False))
        await until(lambda: len(sink.kept) == 1)

        assert await peer.silent()


@pytest.mark.parametrize(
    ("cn", "expected"), [("9015", "9013"), ("9021", "9014"), ("1013", "9013"), ("3060", "9014"), ("2021", "9014")]
)
async def test_heartbeats_notices_and_unknown_commands_are_answered(cn: str, expected: str) -> None:
    async with gateway(MemorySink()) as (_, connect):
        peer = await connect()
        await peer.send(frame(f"QN=20240601080000001;ST=32;CN={cn};PW=1;MN=M1;Flag=5;CP=&&&&".encode()))

        assert (await peer.answer()).cn == expected


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
async def test_answers_are_never_answered_even_if_the_sink_allows(cn: str) -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        await peer.send(frame(f"QN=20240601080000001;ST=21;CN={cn};PW=1;MN=M1;Flag=5;CP=&&&&".encode()))
        await until(lambda: len(sink.kept) == 1)

        assert await peer.silent()


async def test_half_and_joined_frames() -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        whole = data(1)
        await peer.send(whole[:40])
        assert await peer.silent(0.05)
        await peer.send(whole[40:] + data(2) + data(3)[:-2])
        answers = [(await peer.answer()).qn for _ in range(3)]

    assert answers == sink.qns == [f"2024060108000000{n}" for n in (1, 2, 3)]


# Name, bytes, reason in quarantine.
BAD = [
    ("wrong crc", data(1)[:-6] + b"B381\r\n", "bad_crc"),
    ("wrong length and crc", b"##0041" + data(1)[6:-6] + b"B381\r\n", "bad_length"),
    ("oversized", b"##9999" + b"x" * 3000 + b"&&1C80\r\n", "oversized"),
    ("not a length", b"##hello" + b"&&1C80\r\n", "bad_header"),
    ("no command", frame(b"ST=32;PW=1;MN=M1;CP=&&&&"), "no_cn"),
    ("not text", frame(b"ST=32;CN=2011;PW=1;MN=M1;CP=&&\xff\xff\xff&&"), "bad_text"),
    ("nul", frame(b"ST=32;CN=2011;PW=1;MN=M\x00;CP=&&&&"), "control_character"),
    ("stranger", data(1, mn="STRANGER"), "unknown_mn"),
]


@pytest.mark.parametrize(("name", "bad", "reason"), BAD, ids=[case[0] for case in BAD])
async def test_bad_frames_reach_quarantine_and_the_next_is_served(name: str, bad: bytes, reason: str) -> None:
    sink = MemorySink()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(bad + data(2))
        answer = await peer.answer()

        assert answer.qn == "20240601080000002"
        assert await peer.silent(0.05)
    first = sink.kept[0]
    assert sink.judge(first).reason == reason
    assert first.event.raw == bad.removesuffix(b"\r\n")
    assert server.stats.outcomes == {"quarantined": 1, "stored": 1}


async def test_repairs_are_counted() -> None:
    segment = data(1)[6:-6]
    async with gateway(MemorySink()) as (server, connect):
        peer = await connect()
        await peer.send(b"##%04d%b%04X\r\n" % (len(segment), segment, modbus(segment)))

        assert (await peer.answer()).qn == "20240601080000001"
    assert server.stats.repairs == {"crc_modbus": 1}


async def test_frames_of_many_connections_share_a_transaction() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, batch_delay=0.2)) as (server, connect):
        peers = [await connect() for _ in range(20)]
        await asyncio.gather(*(peer.send(data(n)) for n, peer in enumerate(peers)))
        answers = await asyncio.gather(*(peer.answer() for peer in peers))

    assert sorted(answer.qn or "" for answer in answers) == [f"20240601080000{n:03d}" for n in range(20)]
    assert sink.sizes == [20]
    assert server.stats.batches == 1


async def test_a_full_batch_does_not_wait() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, batch_delay=60, batch_frames=5)) as (_, connect):
        peer = await connect()
        await peer.send(b"".join(data(n) for n in range(10)))
        for _ in range(10):
            await peer.answer()

    assert sink.sizes == [5, 5]


async def test_no_answer_before_the_commit() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        assert await peer.silent()
        assert server.stats.answers == 0
        sink.gate.set()

        assert (await peer.answer()).qn == "20240601080000001"


async def test_failing_store_answers_nothing_loses_nothing_and_recovers() -> None:
    sink = MemorySink()
    sink.failures_left = 4
    async with gateway(sink, replace(QUICK, retry_first=0.1, retry_last=0.1)) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        assert await peer.silent()
        await peer.send(data(2))
        answers = [(await peer.answer()).qn for _ in range(2)]

    assert answers == sink.qns == ["20240601080000001", "20240601080000002"]
    assert (server.stats.store_failures, server.stats.pauses) == (4, 1)


async def test_store_that_hangs_is_given_up_and_repeated() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink, replace(QUICK, store_timeout=0.05)) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        await until(lambda: server.stats.store_failures >= 2)
        sink.gate.set()

        assert (await peer.answer()).qn == "20240601080000001"
    assert len(sink.kept) == 1
