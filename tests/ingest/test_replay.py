"""`sanse replay`: files read, frames delivered whatever the line does, an exit code that tells the truth."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from launcher.cli import build
from launcher.errors import LauncherError
from park.replay import Courier, Mean, ReplayError, read_frames, read_means, send_frames, upload_of
from services.ingest.hj212.codec import (
    Edition,
    Frame,
    Framer,
    Sender,
    answer,
    command,
    frame,
    parse_segment,
    sealed_of,
    unseal,
)
from shared.contracts.ingest import ReadingKind
from tests.ingest.conftest import Ingest
from tests.ingest.test_gateway import MN, gateway, upload

T = datetime(2026, 2, 27, 16, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def uploads(count: int) -> list[tuple[str, bytes]]:
    sender = Sender(MN, "32")
    return [upload_of(sender, "hour", "w21003", Mean(T + timedelta(hours=i), float(i)), i) for i in range(count)]


def nothing(_done: int) -> None: ...


class Flaky:
    """A gateway that hangs up after some frames and hears some frames only the second time."""

    def __init__(self, *, hang_up_after: int = 0, deaf_to: int = 0) -> None:
        self.hang_up_after = hang_up_after
        self.deaf_to = deaf_to
        self.seen: dict[str, int] = {}
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        framer, heard = Framer(), 0
        while data := await reader.read(65536):
            for event in framer.feed(data):
                assert isinstance(event, Frame)
                packet = parse_segment(event.segment)
                heard += 1
                if self.connections == 1 and heard == self.hang_up_after:
                    writer.close()
                    return
                times = self.seen[packet.qn or ""] = self.seen.get(packet.qn or "", 0) + 1
                if times > 1 or not self.deaf_to or heard % self.deaf_to:
                    writer.write(answer(packet, "9014"))
        writer.close()


@asynccontextmanager
async def flaky(**options: int) -> AsyncIterator[tuple[Flaky, int]]:
    server = Flaky(**options)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield server, listening.sockets[0].getsockname()[1]


async def test_what_is_not_acknowledged_is_sent_again() -> None:
    async with flaky(deaf_to=5) as (server, port):
        courier = Courier("127.0.0.1", port, window=7, timeout=0.05)
        done: list[int] = []
        outcome = await courier.deliver(uploads(30), on_progress=done.append)

    assert (outcome.sent, outcome.acknowledged, done[-1]) == (30, 30, 30)
    assert outcome.resent >= 5
    assert len(server.seen) == 30


async def test_a_lost_connection_is_made_again_and_nothing_is_lost() -> None:
    async with flaky(hang_up_after=9) as (server, port):
        outcome = await Courier("127.0.0.1", port, window=4, timeout=2.0).deliver(uploads(20), on_progress=nothing)

    assert (outcome.acknowledged, server.connections, len(outcome.remotes)) == (20, 2, 2)
    assert set(server.seen) == {qn for qn, _ in uploads(20)}


async def test_a_gateway_that_never_answers_is_given_up() -> None:
    async with flaky(deaf_to=1) as (server, port):
        server.seen = dict.fromkeys((qn for qn, _ in uploads(3)), -99)
        with pytest.raises(ReplayError, match="not acknowledged after 2 attempts; 0 of 3"):
            await Courier("127.0.0.1", port, timeout=0.02, attempts=2).deliver(uploads(3), on_progress=nothing)


async def test_no_gateway_is_said() -> None:
    with pytest.raises(ReplayError, match=r"no gateway answers at 127\.0\.0\.1:1"):
        await send_frames("127.0.0.1", 1, [b"x"], rate=0, on_progress=nothing)


def test_means_are_read_with_zone_heading_and_gaps(tmp_path: Path) -> None:
    file = tmp_path / "means.csv.gz"
    file.write_bytes(gzip.compress("时间,值\n2021-01-02 02:00:00,1.34\n\n2021-01-02T03:00:00+00:00,\n".encode("gbk")))

    assert read_means(file, SHANGHAI) == [
        Mean(datetime(2021, 1, 2, 2, tzinfo=SHANGHAI), 1.34),
        Mean(datetime(2021, 1, 2, 3, tzinfo=UTC), None),
    ]


def test_a_mean_becomes_the_upload_of_its_edition() -> None:
    mean = Mean(datetime(2021, 1, 2, 2, tzinfo=SHANGHAI), 1.34)
    assert [upload_of(Sender(MN, "32", edition=edition), "hour", "w21003", mean, 7)[1] for edition in
            (Edition.V2005, Edition.V2017)] == [
        frame(f"QN=20210102020000007;ST=32;CN=2061;PW=123456;MN={MN};Flag={flag};CP=&&DataTime=20210102020000;"
              "w21003-Avg=1.34&&".encode())
        for flag in (1, 5)
    ]  # fmt: skip
    assert b"w21003-Rtd=-&&" in upload_of(Sender(MN, "32"), "realtime", "w21003", mean._replace(value=None), 0)[1]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"frame": "x"}\n{"frme": 1}\n', "line 2"), ("a.jsonl", b"[1]\n", "line 1"),
        ("a.jsonl", b'{"frame_b64": "*"}\n', "line 1"), ("a.csv.gz", b"not gzip", "cannot be read"),
        ("a.csv", b"2021-01-01,1\n2021-01-01 01:00,abc\n", "line 2"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_the_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(ReplayError, match=says):
        read_frames(file) if name.endswith("l") else read_means(file, SHANGHAI)


async def sanse(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, build(), ["replay", *arguments])


async def test_a_table_of_hour_means_arrives_whole(ingest: Ingest, tmp_path: Path) -> None:
    outlet = await ingest.outlet(mn=MN)
    file = tmp_path / "means.csv"
    lines = [f"2026-02-28 {hour:02}:00:00,{'' if hour == 3 else hour / 10}" for hour in range(24)]
    file.write_text("monitorTime,monitorAvgValue\n" + "\n".join(lines), "utf-8")
    async with gateway(ingest) as server:
        result = await sanse(str(file), "--port", str(server.port), "--mn", MN, "--factor", "w21003", "--window", "5")
    table = await ingest.client.read_arrow([outlet], ReadingKind.HOUR, T, T + timedelta(days=1))

    assert result.exit_code == 0, result.output
    assert "24 frames: 24 sent, 0 again, 24 answered" in result.output
    assert table["value"].to_pylist() == [None if hour == 3 else hour / 10 for hour in range(24)]


async def test_an_unknown_logger_fails_the_command(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "means.csv"
    file.write_text("2026-02-28 00:00:00,1\n", "utf-8")
    async with gateway(ingest) as server:
        result = await sanse(
            str(file),
            "--port",
            str(server.port),
            "--mn",
            "NOBODY",
            "--factor",
            "w21003",
            "--timeout",
            "0.1",
            "--attempts",
            "2",
        )

    assert result.exit_code == 1
    assert isinstance(result.exception, LauncherError)
    assert "not acknowledged" in str(result.exception)


async def test_recorded_frames_are_sent_and_counted(ingest: Ingest, tmp_path: Path) -> None:
    await ingest.outlet(mn=MN)
    file = tmp_path / "frames.jsonl"
    frames = [*upload("2011", Edition.V2017), *upload("2061", Edition.V2005), b"##0004abcd0000"]
    file.write_text("\n".join(json.dumps({"frame": item.decode().strip()}) for item in frames), "utf-8")
    async with gateway(ingest) as server:
        result = await sanse(str(file), "--port", str(server.port), "--rate", "200")
    page = await ingest.client.list_packets()

    assert (result.exit_code, "3 frames: 3 sent, 0 again, 2 answered" in result.output) == (0, True), result.output
    assert [line.reason for line in page.items] == ["bad_length", None, None]


async def test_commands_are_answered_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "means.csv"
    file.write_text("\n".join(f"2026-02-28 {hour:02}:00:00,{hour}" for hour in range(5)), "utf-8")
    heard: list[str] = []

    async def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        span = [("BeginTime", "20260228010000"), ("EndTime", "20260228020000")]
        platform = Sender(MN, "32", edition=Edition.V2025)
        writer.write(command(platform, "2061", span, qn="20260301000000001", ack_wanted=True))
        framer = Framer()
        while data := await reader.read(65536):
            for event in framer.feed(data):
                sealed = sealed_of(event)
                opened = unseal(sealed, b"0123456789abcdef") if sealed else event
                assert isinstance(opened, Frame)
                packet = parse_segment(opened.segment)
                heard.append(packet.cn if packet.cn != "2061" else f"{packet.cn} {packet.param('w21003-Avg')}")
                if packet.ack_wanted:
                    writer.write(answer(packet, "9014"))
        writer.close()

    listening = await asyncio.start_server(asking, "127.0.0.1", 0)
    async with listening:
        result = await sanse(
            str(file), "--port", str(listening.sockets[0].getsockname()[1]), "--mn", MN, "--factor", "w21003",
            "--edition", "2025", "--key", "0123456789abcdef", "--stay", "1",
        )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert sorted(heard) == sorted([*(f"2061 {hour}" for hour in (0, 1, 2, 3, 4, 1, 2)), "9011", "9012"])
    assert "5 frames: 5 sent, 0 again, 5 answered" in result.output
