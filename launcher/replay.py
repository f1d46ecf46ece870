"""`sanse replay FILE`: recorded frames or a table of means, sent to the gateway as a logger would."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from launcher.errors import LauncherError
from launcher.stack import DEFAULT_PORT_BASE
from park import replay as wire
from park.archive import Kept
from park.responder import Responder
from park.station import Station, station_of_frames
from services.ingest.hj212.codec import Edition, KeyUnfitError, Sender, read_key
from shared.clients.ingest import IngestClient
from shared.clock import Clock

GATEWAY_OFFSET = 212
DEFAULT_PW = "123456"
"""What the standard's examples and most devices use."""
PAGE = 500
MAX_PAGES = 2_000


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("replay", help=__doc__)(replay)


def replay(  # noqa: PLR0913, PLR0917 - options of a command
    file: Annotated[Path, typer.Argument(help=".jsonl of frames (frame or frame_b64); .csv or .csv.gz of time, mean")],
    host: Annotated[str, typer.Option(help="Host of the HJ 212 gateway.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the HJ 212 gateway.")] = DEFAULT_PORT_BASE + GATEWAY_OFFSET,
    rate: Annotated[float, typer.Option(min=0, help="Frames a second; 0: as fast as it goes.")] = 0.0,
    mn: Annotated[str, typer.Option(help="csv: MN of the logger.")] = "",
    factor: Annotated[str, typer.Option(help="csv: factor code, as in w21003.")] = "",
    st: Annotated[str, typer.Option(help="csv: system code ST.")] = "32",
    password: Annotated[str, typer.Option(help="csv: password PW.", envvar="SANSE_REPLAY_PASSWORD")] = DEFAULT_PW,
    edition: Annotated[Edition, typer.Option(help="csv: edition of HJ 212.")] = Edition.V2017,
    key: Annotated[str, typer.Option(help="2025: SM4 key, 16 characters or 32 hex.", envvar="SANSE_REPLAY_KEY")] = "",
    answer: Annotated[bool, typer.Option(help="Answer commands as the logger would.")] = True,  # noqa: FBT002
    stay: Annotated[float, typer.Option(min=0, help="Seconds to go on answering after the last frame.")] = 0.0,
    kind: Annotated[str, typer.Option(help="csv: realtime, minute, hour or day.")] = "hour",
    zone: Annotated[str, typer.Option(help="csv: zone of times that name none.")] = "Asia/Shanghai",
    window: Annotated[int, typer.Option(min=1, max=1000, help="csv: frames on their way without an answer.")] = 50,
    timeout: Annotated[float, typer.Option(min=0.1, help="csv: seconds to wait for an answer.")] = 10.0,
    attempts: Annotated[int, typer.Option(min=1, max=20, help="csv: how often a frame is sent before giving up.")] = 5,
    ingest: Annotated[str, typer.Option(help="URL of ingest: tells what became of the frames.")] = "",
    token: Annotated[str, typer.Option(help="Access token for it.", envvar="SANSE_TOKEN")] = "",
) -> None:
    """Exit code 0 only when every mean was acknowledged, or every frame was sent."""
    console = Console()
    try:
        if file.name.endswith((".csv", ".csv.gz")):
            sender = _sender(mn, factor, st, password, edition, _key(key))
            courier = wire.Courier(host, port, window=window, timeout=timeout, attempts=attempts, rate=rate)
            means = _means(file, kind, zone)
            uploads = [wire.upload_of(sender, kind, factor, mean, number) for number, mean in enumerate(means)]
            if answer:
                kept = Kept(wire.report_of(kind, factor, mean) for mean in means)
                courier.answering, courier.stay = _answering(Station(sender, kept, factors=(factor,))), stay
            outcome = _run(console, len(uploads), lambda tick: courier.deliver(uploads, on_progress=tick))
        elif file.suffix == ".jsonl":
            frames = wire.read_frames(file)
            station = station_of_frames(frames, _key(key)) if answer else None
            answering = _answering(station) if station is not None else None
            outcome = _run(
                console,
                len(frames),
                lambda tick: wire.send_frames(
                    host, port, frames, rate=rate, on_progress=tick, answering=answering, stay=stay
                ),
            )
        else:
            raise LauncherError(f"{file}: give a .jsonl, .csv or .csv.gz file")
        console.print(
            f"{outcome.total} frames: {outcome.sent} sent, {outcome.resent} again, {outcome.acknowledged} answered"
        )
        if ingest:
            for name, number in asyncio.run(_judgements(ingest, token, set(outcome.remotes))):
                console.print(f"{number:>8}  {name}")
    except wire.ReplayError as error:
        raise LauncherError(str(error)) from error


def _sender(mn: str, factor: str, st: str, password: str, edition: Edition, key: bytes | None) -> Sender:
    if not mn or not factor:
        raise LauncherError("a table of means needs --mn and --factor", remedy="see sanse replay --help")
    if key is not None and edition is not Edition.V2025:
        raise LauncherError("--key encrypts in the edition of 2025 only", remedy="add --edition 2025")
    return Sender(mn=mn, st=st, pw=password, edition=edition, key=key)


def _key(text: str) -> bytes | None:
    try:
        return read_key(text) if text else None
    except KeyUnfitError as error:
        raise LauncherError(f"--key: {error}") from error


def _means(file: Path, kind: str, zone: str) -> list[wire.Mean]:
    if kind not in wire.CN_OF_KIND:
        raise LauncherError(f"--kind {kind}: one of {', '.join(wire.CN_OF_KIND)}")
    try:
        return wire.read_means(file, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise LauncherError(f"--zone {zone}: no such time zone") from error


def _answering(station: Station) -> wire.Answering:
    # What the file brings is all there is: a platform that wants realtime data must ask for it.
    station.send_realtime, station.heartbeat = False, None
    return wire.Answering(Responder(station), Clock.from_env().now)


def _run(console: Console, total: int, work: wire.Work) -> wire.Outcome:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("replay", total=total)
        return asyncio.run(work(lambda done: bars.update(task, completed=done)))


async def _judgements(url: str, token: str, remotes: set[str]) -> list[tuple[str, int]]:
    """What the journal says of packets that came from our addresses: (status and reason, number), most first."""

    async def give() -> str:
        return token

    found: Counter[str] = Counter()
    async with IngestClient(url, give) as client:
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await client.list_packets(limit=PAGE, cursor=cursor)
            ours = [packet for packet in page.items if packet.remote in remotes]
            found.update(f"{packet.status.value} {packet.reason or ''}".strip() for packet in ours)
            cursor = page.next
            if cursor is None or (found and not ours):
                break
    return found.most_common()
