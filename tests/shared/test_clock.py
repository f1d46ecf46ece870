import os
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import Clock, FixedClock, monotonic, wall

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_real_time_without_settings() -> None:
    clock = Clock.from_env({})

    assert abs(clock.now() - wall()) < timedelta(seconds=5)
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.speed == 1


@pytest.mark.parametrize(("speed", "passed"), [(1, 100), (600, 60_000), (0.5, 50)])
def test_simulated_time_from_origin(speed: float, passed: float) -> None:
    origin = wall().timestamp() - 100
    clock = Clock(START, origin, speed)

    assert abs(clock.now() - (START + timedelta(seconds=passed))) < timedelta(seconds=2 * speed)


def test_processes_with_the_same_environment_agree() -> None:
    env = {
        "SANSE_CLOCK_START": "2026-01-01T08:00:00+08:00", "SANSE_CLOCK_ORIGIN": str(wall().timestamp() - 10),
        "SANSE_CLOCK_SPEED": "600",
    }  # fmt: skip
    one, other = Clock.from_env(env), Clock.from_env(dict(env))

    assert one == other
    assert one.start == START
    assert abs(other.now() - one.now()) < timedelta(seconds=60)
    assert one.now() - START > timedelta(seconds=5990)


def test_start_without_origin_is_now() -> None:
    clock = Clock.from_env({"SANSE_CLOCK_START": "2026-01-01T00:00Z"})

    assert timedelta(0) <= clock.now() - START < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SANSE_CLOCK_START": "2026-01-01T00:00"}, "needs a zone"),
        ({"SANSE_CLOCK_START": "yesterday"}, "Invalid isoformat"),
        ({"SANSE_CLOCK_START": "2026-01-01T00:00Z", "SANSE_CLOCK_SPEED": "0"}, "above 0"),
        ({"SANSE_CLOCK_START": "2026-01-01T00:00Z", "SANSE_CLOCK_SPEED": "-1"}, "above 0"),
        ({"SANSE_CLOCK_START": "2026-01-01T00:00Z", "SANSE_CLOCK_SPEED": "fast"}, "fast"),
    ],
)
def test_wrong_settings_are_refused(env: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Clock.from_env(env)


@pytest.mark.parametrize(
    ("speed", "span", "least", "seconds"),
    [(1, 60, 0, 60), (600, 60, 0, 0.1), (600, 60, 1, 1), (3600, 86_400, 0.05, 24)],
)
def test_real_seconds(speed: float, span: float, least: float, seconds: float) -> None:
    assert Clock(START, 0, speed).real_seconds(timedelta(seconds=span), least=least) == pytest.approx(seconds)


async def test_sleep_is_simulated() -> None:
    began = monotonic()
    await Clock(START, 0, 3600).sleep(timedelta(minutes=10))

    assert 0.15 < monotonic() - began < 1.5


def test_fixed_clock_moves_by_hand() -> None:
    clock = FixedClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1)
    clock.set(START)
    assert clock.now() == START


def test_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANSE_CLOCK_START", "2026-01-01T00:00Z")

    assert Clock.from_env(os.environ).start == START
