"""The life of one `sanse up`: lock, checks, run, wait, stop."""

import asyncio
import os
import signal
from typing import Any

from launcher import checks, clock, stackfile
from launcher.checks import Result
from launcher.errors import LauncherError
from launcher.lock import FolderLock
from launcher.run import ANY_HOST, Options, Run
from launcher.screen import Screen
from launcher.stack import STOP_SECONDS, bracketed
from launcher.stackfile import StackFile
from launcher.supervise import end_orphans

LOOPBACK = ("127.", "::1", "localhost")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


async def live(options: Options, wish: clock.Wish, screen: Screen) -> int:
    """One whole run; the exit code: 0 after a clean stop, 130 when stopped before it was ready."""
    folder = options.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    web = f"http://{bracketed(ANY_HOST.get(options.host, options.host))}:{options.port_base}"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    heard = [number for number in SIGNALS if not _is_muted(number)]
    for number in heard:
        loop.add_signal_handler(number, stop.set)
    try:
        with FolderLock(folder, web=web):
            stackfile.withdraw(folder)
            await asyncio.to_thread(end_orphans, folder / "processes.json", patience=STOP_SECONDS, say=screen.note)
            _check(options, screen)
            return await _live(Run(options, clock.resume(folder / "clock.json", wish), screen), screen, stop)
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


def _is_muted(number: signal.Signals) -> bool:
    """Whether `nohup` asked us not to mind the terminal's end."""
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


async def _live(run: Run, screen: Screen, stop: asyncio.Event) -> int:
    stopped = asyncio.create_task(stop.wait())
    work = asyncio.create_task(run.up())
    ends: set[asyncio.Future[Any]] = {stopped, run.failed}
    try:
        await asyncio.wait({work, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if run.failed.done():
            await run.failed
        if not work.done():
            screen.note("已中断 Interrupted; stopping what was started")
            return INTERRUPTED
        _tell(screen, await work, run)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if run.failed.done():
            await run.failed
        return 0
    finally:
        for task in (work, stopped):
            task.cancel()
        await asyncio.gather(work, stopped, return_exceptions=True)
        await run.down()
        screen.bye()


def _check(options: Options, screen: Screen) -> None:
    """What would make the start fail, said before it does."""
    found = [
        checks.python(),
        checks.disk(options.folder),
        checks.ports(options.host, options.port_base),
        checks.embedded(os.environ),
    ]
    for check in found:
        if check.result is Result.FAIL:
            raise LauncherError(f"{check.name}: {check.detail}", remedy=check.remedy)
        if check.result is Result.WARN:
            screen.note(f"{check.name}: {check.detail} ({check.remedy})")
    screen.done("检查 Checks", ", ".join(f"{check.name} {check.detail}" for check in found[:2]))
    if options.demo and not options.host.startswith(LOOPBACK):
        screen.note(f"listening on {options.host}: the demo's passwords are known to everybody who can reach it")


def _tell(screen: Screen, stack: StackFile, run: Run) -> None:
    screen.ready(stack, str(run.folder))
    if stack["logins"]:
        screen.logins(stack)
    screen.hint()
