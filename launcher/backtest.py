"""`sanse backtest`: a change of rules tried on history, beside the rules in force."""

import asyncio
import json
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from launcher.backtest_tables import show
from launcher.errors import LauncherError
from launcher.history_files import HistoryFiles, Registry, assumed_registry, find_files, read_registry
from launcher.stack import DEFAULT_PORT_BASE
from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.comparison import Outcome, Window
from services.detection.domain.covers import Cover
from services.detection.gateways import History, Readings
from services.detection.service.backtest_wire import result_out
from services.detection.service.trial import Ask, Trial, kinds_judged, try_outlet, warm_up, watch_parent
from shared.auth import TokenSource
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE
from shared.contracts.ingest import OutletOut, ReadingKind

MOST_PAGES = 1000
MOST_DIFFERENCES = 2000


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("backtest", help=__doc__)(backtest)


def backtest(  # noqa: PLR0913, PLR0917 - options of a command
    rules: Annotated[Path, typer.Option(help="YAML: rules, overrides, settings, off.", exists=True, dir_okay=False)],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, Beijing time.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
    data: Annotated[Path | None, typer.Option(help="Parquet file or folder instead of ingest.", exists=True)] = None,
    kind: Annotated[ReadingKind | None, typer.Option(help="Parquet: what it holds, if its folder has no such name.")]
    = None,
    registry: Annotated[Path | None, typer.Option(help="Parquet: JSON of GET /v1/outlets.", exists=True)] = None,
    minute_interval: Annotated[int, typer.Option(min=1, max=60, help="Parquet without registry: minutes.")] = 1,
    outlet: Annotated[list[UUID] | None, typer.Option(help="Only this outlet; may be given again.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result as JSON.", dir_okay=False)] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    ingest: Annotated[str, typer.Option(help="URL of ingest.")] = f"http://127.0.0.1:{DEFAULT_PORT_BASE + 1}",
    identity: Annotated[str, typer.Option(help="URL of identity.")] = f"http://127.0.0.1:{DEFAULT_PORT_BASE + 5}",
    client_id: Annotated[str, typer.Option(help="API client.", envvar="SANSE_CLIENT_ID")] = "",
    client_secret: Annotated[str, typer.Option(help="Its secret.", envvar="SANSE_CLIENT_SECRET")] = "",
    token: Annotated[str, typer.Option(help="Or an access token.", envvar="SANSE_TOKEN")] = "",
) -> None:  # fmt: skip
    """Exit code 0 only when every outlet was tried."""
    if data is None and not token and not (client_id and client_secret):
        raise LauncherError("say who you are", remedy="give --client-id and --client-secret, or --token; or --data")
    change, window = read_change(rules), _window(first.date(), last.date())
    ask = Ask((change,), window)
    ask.rules(change)
    console = Console()
    if data is not None:
        source: Source = FileSource(find_files(data, kind), registry, minute_interval)
    else:
        source = StackSource(ingest, identity, client_id, client_secret, token)
    try:
        outcome, assumed = asyncio.run(_run(console, source, ask, outlet or [], workers))
    except ServiceCallError as error:
        raise LauncherError(error.message) from error
    show(console, result_out(outcome), assumed)
    if out is not None:
        out.write_text(_document(outcome, change, (first.date(), last.date()), assumed), encoding="utf-8")


