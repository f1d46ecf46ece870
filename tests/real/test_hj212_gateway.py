"""Every frame of the shared data over TCP through the real gateway into a real database.

What becomes of each follows from the file's own labels (crc_kind, cn, flag, MN) and the short tables below,
which name, by line in the file (from 0), whatever the labels do not tell, and why.
"""

import base64
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from park.replay import read_frames, send_frames
from shared.contracts.ingest import PacketOut
from shared.db import plain_dsn
from tests.conftest import MakeDatabase
from tests.ingest.conftest import Ingest, ingest
from tests.ingest.test_gateway import gateway

__all__ = ["ingest"]

FRAMES = Path(__file__).parents[3] / "shared" / "data" / "hj212_frames.jsonl"
pytestmark = pytest.mark.skipif(not FRAMES.exists(), reason="needs ../shared/data/hj212_frames.jsonl")

LATER = datetime(2026, 12, 1, tzinfo=UTC)
UNREGISTERED = {"LD130133000015", "DXCBZ000000005", "88888888888888"}
"""Left out of the registry on purpose."""
UPLOADS = {"2011", "2051", "2061", "2031"}
ANSWERS = {"9011", "9012", "9013", "9014"}
OF_PLATFORMS = {"1000", "1002", "1012", "1022", "1032", "1042", "1062", "1064", "1072", "2012", "2022",
                "3011", "3012", "3013", "3014", "3021", "3022"}  # fmt: skip
"""Commands only a platform may send (HJ 212-2017 table 9): a gateway that heard one says nothing."""
REJECTED = {
    **dict.fromkeys((2, 3, 4, 82, 99), "bad_crc"),  # edited by hand, checksum of the text before
    38: "bad_header",  # printed with line breaks, one of them after ##
    **dict.fromkeys((83, 92, 94, 98), "bad_length"),  # edited after capture: neither length nor checksum fits
    **dict.fromkeys((197, 198), "encrypted_body"),  # HJ 212-2025 A.2: SM4 body, checksum of the plain text
}
EMPTY_DATA = {44}
"""An upload with an empty data area and no wish for an answer: nothing to store, nothing to say."""
REQUESTS = {12, 14, 39, 122, 123, 179, 180}
"""Data commands with BeginTime and EndTime: a platform asks for history, in a number both sides use."""


class Expected(NamedTuple):
    status: str
    reason: str | None


def read_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FRAMES.read_text("utf-8").splitlines()] if FRAMES.exists() else []


ROWS = read_rows()


def bytes_of(row: dict[str, Any]) -> bytes:
    return base64.b64decode(row["frame_b64"]) if row.get("frame_b64") else row["frame"].encode()


def mn_of(row: dict[str, Any]) -> str:
    found = re.search(rb"MN=([^;]*)", bytes_of(row))
    return found[1].decode() if found else ""


def expected_of(number: int, row: dict[str, Any]) -> Expected:
    wants_answer = row["flag"] is not None and int(row["flag"]) & 1
    if row["crc_kind"] in ("none", "hj212 over plaintext"):
        return Expected("quarantined", REJECTED[number])
    if mn_of(row) in UNREGISTERED | {""}:  # line 192 names no device: MN=;
        return Expected("quarantined", "unknown_mn")
    if row["cn"] in ANSWERS:
        return Expected("ignored", "answer")
    if row["cn"] in UPLOADS and number not in REQUESTS | EMPTY_DATA:
        return Expected("stored", None)
    if wants_answer and row["cn"] not in OF_PLATFORMS:
        return Expected("answered", None)
    return Expected("ignored", None)


@pytest.fixture
async def sent(ingest: Ingest) -> tuple[Ingest, list[PacketOut], Counter[str]]:
    """All frames on one connection, in the order of the file; the journal, oldest first; the answers by CN."""
    ingest.clock.set(LATER)
    for index, mn in enumerate(sorted({mn_of(row) for row in ROWS} - UNREGISTERED - {""})):
        await ingest.outlet(f"P{index}", mn=mn, factors=[])
    async with gateway(ingest) as server:
        outcome = await send_frames("127.0.0.1", server.port, read_frames(FRAMES), rate=0, on_progress=lambda _: None)
        page = await ingest.client.list_packets(limit=1000)
    return ingest, page.items[::-1], outcome.answers


