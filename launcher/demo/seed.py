"""Seeds a new stack: registry, history, earlier lists, and the people's work so far."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.progress import Progress

from launcher.demo.commands import give_commands
from launcher.demo.dossier import fill
from launcher.demo.history import keep_current, load_history, rows_to_load
from launcher.demo.links import play_lines
from launcher.demo.marks import bringing_over, tell_marks, tell_quality
from launcher.demo.people import People
from launcher.demo.registry import register
from launcher.demo.story import Storyteller
from launcher.errors import LauncherError
from park.demo import DemoPark, load
from park.model import OutletModel
from shared.auth import TokenSource
from shared.calendar import Quarter
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.grading import GradingClient
from shared.clients.identity import IdentityClient
from shared.clients.ingest import IngestClient
from shared.clock import Clock, monotonic
from shared.contracts.casework import CaseSummary
from shared.contracts.grading import Colour, ImportList, ImportRow
from shared.contracts.ingest import enterprise_uuid, outlet_uuid

RULE_OF_KIND = {"raise": "EX-H", "hold": "CONST", "drop": "MISS", "spike": "SPIKE"}
PATIENCE = 120.0
EARLIER_LISTS: tuple[dict[str, tuple[float, Colour]], ...] = (
    {
        "E-001": (60.0, Colour.RED), "E-002": (78.5, Colour.YELLOW), "E-003": (90.1, Colour.GREEN),
        "E-004": (88.0, Colour.GREEN), "E-005": (92.4, Colour.GREEN), "E-006": (74.2, Colour.YELLOW),
        "E-007": (81.3, Colour.YELLOW), "E-008": (93.0, Colour.GREEN), "E-009": (91.7, Colour.GREEN),
        "E-010": (79.9, Colour.YELLOW), "E-011": (94.6, Colour.GREEN), "E-012": (95.0, Colour.GREEN),
    },
    {
        "E-001": (58.0, Colour.RED), "E-002": (80.2, Colour.YELLOW), "E-003": (91.8, Colour.GREEN),
        "E-004": (89.4, Colour.GREEN), "E-005": (93.1, Colour.GREEN), "E-006": (76.0, Colour.YELLOW),
        "E-007": (88.9, Colour.GREEN), "E-008": (94.2, Colour.GREEN), "E-009": (90.3, Colour.GREEN),
        "E-010": (81.4, Colour.YELLOW), "E-011": (95.5, Colour.GREEN), "E-012": (94.1, Colour.GREEN),
    },
)  # fmt: skip
"""Scores of the two quarters before, as if taken over from the lists kept before Sanse."""


@dataclass(frozen=True)
class Report:
    """What the demo now holds."""

    enterprises: int
    outlets: int
    rows: int
    anomalies: int
    cases: int


@dataclass(frozen=True)
class _Clients:
    identity: IdentityClient
    ingest: IngestClient
    detection: DetectionClient
    casework: CaseworkClient
    grading: GradingClient


async def seed(stack: dict[str, Any], names: dict[str, dict[str, Any]], clock: Clock, progress: Progress) -> Report:
    """Fill the stack that `stack.json` describes; `names` are the enterprises by code.

    Raises `LauncherError` when the stack does not find what the history holds within two minutes.
    """
    park = load()
    loaded_at = clock.now()
    models = park.anchored(loaded_at)
    async with AsyncExitStack() as closing:
        clients = await _connect(stack, closing)
        since = loaded_at - timedelta(days=400)
        await register(clients.ingest, park, names, since)
        await fill(clients.ingest, park, loaded_at.date())
        task = progress.add_task("readings 读数", total=rows_to_load(models))
        rows = await load_history(clients.ingest, models, loaded_at, lambda n: progress.advance(task, n))
        progress.update(task, completed=rows_to_load(models))
        async with _current(clients.ingest, models, loaded_at, clock):
            await _import_lists(clients.grading, Quarter.of(loaded_at))
            found = await _wait_for_cases(clients, park, loaded_at)
            enterprise_user = {code: row["person"]["username"] for code, row in names.items()}
            people = People.of((clients.identity, clients.casework, clients.grading), stack["logins"], enterprise_user)
            async with bringing_over(stack) as before:
                await tell_marks(before, people, clock.now())
                await tell_quality(before, clock.now())
            await _play(Storyteller(people, clock), park, found, progress)
            await play_lines(stack, park, clock.now())
            grading = await people.grading_as(people.officer)
            await grading.draft_list(str(Quarter.of(loaded_at)))
            lead, officer = [clients.ingest.as_user(await people.token(who)) for who in (people.lead, people.officer)]
            await give_commands(lead, officer, clock)
        cases = await clients.casework.list_cases(limit=200)
    return Report(len(park.enterprises), len(models), rows, len(found), len(cases.items))


@asynccontextmanager
async def _current(
    ingest: IngestClient, models: dict[str, OutletModel], since: datetime, clock: Clock
) -> AsyncIterator[None]:
    """Keep the outlets' data current for the time of the block; a fault there is a fault of the seeding."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_current(ingest, models, since, clock))
        yield
        task.cancel()