def read_change(path: Path) -> dict[str, Any]:
    """The change in a YAML file; raises LauncherError where it is no mapping."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LauncherError(f"{path} is no YAML: {error}") from error
    if not isinstance(document, dict) or not document:
        raise LauncherError(f"{path}: give rules, overrides, settings or off")
    # To YAML 1.1 a bare `off` is the truth value.
    return {"off" if key is False else key: value for key, value in document.items()}


class FileSource:
    """Readings from Parquet files; each process reads its own outlets."""

    def __init__(self, files: HistoryFiles, registry: Path | None, minute_interval: int) -> None:
        self.files = files
        self._registry = registry
        self._minute_interval = minute_interval

    async def registry(self) -> Registry:
        """From the file, or what the readings tell; outlets in the files that the registry lacks are an error."""
        if self._registry is None:
            return await asyncio.to_thread(assumed_registry, self.files, self._minute_interval)
        known = await asyncio.to_thread(read_registry, self._registry)
        there = set(await asyncio.to_thread(self.files.outlet_ids))
        if missing := sorted(there - set(known.outlets)):
            raise LauncherError(f"{len(missing)} outlets are not in {self._registry}, as {missing[0]}")
        outlets = {key: one for key, one in known.outlets.items() if key in there}
        marks = "no marks: flags count as they stand in the files"
        return Registry(outlets, known.trades, (*known.assumed, marks))

    async def jobs(self, ask: Ask, outlets: Sequence[OutletOut], trades: dict[UUID, str]) -> AsyncIterator[Any]:
        """What each outlet needs, in order."""
        for one in outlets:
            yield try_files, (self.files, Trial(ask, one, trades.get(one.enterprise_id, ""), {}))


class StackSource:
    """Readings from a running stack, an outlet at a time."""

    def __init__(self, ingest: str, identity: str, client_id: str, client_secret: str, token: str) -> None:
        async def given() -> str:
            return token

        source = given if token else TokenSource(identity, client_id, client_secret)
        self._client = IngestClient(ingest, source, timeout=60)

    async def registry(self) -> Registry:
        """Outlets and trades as they stand."""
        outlets: dict[UUID, OutletOut] = {}
        trades: dict[UUID, str] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._client.list_outlets(cursor=cursor)
            outlets |= {one.id: one for one in page.items}
            if (cursor := page.next) is None:
                break
        for _ in range(MOST_PAGES):
            firms = await self._client.list_enterprises(cursor=cursor)
            trades |= {one.id: one.trade for one in firms.items}
            if (cursor := firms.next) is None:
                break
        return Registry(outlets, trades, ("no thresholds of single series, no suppressions",))

    async def jobs(self, ask: Ask, outlets: Sequence[OutletOut], trades: dict[UUID, str]) -> AsyncIterator[Any]:
        """What each outlet needs, in order."""
        readings, kinds, since = Readings(self._client), _kinds(ask), warm_up(ask.window)
        for one in outlets:
            columns = await readings.history(one.id, kinds, since, ask.window.until, bounds().most_values)
            covers = await self._covers(one.id, since, ask.window.until)
            yield try_outlet, (Trial(ask, one, trades.get(one.enterprise_id, ""), columns, covers),)

    async def _covers(self, outlet_id: UUID, since: datetime, until: datetime) -> tuple[Cover, ...]:
        """Effective marks as they stand."""
        found: list[Cover] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._client.list_marks(outlet_id=outlet_id, since=since, until=until, cursor=cursor)
            found += [
                Cover(one.id, one.outlet_id, one.effect, one.since, one.until, frozenset(one.factors))
                for one in page.items
                if one.effective
            ]
            if (cursor := page.next) is None:
                break
        return tuple(found)


Source = FileSource | StackSource


def try_files(files: HistoryFiles, trial: Trial) -> list[Outcome]:
    """Read an outlet's rows and try them, in a process of the pool."""
    ask = trial.ask
    columns: History = files.read(trial.outlet.id, _kinds(ask), warm_up(ask.window), ask.window.until)
    return try_outlet(Trial(ask, trial.outlet, trial.trade, columns))


async def _run(
    console: Console, source: Source, ask: Ask, wanted: Sequence[UUID], workers: int
) -> tuple[Outcome, tuple[str, ...]]:
    registry = await source.registry()
    if missing := [one for one in wanted if one not in registry.outlets]:
        raise LauncherError(f"no outlet {missing[0]}", remedy="ids are those of GET /v1/outlets")
    outlets = [one for key, one in sorted(registry.outlets.items()) if not wanted or key in wanted]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    total = Outcome()
    loop = asyncio.get_running_loop()
    with (
        _pool(workers) as pool,
        Progress(*columns, console=console, disable=not console.is_terminal) as bars,
    ):
        task = bars.add_task("backtest", total=len(outlets))
        running: set[asyncio.Future[list[Outcome]]] = set()
        async for work, arguments in source.jobs(ask, outlets, registry.trades):
            running.add(loop.run_in_executor(pool, work, *arguments))
            while len(running) > workers:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                total = _added(total, done)
                bars.update(task, advance=len(done))
        if running:
            total = _added(total, (await asyncio.wait(running))[0])
        bars.update(task, completed=len(outlets))
    return total, registry.assumed


def _pool(workers: int) -> Executor:
    """Processes; for one worker this process does, without the seconds that another takes to start."""
    if workers == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=watch_parent)


def _added(total: Outcome, done: set[asyncio.Future[list[Outcome]]]) -> Outcome:
    for one in done:
        total = total.joined(one.result()[0], MOST_DIFFERENCES)
    return total


def _kinds(ask: Ask) -> list[ReadingKind]:
    codes = ask.codes
    return kinds_judged([rule for change in (None, *ask.changes) for rule in ask.rules(change) if rule.code in codes])


def _window(first: date, last: date) -> Window:
    if last < first:
        raise LauncherError("--to lies before --from")
    return Window(
        datetime.combine(first, time(), PARK_ZONE), datetime.combine(last + timedelta(days=1), time(), PARK_ZONE)
    )


def _document(outcome: Outcome, change: dict[str, Any], days: tuple[date, date], assumed: Sequence[str]) -> str:
    head = {"change": change, "from": days[0].isoformat(), "to": days[1].isoformat(), "assumed": list(assumed)}
    return json.dumps(head | result_out(outcome).model_dump(mode="json"), ensure_ascii=False, indent=2, default=str)
