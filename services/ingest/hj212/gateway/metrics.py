"""Counters of the gateway for Prometheus, served on a port of their own: text exposition format 0.0.4."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields

from services.ingest.hj212.gateway.stats import Stats

PREFIX = "sanse_gateway"
GAUGES = frozenset({"connections", "waiting", "sessions"})
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LONGEST_REQUEST = 8192
_PATIENCE = 5.0


def exposition(stats: Stats, *, sessions: int, unjournalled: int) -> str:
    """All counters as Prometheus reads them. sessions: MNs connected; unjournalled: strangers' frames not kept."""
    lines: list[str] = []
    numbers = {field.name: getattr(stats, field.name) for field in fields(stats)}
    for name, value in {**numbers, "sessions": sessions, "unjournalled": unjournalled}.items():
        kind = "gauge" if name in GAUGES else "counter"
        metric = f"{PREFIX}_{name}" if kind == "gauge" else f"{PREFIX}_{name}_total"
        lines.append(f"# TYPE {metric} {kind}")
        if isinstance(value, dict):
            lines += [f'{metric}{{name="{key}"}} {count}' for key, count in sorted(value.items())]
        else:
            lines.append(f"{metric} {value}")
    return "\n".join(lines) + "\n"


async def serve_metrics(host: str, port: int, text: Callable[[], str]) -> asyncio.Server:
    """Answer every GET with the text of the moment. Slow or long requests are cut off."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                request = await reader.readuntil(b"\r\n\r\n")
                body = text().encode() if request.startswith(b"GET /metrics ") else b""
                status = "200 OK" if body else "404 Not Found"
                head = f"HTTP/1.1 {status}\r\nContent-Type: {_TYPE}\r\nContent-Length: {len(body)}\r\n"
                writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, host, port, limit=_LONGEST_REQUEST)
