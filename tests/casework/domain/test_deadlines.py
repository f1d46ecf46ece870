"""When things are due: tables of moments in park time, holidays and shifted workdays included."""

from datetime import UTC, datetime, timedelta

import pytest

from services.casework.domain import deadlines
from services.casework.domain.cases import moves
from services.casework.domain.machine import Party
from shared.clock import PARK_ZONE
from shared.contracts.casework import CaseAct, CaseEvent
from shared.contracts.detection import Severity
from tests.casework.makers import NOW, make_actor, make_case, make_reply


def park(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARK_ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "severity", "began", "due"),
    [
        ("screening", "A", "2026-11-23 23:30", "2026-11-24 00:30"),
        ("screening", "B", "2026-11-21 23:00", "2026-11-22 01:00"),
        ("screening", "C", "2026-11-23 09:00", "2026-11-24 10:00"),
        ("screening", "C", "2026-11-20 23:00", "2026-11-23 10:00"),  # Friday night: Monday
        ("screening", "C", "2026-09-30 16:00", "2026-10-08 10:00"),  # before the national holiday
        ("screening", "C", "2026-10-09 16:00", "2026-10-10 10:00"),  # Saturday, but a shifted workday
        ("screening", "C", "2026-09-19 16:00", "2026-09-20 10:00"),  # Sunday, but a shifted workday
        ("acknowledge", "A", "2026-10-02 03:00", "2026-10-02 03:30"),
        ("acknowledge", "B", "2026-10-02 03:00", "2026-10-02 05:00"),
        ("acknowledge", "C", "2026-10-02 03:00", "2026-10-02 11:00"),
        ("reply", "A", "2026-10-02 22:00", "2026-10-03 02:00"),
        ("reply", "B", "2026-10-02 22:00", "2026-10-03 22:00"),
        ("reply", "C", "2026-10-02 22:00", "2026-10-04 22:00"),
        ("analysis", "A", "2026-10-02 22:00", "2026-10-03 02:00"),
        ("analysis", "B", "2026-09-30 09:00", "2026-10-08 17:30"),
        ("analysis", "C", "2026-09-30 09:00", "2026-10-09 17:30"),
        ("visit", "A", "2026-11-20 09:00", "2026-11-23 17:30"),
        ("visit", "B", "2026-11-20 09:00", "2026-11-25 17:30"),
        ("visit", "C", "2026-10-09 09:00", "2026-10-15 17:30"),  # the shifted Saturday counts
        ("rectification", "minor", "2026-10-01 09:00", "2026-10-08 09:00"),
        ("rectification", "general", "2026-10-01 09:00", "2026-10-16 09:00"),
        ("rectification", "major", "2026-10-01 09:00", "2026-10-31 09:00"),
    ],
)
def test_due_moments(name: str, severity: str, began: str, due: str) -> None:
    clock = deadlines.start(name, severity, park(began))

    assert clock.due_at == park(due)
    assert (clock.name, clock.started_at, clock.params["severity"]) == (name, park(began), severity)
    assert clock.policy.startswith(f"{name}_")
    assert clock.source


@pytest.mark.parametrize(("severity", "hours"), [("A", 2), ("B", 12), ("C", 24)])
def test_a_returned_reply_has_half_the_time(severity: str, hours: int) -> None:
    clock = deadlines.start_returned(severity, NOW)

    assert clock.due_at == NOW + timedelta(hours=hours)
    assert (clock.policy, clock.params) == (
        "reply_returned_hours", {"hours": hours, "share": 0.5, "severity": severity}
    )  # fmt: skip


def test_levels_come_at_100_150_and_200_percent() -> None:
    clock = deadlines.start("reply", "A", NOW)  # 4 h
    levels = [
        (minutes, clock.level(NOW + timedelta(minutes=minutes))) for minutes in (0, 239, 240, 359, 360, 479, 480, 999)
    ]

    assert levels == [(0, 0), (239, 0), (240, 1), (359, 1), (360, 2), (479, 2), (480, 3), (999, 3)]
    assert clock.threshold(4) is None


def test_reply_limits_run_from_the_sending_whenever_receipt_is_confirmed() -> None:
    case = make_case(severity=Severity.B)
    case = moves.move(case, CaseAct(event=CaseEvent.SEND_INQUIRY), make_actor(Party.SUPERVISOR), NOW).case
    late = NOW + timedelta(hours=5)
    case = moves.escalate(case, late).case
    assert (case.state, case.overdue_level) == ("overdue", 1)
    case = moves.move(case, CaseAct(event=CaseEvent.ACKNOWLEDGE), make_actor(Party.ENTERPRISE), late).case

    assert case.clock is not None
    assert (case.state, case.overdue_level, case.clock.due_at) == ("acknowledged", 0, NOW + timedelta(hours=24))
    replied = moves.move(
        case,
        CaseAct(event=CaseEvent.REPLY, reply=make_reply()),
        make_actor(Party.ENTERPRISE),
        NOW + timedelta(hours=24),
    ).case
    assert (replied.on_time, replied.rounds) == (True, 1)


def test_the_policy_in_force_is_the_newest_that_has_begun() -> None:
    days = [policy.valid_from for policy in deadlines.policies()]

    assert days == sorted(days, reverse=True)
    assert deadlines.policy_at(datetime(1990, 1, 1, tzinfo=UTC)) == deadlines.policies()[-1]
