"""The stack's clock over several runs: simulated time is continued, and never jumps back.

`clock.json` in the data folder says every two seconds what time it is. After a clean stop the next run
goes on at exactly that time; after a kill a little later, because time went on for a moment unseen.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from launcher.errors import LauncherError
from launcher.private_file import read_private, write_private
from shared.clock import PARK_ZONE, Clock, wall

SAVE_SECONDS = 2.0
UNSEEN = timedelta(seconds=10)
"""Real time that may have passed between the last note and a kill."""


@dataclass(frozen=True)
class Wish:
    """What the command line asks for: a start, a speed, or neither."""

    start: datetime | None = None
    speed: float | None = None


@dataclass(frozen=True)
class Timeline:
    """A running clock and the start that was once asked for."""

    clock: Clock
    asked: datetime | None = None

    def environment(self) -> dict[str, str]:
        """What the processes are told; nothing on real time."""
        if self.clock.start is None:
            return {}
        return {
            "SANSE_CLOCK_START": self.clock.start.isoformat(),
            "SANSE_CLOCK_ORIGIN": repr(self.clock.origin),
            "SANSE_CLOCK_SPEED": repr(self.clock.speed),
        }

    def save(self, path: Path, *, stopped: bool = False) -> None:
        """Note the time; `stopped` says that nothing runs any more."""
        note = {
            "simulated": self.clock.start is not None,
            "now": self.clock.now().isoformat(),
            "noted_at": wall().isoformat(),
            "speed": self.clock.speed,
            "asked": self.asked.isoformat() if self.asked else None,
            "stopped": stopped,
        }
        write_private(path, note, durable=stopped)


def parse(text: str) -> datetime:
    """A time from the command line; without a zone it is the park's (Beijing time)."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise LauncherError(f"--clock {text}: not a time", remedy="write it as 2026-01-01T00:00+08:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=PARK_ZONE)).astimezone(UTC)


def resume(path: Path, wish: Wish) -> Timeline:
    """The clock of this run, after what `clock.json` says of the earlier ones."""
    if wish.speed is not None and wish.speed <= 0:
        raise LauncherError(f"--speed {wish.speed:g}: must be above 0")
    note = read_private(path)
    if note is None:
        if wish.start is None and wish.speed is None:
            return Timeline(Clock())
        return _from(wish.start or wall(), wish.speed or 1.0, wish.start)
    reached = _reached(note)
    asked = datetime.fromisoformat(note["asked"]) if note["asked"] else None
    if wish.start is not None and wish.start != asked:
        if wish.start < reached:
            raise LauncherError(
                f"--clock {_local(wish.start)}: this folder has already lived until {_local(reached)}",
                remedy="leave --clock out to go on from there, or give another folder with --data",
            )
        return _from(wish.start, wish.speed or note["speed"], wish.start)
    if not note["simulated"]:
        return Timeline(Clock()) if wish.speed is None else _from(max(reached, wall()), wish.speed, None)
    return _from(reached, wish.speed or note["speed"], asked)


def _from(start: datetime, speed: float, asked: datetime | None) -> Timeline:
    return Timeline(Clock(start.astimezone(UTC), wall().timestamp(), speed), asked)


def _reached(note: dict[str, str]) -> datetime:
    """The latest time any process may have seen."""
    now = datetime.fromisoformat(note["now"])
    if note["stopped"]:
        return now
    passed = wall() - datetime.fromisoformat(note["noted_at"])
    return now + max(timedelta(), min(passed, UNSEEN)) * float(note["speed"])


def _local(at: datetime) -> str:
    return at.astimezone(PARK_ZONE).isoformat(timespec="seconds")
