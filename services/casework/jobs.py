"""Scheduled work: escalation every simulated minute, cleaning of left-behind uploads. Runs in the leader."""

import asyncio
from datetime import timedelta

from fastapi import FastAPI

from services.casework.service.desk import Desk
from services.casework.service.escalation import BATCH, EscalationService
from shared.jobs import Job, claim_slot

ESCALATION = "escalation"
MOST_ROUNDS = 50


def build_jobs(app: FastAPI) -> list[Job]:
    """The jobs of this service."""

    async def run() -> None:
        await escalate(app)

    async def sweep() -> None:
        await asyncio.to_thread(app.state.vault.sweep)

    return [Job(ESCALATION, timedelta(minutes=1), run), Job("sweep", timedelta(hours=1), sweep, least=600)]


async def escalate(app: FastAPI) -> int:
    """Escalate what is due in this minute's slot; how many. A slot that was done is not done again."""
    done = 0
    for round_number in range(MOST_ROUNDS):
        now = app.state.clock.now()
        async with app.state.db.transaction() as session:
            slot = now.replace(second=0, microsecond=0)
            if round_number == 0 and not await claim_slot(session, ESCALATION, slot):
                return 0
            found = await EscalationService(Desk(session, now)).escalate()
        done += found
        if found < BATCH:
            break
    return done