async def _connect(stack: dict[str, Any], closing: AsyncExitStack) -> _Clients:
    admin = next(client for client in stack["clients"] if client["role"] == "admin")
    token = TokenSource(stack["identity"], admin["client_id"], admin["client_secret"])
    officer = next(client for client in stack["clients"] if client["role"] == "officer")
    officer_token = TokenSource(stack["identity"], officer["client_id"], officer["client_secret"])
    clients = _Clients(
        IdentityClient(stack["identity"]),
        IngestClient(stack["ingest"], token, timeout=60),
        DetectionClient(stack["detection"], token),
        CaseworkClient(stack["casework"], token),
        GradingClient(stack["grading"], officer_token, timeout=60),
    )
    for client in (clients.identity, clients.ingest, clients.detection, clients.casework, clients.grading):
        await closing.enter_async_context(client)
    return clients


async def _import_lists(grading: GradingClient, running: Quarter) -> None:
    for back, scores in zip((-2, -1), EARLIER_LISTS, strict=True):
        rows = [
            ImportRow(enterprise_id=enterprise_uuid(code), p=p, colour=colour) for code, (p, colour) in scores.items()
        ]
        await grading.import_list(
            str(running.shift(back)), ImportList(rows=rows, note="由上线前的三色清单导入（演示数据）")
        )


async def _wait_for_cases(clients: _Clients, park: DemoPark, loaded_at: datetime) -> dict[int, CaseSummary]:
    """The case of each event of the history, once detection and casework have caught up."""
    deadline = monotonic() + PATIENCE
    missing: list[str] = []
    while monotonic() < deadline:
        listed = await clients.casework.list_cases(limit=500)
        found = _matched(park, listed.items, loaded_at)
        missing = [f"{row['outlet']} {row['kind']}" for i, row in enumerate(park.events) if i not in found]
        if not missing:
            return found
        await asyncio.sleep(0.5)
    raise LauncherError(f"the demo's history was loaded, but these events were not found in time: {', '.join(missing)}")


def _matched(park: DemoPark, cases: list[CaseSummary], loaded_at: datetime) -> dict[int, CaseSummary]:
    found: dict[int, CaseSummary] = {}
    for index, row in enumerate(park.events):
        end = loaded_at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=row["end_h"])
        start = end - timedelta(hours=row["length_h"] + 1)
        enterprise, code = row["outlet"].split("/")
        for case in cases:
            if (
                case.outlet_id == outlet_uuid(enterprise, code)
                and case.factor == row["factors"][0]
                and case.rule == RULE_OF_KIND[row["kind"]]
                and case.anomaly_started_at <= end
                and case.anomaly_last_at >= start
            ):
                found[index] = case
    return found


async def _play(teller: Storyteller, park: DemoPark, found: dict[int, CaseSummary], progress: Progress) -> None:
    task = progress.add_task("cases 办案", total=len(park.events))
    done: set[str] = set()
    for index, row in enumerate(park.events):
        case = found[index]
        if case.no not in done:
            await teller.play(row["story"], case)
            done.add(case.no)
        progress.advance(task)
