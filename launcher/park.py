"""`sanse park`: the virtual park's loggers, sending to a running stack over HJ 212; the truth goes to a file."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from launcher.errors import LauncherError
from park.model import HOUR, MINUTE
from park.replay import ReplayError
from park.virtual.broadcast import Broadcast
from park.virtual.build import build
from park.virtual.registering import register as register_park
from park.virtual.truth import truth_of, write_truth
from shared.auth import TokenSource
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.clock import Clock

SEED = 20260401
AHEAD_DAYS = 60
"""Days beyond now that are made when the park goes on, so that things happen there too."""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("park", help=__doc__)(park)


def park(  # noqa: PLR0913, PLR0917 - options of a command
    data: Annotated[Path, typer.Option(help="Data folder of the running stack.")] = Path("data"),
    outlets: Annotated[int, typer.Option(min=1, max=2000, help="Outlets; eight trades in turn.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=1100, help="Days of hour means; events begin after 30.")] = 365,
    minute_days: Annotated[int, typer.Option(min=0, max=60, help="The last days also as minute means.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed is another park.")] = SEED,
    truth: Annotated[Path | None, typer.Option(help="Where the truth is written; DATA/truth.json.")] = None,
    lines: Annotated[int, typer.Option(min=1, max=500, help="Connections at a time.")] = 16,
    follow: Annotated[bool, typer.Option(help="Go on with minute and hour means as time goes by.")] = False,  # noqa: FBT002
    client_id: Annotated[str, typer.Option(help="API client, without the demo's.", envvar="SANSE_CLIENT_ID")] = "",
    client_secret: Annotated[str, typer.Option(help="Its secret.", envvar="SANSE_CLIENT_SECRET")] = "",
) -> None:
    """Done again with the same options it changes nothing. The stack never sees the truth."""
    stack = _stack(data)
    if not client_id:
        admin = next((client for client in stack["clients"] if client["role"] == "admin"), None)
        if admin is None:
            raise LauncherError("say who you are", remedy="give --client-id and --client-secret of an administrator")
        client_id, client_secret = admin["client_id"], admin["client_secret"]
    token = TokenSource(stack["identity"], client_id, client_secret)
    clock = _clock(data / "clock.json")
    until = int(clock.now().timestamp()) // HOUR * HOUR
    since = until - days * 24 * HOUR
    console = Console()
    work = _Work(outlets, seed, since, until, minute_days, lines, truth or data / "truth.json", follow=follow)
    try:
        asyncio.run(work.run(console, stack, token, clock))
    except* KeyboardInterrupt:
        console.print("stopped")
    except* (ReplayError, ServiceCallError) as group:
        raise LauncherError(str(group.exceptions[0])) from group


class _Work:
    """One run of the command."""

    def __init__(  # noqa: PLR0913 - the options
        self, outlets: int, seed: int, since: int, until: int, minute_days: int, lines: int, truth: Path, *,
        follow: bool,
    ) -> None:  # fmt: skip
        self._since, self._until, self._minutes = since, until, minute_days
        self._lines, self._truth, self._follow = lines, truth, follow
        hours = (until - since) // HOUR + (AHEAD_DAYS * 24 if follow else 0)
        self._park = build(seed, outlets, hours, since)

    async def run(self, console: Console, stack: dict[str, Any], token: TokenSource, clock: Clock) -> None:
        """Register, send the history, and go on if asked."""
        gateway = (str(stack["gateway"]["host"]), int(stack["gateway"]["port"]))
        async with IngestClient(stack["ingest"], token, timeout=60) as ingest:
            models = await register_park(ingest, self._park, _moment(self._since) - timedelta(days=1))
            console.print(f"{len(models)} outlets are registered")
            self._write(self._until)
            sending = Broadcast(self._park, models, gateway, ingest, self._lines)
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
                for step, begin in ((HOUR, self._since), (MINUTE, self._until - self._minutes * 24 * HOUR)):
                    total = len(models) * (self._until - begin) // step
                    task = bars.add_task("小时 hours" if step == HOUR else "分钟 minutes", total=total)
                    await sending.send(step, begin, self._until, partial(bars.advance, task))
            console.print(f"{sending.sent} frames acknowledged, {sending.rows} rows of the plants' meters")
            console.print(f"truth: {self._truth}", soft_wrap=True)
            if self._follow:
                await sending.follow(clock, {MINUTE: self._until, HOUR: self._until}, self._write)

    def _write(self, until: int) -> None:
        write_truth(self._truth, truth_of(self._park, _moment(self._since), _moment(until)))


def _stack(data: Path) -> dict[str, Any]:
    try:
        stack: dict[str, Any] = json.loads((data / "stack.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LauncherError(f"no stack runs on {data}", remedy="start it with sanse up --data") from error
    return stack


def _clock(note: Path) -> Clock:
    """The stack's own time."""
    told = json.loads(note.read_text(encoding="utf-8"))
    if not told["simulated"]:
        return Clock()
    noted = datetime.fromisoformat(told["noted_at"]).timestamp()
    return Clock(datetime.fromisoformat(told["now"]), noted, float(told["speed"]))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
