"""`sanse import FILE`: a sheet of the registry or of readings, checked and imported through the API."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from launcher.errors import LauncherError
from launcher.stack import DEFAULT_PORT_BASE
from shared.auth import TokenSource
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.contracts.ingest.transfers import ImportMode, TransferOut, TransferState

PAUSE = 0.5
SHOWN = 50
OPEN = frozenset({TransferState.QUEUED, TransferState.RUNNING})
SHEETS = (
    "enterprises, outlets, devices, limits, permits, contacts, analysers, operations, power_points, videos, changes, "
    "readings"
)


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("import", help=__doc__)(import_file)


def import_file(  # noqa: PLR0913, PLR0917 - options of a command
    file: Annotated[Path, typer.Argument(help="An .xlsx or .csv file.", exists=True, dir_okay=False)],
    sheet: Annotated[str, typer.Option(help=f"What it holds: {SHEETS}.")],
    readings: Annotated[str, typer.Option(help="For readings: minute, hour, day or realtime.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only look: nothing is written.")] = False,  # noqa: FBT002
    good_rows: Annotated[bool, typer.Option("--good-rows", help="Import what is right, leave the rest.")] = False,  # noqa: FBT002
    ingest: Annotated[str, typer.Option(help="URL of ingest.")] = f"http://127.0.0.1:{DEFAULT_PORT_BASE + 1}",
    identity: Annotated[str, typer.Option(help="URL of identity.")] = f"http://127.0.0.1:{DEFAULT_PORT_BASE + 5}",
    client_id: Annotated[str, typer.Option(help="API client.", envvar="SANSE_CLIENT_ID")] = "",
    client_secret: Annotated[str, typer.Option(help="Its secret.", envvar="SANSE_CLIENT_SECRET")] = "",
    token: Annotated[str, typer.Option(help="Or an access token.", envvar="SANSE_TOKEN")] = "",
) -> None:
    """Exit code 0 only when every row was taken (or, with --good-rows, the right ones were)."""
    if not token and not (client_id and client_secret):
        raise LauncherError("say who you are", remedy="give --client-id and --client-secret, or --token")
    mode = ImportMode.CHECK if check else ImportMode.GOOD_ROWS if good_rows else ImportMode.ALL
    console = Console()
    try:
        job = asyncio.run(
            _import(console, file, sheet, readings, mode, (ingest, identity, client_id, client_secret, token))
        )
    except ServiceCallError as error:
        raise LauncherError(error.message, remedy=f"sheets are: {SHEETS}") from error
    _tell(console, job)
    if job.state is not TransferState.DONE or (job.error_count and mode is not ImportMode.GOOD_ROWS):
        raise typer.Exit(1)


async def _import(
    console: Console, file: Path, sheet: str, readings: str, mode: ImportMode, access: tuple[str, str, str, str, str]
) -> TransferOut:
    ingest, identity, client_id, client_secret, token = access
    content = await asyncio.to_thread(file.read_bytes)

    async def given() -> str:
        return token

    source = given if token else TokenSource(identity, client_id, client_secret)
    async with IngestClient(ingest, source, timeout=60) as client:
        more = {"readings": readings} if readings else {}
        job = await client.start_import(f"import.{sheet}", file.name, content, mode=mode, **more)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
            task = bars.add_task(sheet, total=None)
            while job.state in OPEN:
                await asyncio.sleep(PAUSE)
                job = await client.get_transfer(job.id)
                bars.update(task, completed=job.done, total=job.total or None)
        return job


def _tell(console: Console, job: TransferOut) -> None:
    if job.errors:
        table = Table("line", "column", "why", box=None)
        for item in job.errors[:SHOWN]:
            table.add_row(str(item.line), item.column, item.message)
        console.print(table)
        if job.error_count > SHOWN:
            console.print(f"… and {job.error_count - SHOWN} more")
    told = {key: job.result[key] for key in ("rows", "refused", "added", "changed", "unchanged") if key in job.result}
    console.print(", ".join(f"{value} {key}" for key, value in told.items()) or "nothing was read")
    if job.reason:
        console.print(job.reason)
