import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from launcher.clock import UNSEEN, Wish, parse, resume
from launcher.errors import LauncherError
from shared.clock import Clock, wall

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def note(folder: Path, *, noted: timedelta = timedelta(), stopped: bool = True, **more: object) -> Path:
    """What a run left that was last seen `noted` ago, at New Year in simulated time, sixty times as fast."""
    path = folder / "clock.json"
    content = {
        "simulated": True,
        "now": NEW_YEAR.isoformat(),
        "noted_at": (wall() - noted).isoformat(),
        "speed": 60.0,
        "asked": None,
        "stopped": stopped,
    }
    path.write_text(json.dumps(content | more))
    return path


def test_real_time_by_default(tmp_path: Path) -> None:
    timeline = resume(tmp_path / "clock.json", Wish())
    timeline.save(tmp_path / "clock.json", stopped=True)

    assert timeline.environment() == {}
    assert resume(tmp_path / "clock.json", Wish()).environment() == {}


def test_children_read_the_same_time(tmp_path: Path) -> None:
    timeline = resume(tmp_path / "clock.json", Wish(NEW_YEAR, 3600.0))
    theirs = Clock.from_env(timeline.environment())

    assert theirs == timeline.clock
    assert theirs.start == NEW_YEAR


def test_speed_alone_starts_now(tmp_path: Path) -> None:
    clock = resume(tmp_path / "clock.json", Wish(speed=60.0)).clock

    assert clock.start is not None
    assert abs(clock.start - wall()) < timedelta(seconds=5)
    assert clock.speed == 60.0


def test_goes_on_where_it_stopped_however_long_ago(tmp_path: Path) -> None:
    clock = resume(note(tmp_path, noted=timedelta(days=3)), Wish()).clock

    assert (clock.start, clock.speed) == (NEW_YEAR, 60.0)
    assert resume(note(tmp_path), Wish(speed=5.0)).clock.speed == 5.0


def test_after_a_kill_time_is_later_than_anybody_saw(tmp_path: Path) -> None:
    soon = resume(note(tmp_path, noted=timedelta(seconds=1), stopped=False), Wish()).clock.start
    late = resume(note(tmp_path, noted=timedelta(days=3), stopped=False), Wish()).clock.start

    assert soon is not None
    assert timedelta(seconds=60) <= soon - NEW_YEAR < timedelta(seconds=120)
    assert late == NEW_YEAR + UNSEEN * 60


def test_same_command_line_again_goes_on(tmp_path: Path) -> None:
    asked = NEW_YEAR - timedelta(days=10)
    path = note(tmp_path, asked=asked.isoformat())

    assert resume(path, Wish(asked, 60.0)).clock.start == NEW_YEAR


def test_forward_is_allowed_and_back_is_not(tmp_path: Path) -> None:
    path = note(tmp_path)
    later = NEW_YEAR + timedelta(days=30)

    assert resume(path, Wish(later)).clock.start == later
    with pytest.raises(LauncherError, match=r"already lived until 2026-01-01T08:00:00\+08:00"):
        resume(path, Wish(NEW_YEAR - timedelta(seconds=1)))


def test_lived_in_real_time_cannot_become_the_past(tmp_path: Path) -> None:
    path = note(tmp_path, simulated=False, now=wall().isoformat(), speed=1.0)

    with pytest.raises(LauncherError, match="already lived until"):
        resume(path, Wish(NEW_YEAR))
    assert resume(path, Wish()).environment() == {}


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_time_must_go_on(tmp_path: Path, speed: float) -> None:
    with pytest.raises(LauncherError, match="must be above 0"):
        resume(tmp_path / "clock.json", Wish(speed=speed))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-01T00:00+08:00", datetime(2025, 12, 31, 16, tzinfo=UTC)),
        ("2026-01-01T00:00", datetime(2025, 12, 31, 16, tzinfo=UTC)),
        ("2026-01-01", datetime(2025, 12, 31, 16, tzinfo=UTC)),
        ("2026-01-01T00:00:00Z", NEW_YEAR),
    ],
)
def test_time_on_the_command_line(text: str, utc: datetime) -> None:
    assert parse(text) == utc


def test_nonsense_is_refused() -> None:
    with pytest.raises(LauncherError, match="not a time"):
        parse("tomorrow")
