"""Scheduled work of identity, run by the leader: thin twins of service calls."""

from datetime import timedelta

from fastapi import FastAPI

from services.identity.service import KeyService, SessionService
from shared.jobs import Job

LEAST = 60.0
"""Real seconds between two runs even on a fast clock: sessions and keys live in real time."""


def build_jobs(app: FastAPI) -> list[Job]:
    """The jobs, reading database and clock from the app's state."""

    async def purge_sessions() -> None:
        state = app.state
        async with state.db.transaction() as session:
            await SessionService(session, state.passwords, state.guard, state.wall).purge()

    async def care_for_keys() -> None:
        async with app.state.db.transaction() as session:
            await KeyService(session, app.state.wall).care()

    return [
        Job("purge_sessions", timedelta(hours=1), purge_sessions, least=LEAST),
        Job("care_for_keys", timedelta(hours=1), care_for_keys, least=LEAST),
    ]
