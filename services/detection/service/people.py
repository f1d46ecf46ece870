"""Callers as the people whom what they did is put down to."""

from datetime import datetime

from services.detection.domain.people import Person
from shared import audit
from shared.auth import Principal


def person_of(caller: Principal, at: datetime) -> Person:
    """Who calls, acting at a moment."""
    return Person(
        caller.subject, caller.name, caller.organisation_name, at, caller.name_en, caller.organisation_name_en
    )


def system_at(at: datetime) -> Person:
    """The service itself, acting at a moment."""
    return Person(audit.SYSTEM.subject, audit.SYSTEM.name, audit.SYSTEM.organisation, at)
