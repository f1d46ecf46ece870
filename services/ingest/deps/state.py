"""What the app holds, as a request finds it."""

from fastapi import Request

from services.ingest.service.intake import Intake
from shared.clock import Clock
from shared.db import Database


def db_of(request: Request) -> Database:
    """The database."""
    db: Database = request.app.state.db
    return db


def clock_of(request: Request) -> Clock:
    """The clock."""
    clock: Clock = request.app.state.clock
    return clock


def intake_of(request: Request) -> Intake:
    """The one way into the store of readings."""
    intake: Intake = request.app.state.intake
    return intake
