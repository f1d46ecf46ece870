"""The binary form of `COPY`, for what the gateway writes a thousand at a time.

Rows are built as bytes: what is the same for many of them is built once. See "COPY, Binary Format" in the manual of
PostgreSQL.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import asyncpg

from services.ingest.domain.packets import Packet

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts microseconds."""
POSTGRES_EPOCH = int(EPOCH.timestamp())
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ABSENT = b"\xff\xff\xff\xff"
_TEXT = 25
PACKET_COLUMNS = ("received_at", "remote", "mn", "cn", "status", "reason", "detail", "repairs", "raw")
_BEGIN = len(PACKET_COLUMNS).to_bytes(2, "big") + (8).to_bytes(4, "big")
_EPOCH_MICROSECONDS = POSTGRES_EPOCH * 1_000_000


async def copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], data: bytes) -> None:
    """Send rows in binary form, `HEADER` and `TRAILER` included."""

    async def source() -> AsyncIterator[bytes]:
        yield data

    await connection.copy_to_table(table, source=source(), columns=columns, format="binary")


def packet_rows(packets: Sequence[Packet]) -> bytes:
    """Lines of the journal, in order."""
    parts = [HEADER]
    for packet in packets:
        # A double holds today's microseconds exactly, once rounded.
        at = round(packet.received_at.timestamp() * 1e6) - _EPOCH_MICROSECONDS
        raw = packet.raw
        parts += (
            _BEGIN, at.to_bytes(8, "big", signed=True), _text(packet.remote), _text(packet.mn),
            _judgement(packet.cn, packet.status.value, packet.reason, packet.detail, packet.repairs),
            len(raw).to_bytes(4, "big"), raw,
        )  # fmt: skip
    parts.append(TRAILER)
    return b"".join(parts)


@lru_cache(maxsize=32_768)
def _text(value: str | None) -> bytes:
    if value is None:
        return ABSENT
    octets = value.encode("utf-8")
    return len(octets).to_bytes(4, "big") + octets


@lru_cache(maxsize=4_096)
def _judgement(cn: str | None, status: str, reason: str | None, detail: str, repairs: tuple[str, ...]) -> bytes:
    """What became of a packet: nearly all of a minute say the same."""
    elements = [_text(name) for name in repairs]
    head = (1, 0, _TEXT, len(elements), 1) if elements else (0, 0, _TEXT)
    array = b"".join([*(number.to_bytes(4, "big") for number in head), *elements])
    texts = b"".join(_text(value) for value in (cn, status, reason, detail))
    return texts + len(array).to_bytes(4, "big") + array
