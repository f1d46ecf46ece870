import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from launcher.kinship import birth_of
from launcher.supervise import Policy, ProcessFailedError, Program, Supervisor, end_orphans, rotate

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
QUICK = Policy(first_delay=0.01, longest_delay=0.05)


def program(name: str, script: str, *arguments: object, **more: object) -> Program:
    command = (sys.executable, "-S", "-E", "-c", script, *map(str, arguments))
    return Program(name=name, command=command, environment=dict(os.environ), **more)  # type: ignore[arg-type]


@dataclass
class Stage:
    """A supervisor in a folder, and what it said."""

    folder: Path
    said: list[str] = field(default_factory=list)
    supervisor: Supervisor = field(init=False)

    def make(self, policy: Policy = QUICK) -> Supervisor:
        self.supervisor = Supervisor(
            self.folder / "logs", self.folder / "processes.json", say=self.said.append, policy=policy
        )
        return self.supervisor

    def pid(self, name: str) -> int:
        return self.supervisor.children[name].process.pid


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    made.make()
    yield made
    await made.supervisor.stop()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), seconds)


def gone(pid: int) -> bool:
    return birth_of(pid) is None


async def test_killed_child_is_restarted(stage: Stage) -> None:
    await stage.supervisor.start(program("one", SLEEP))
    first = stage.pid("one")
    os.kill(first, signal.SIGKILL)
    await until(lambda: stage.pid("one") != first)

    assert stage.supervisor.children["one"].restarts == 1
    assert stage.said == ["one ended with signal SIGKILL; restarting in 0.01 s"]
    noted = json.loads((stage.folder / "processes.json").read_text())
    assert [(entry["name"], entry["pid"]) for entry in noted] == [("one", stage.pid("one"))]


async def test_back_off_grows_and_crash_loop_is_given_up_with_its_log(stage: Stage) -> None:
    crash = program("bad", "print('no such table: cases'); raise SystemExit(3)", ready=lambda _pid: "not yet")

    with pytest.raises(ProcessFailedError, match=r"bad died 5 times within 60 s, last by exit code 3") as caught:
        await stage.supervisor.start(crash)
    assert "no such table: cases" in caught.value.message
    assert [line.rpartition(" in ")[2] for line in stage.said] == ["0.01 s", "0.02 s", "0.04 s", "0.05 s"]
    assert stage.supervisor.failed.exception() is caught.value


async def test_deaths_far_apart_are_forgiven(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    supervisor = stage.make(Policy(most_deaths=2, within=0.2, first_delay=0.3))
    await supervisor.start(program("frail", "import time; time.sleep(0.1)"))
    await until(lambda: supervisor.children["frail"].restarts == 3)

    assert not supervisor.failed.done()
    await supervisor.stop()


async def test_start_waits_until_ready(stage: Stage) -> None:
    flag = stage.folder / "flag"
    script = "import sys, time; time.sleep(0.3); open(sys.argv[1], 'w').close(); time.sleep(60)"
    await stage.supervisor.start(program("slow", script, flag, ready=lambda _pid: "" if flag.exists() else "no flag"))

    assert flag.exists()


async def test_never_ready_is_an_error_with_the_reason(stage: Stage) -> None:
    dumb = program("dumb", SLEEP, ready=lambda _pid: "503 no database", ready_within=0.3)

    with pytest.raises(ProcessFailedError, match=r"dumb was not ready after 0\.3 s \(503 no database\)"):
        await stage.supervisor.start(dumb)


async def test_missing_program_is_an_error(stage: Stage) -> None:
    with pytest.raises(ProcessFailedError, match="cannot be started"):
        await stage.supervisor.start(Program("none", ("/no/such/program",), {}))


async def test_one_shot(stage: Stage) -> None:
    done = stage.folder / "done"
    await stage.supervisor.run(program("make", "import sys; open(sys.argv[1], 'w').close()", done), within=10)
    assert done.exists()

    with pytest.raises(ProcessFailedError, match=r"(?s)make failed with exit code 4.*broken"):
        await stage.supervisor.run(program("make", "print('broken'); raise SystemExit(4)"), within=10)
    with pytest.raises(ProcessFailedError, match=r"hang took longer than 0\.3 s"):
        await stage.supervisor.run(program("hang", SLEEP), within=0.3)


async def test_stops_in_reverse_and_lets_each_finish(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    supervisor = stage.make()
    order = tmp_path / "order"
    script = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    time.sleep(0.1); open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop); open(sys.argv[1] + sys.argv[2], 'w').close(); time.sleep(60)"
    )
    for name in "abc":
        started = Path(f"{order}{name}")

        def ready(_pid: int, flag: Path = started) -> str:
            return "" if flag.exists() else "starting"

        await supervisor.start(program(name, script, order, name, ready=ready))
    await supervisor.stop()

    assert order.read_text() == "cba"
    assert stage.said == []
    assert not (tmp_path / "processes.json").exists()