async def test_every_frame_is_judged_as_its_labels_say(
    sent: tuple[Ingest, list[PacketOut], Counter[str]],
) -> None:
    _, journal, answers = sent

    assert len(journal) == len(ROWS) == 199
    assert [line.raw.strip().encode() for line in journal if "\\x" not in line.raw] == [
        bytes_of(row).strip() for row, line in zip(ROWS, journal, strict=True) if "\\x" not in line.raw
    ]
    wrong = []
    for number, (row, line) in enumerate(zip(ROWS, journal, strict=True)):
        expected = expected_of(number, row)
        reason = line.reason if expected.status != "ignored" or expected.reason else None
        if (line.status.value, reason) != expected:
            wrong.append((number, row["cn"], row["flag"], expected, line.status.value, line.reason))
    assert wrong == []
    said = [
        row for row, line in zip(ROWS, journal, strict=True)
        if line.status.value in ("stored", "answered") and row["flag"] is not None and int(row["flag"]) & 1
    ]  # fmt: skip
    assert answers == Counter("9013" if row["cn"] in ("1013", "1001") else "9014" for row in said)


async def test_repairs_are_written_beside_the_frame(sent: tuple[Ingest, list[PacketOut], Counter[str]]) -> None:
    _, journal, _ = sent
    modbus = {number for number, row in enumerate(ROWS) if row["crc_kind"] == "modbus"}
    swapped = {number for number, row in enumerate(ROWS) if row["crc_kind"] == "modbus-byte-swapped"}

    assert {number for number, line in enumerate(journal) if "crc_modbus" in line.repairs} == modbus
    assert {number for number, line in enumerate(journal) if "crc_modbus_swapped" in line.repairs} == swapped


async def test_stored_values_are_those_of_the_frames(sent: tuple[Ingest, list[PacketOut], Counter[str]]) -> None:
    ingest, journal, _ = sent
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        hours = await connection.fetch(
            "select d.mn, f.name, v.at, v.value, v.vmin, v.vmax, v.cou from reading_value v"
            " join factor_code f on f.id = v.factor join outlet o on o.point = v.point"
            " join device d on d.outlet_id = o.id where d.mn = 'Z13401000010301' or f.name = 'w01018' and v.kind = 3"
            " order by d.mn, f.name, v.at"
        )
        frames = await connection.fetchval("select count(*) from frame")
    finally:
        await connection.close()
    start = datetime(2019, 9, 24, 14, tzinfo=UTC)
    z13401 = [(row["name"], row["at"], row["value"]) for row in hours if row["mn"].startswith("Z")]
    printed = [tuple(row)[1:] for row in hours if row["mn"] == "010000A8900016F000169DC0"]

    assert z13401 == [
        ("a34006", start, 2.697), ("a34007", start, 7.966), ("a34047", start, 7.357), ("a34048", start, 3.306),
        ("a34049", start, 10.663),
    ]  # fmt: skip
    # The standard's own example (C.49), sent four times in different clothes: one value.
    assert printed == [("w01018", datetime(2016, 8, 1, tzinfo=UTC), 40.1, 40.1, 40.1, 63.0)]
    stored = [row["cn"] for row, line in zip(ROWS, journal, strict=True) if line.status.value == "stored"]
    assert 0 < frames <= sum(cn in ("2011", "2051") for cn in stored)


async def test_the_whole_file_again_changes_nothing(
    sent: tuple[Ingest, list[PacketOut], Counter[str]], make_database: MakeDatabase
) -> None:
    ingest, _, _ = sent
    tables = "select (select count(*) from frame), (select count(*) from reading_value)"
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        before = await connection.fetchrow(tables)
        ingest.clock.advance(timedelta(minutes=5))
        async with gateway(ingest) as server:
            await send_frames("127.0.0.1", server.port, read_frames(FRAMES), rate=0, on_progress=lambda _: None)
        after = await connection.fetchrow(tables)
        journal = await connection.fetchval("select count(*) from packet")
    finally:
        await connection.close()

    assert tuple(before or ()) == tuple(after or ())
    assert journal == 2 * len(ROWS)
