"""What runs without a request: following the feeds, and the scheduled drafts."""

from collections.abc import Sequence
from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.grading.domain.facts import as_of
from services.grading.domain.freezing import due_drafts
from services.grading.gateways import fact_of
from services.grading.rules import rule_versions
from services.grading.service import FactsService, ListService
from shared.feed import Event, FeedConsumer
from shared.jobs import Job
from shared.logging import get_logger

log = get_logger(__name__)
LOOK_EVERY = timedelta(minutes=10)
LEAST_PAUSE = 5.0


async def keep_facts(session: AsyncSession, events: Sequence[Event]) -> None:
    """Take over the facts of a batch of events."""
    facts = [fact for event in events if (fact := fact_of(event.type, event.data)) is not None]
    await FactsService(session).keep(facts)


def build_consumers(app: FastAPI) -> list[FeedConsumer]:
    """The feeds of ingest, detection and casework."""
    clients = app.state.clients
    return [FeedConsumer(client.service, client, app.state.db, keep_facts) for client in clients]


def build_jobs(app: FastAPI) -> list[Job]:
    """Jobs of the leader."""

    async def run() -> None:
        await make_due_drafts(app)

    return [Job("drafts", LOOK_EVERY, run, LEAST_PAUSE)]


async def make_due_drafts(app: FastAPI) -> int:
    """The ended quarter's draft at D+4 and the running quarter's once a day; how many were made."""
    state, made = app.state, 0
    now = state.clock.now()
    for plan in due_drafts(now, rule_versions()):
        async with state.db.transaction() as session:
            due = await ListService(session, now, rule_versions()).is_due(plan)
        if not due:
            continue
        measured = await state.ingest.measure(plan.quarter, as_of(plan.quarter, now))
        async with state.db.transaction() as session:
            done = await ListService(session, now, rule_versions()).refresh(plan, measured)
        if done:
            log.info("draft_made", job=plan.job, quarter=str(plan.quarter))
            made += 1
    return made