async def test_stubborn_child_and_its_children_are_killed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    supervisor = stage.make()
    note = tmp_path / "grandchild"
    script = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pid = os.fork()\n"
        "if pid: open(sys.argv[1] + '.tmp', 'w').write(str(pid)); os.rename(sys.argv[1] + '.tmp', sys.argv[1])\n"
        "time.sleep(60)"
    )
    await supervisor.start(
        program("mule", script, note, stop_within=0.3, ready=lambda _pid: "" if note.exists() else "no grandchild")
    )
    pids = [stage.pid("mule"), int(note.read_text())]
    await supervisor.stop()
    await until(lambda: all(gone(pid) for pid in pids))

    assert stage.said == ["mule did not stop within 0.3 s and is killed"]


async def test_logs_are_appended_and_rotated(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    supervisor = stage.make(Policy(log_bytes=1000))
    script = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.005)"
    await supervisor.start(program("chatty", script))
    log = supervisor.log_of("chatty")
    await until(lambda: log.with_name("chatty.log.1").exists())
    await until(lambda: log.stat().st_size > 0)
    await supervisor.stop()

    assert log.read_bytes()[:100] == b"x" * 99 + b"\n"  # cut, and no hole where the old text was


def test_three_old_logs_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for number in range(5):
        log.write_text(str(number))
        rotate(log)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.log": "",
        "a.log.1": "4",
        "a.log.2": "3",
        "a.log.3": "2",
    }


LAUNCHER = """
import asyncio, os, sys
from pathlib import Path
from launcher.supervise import Program, Supervisor
async def main():
    supervisor = Supervisor(Path(sys.argv[1]) / "logs", Path(sys.argv[1]) / "processes.json")
    await supervisor.start(Program("child", (sys.executable, "-c", "import time; time.sleep(60)"), dict(os.environ)))
    print(supervisor.children["child"].process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent is gone")
async def test_child_dies_with_a_killed_launcher(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LAUNCHER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(await asyncio.wait_for(process.stdout.readline(), 10))
    assert not gone(child)
    process.kill()
    await process.wait()

    await until(lambda: gone(child))
    assert (tmp_path / "processes.json").exists()


def test_noted_orphans_are_ended_and_strangers_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        subprocess.Popen(command, process_group=0) as orphan,
        subprocess.Popen(command, process_group=0) as stranger,
    ):
        registry = tmp_path / "processes.json"
        entries = [
            {"name": "ingest", "pid": orphan.pid, "birth": birth_of(orphan.pid)},
            {"name": "grading", "pid": stranger.pid, "birth": "12345"},  # its number now belongs to another
        ]
        registry.write_text(json.dumps(entries))
        said: list[str] = []
        end_orphans(registry, patience=5, say=said.append)

        assert orphan.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
        assert said == [f"ingest ({orphan.pid}) was left over from a killed launcher and is stopped"]
        assert not registry.exists()
        stranger.kill()
