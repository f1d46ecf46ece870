"""Heavy work beside the event loop: few reports at a time, each with an end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

from services.detection.gateways import Readings
from shared.errors import AppError, UnavailableError

THREADS = 2
MOST_AT_ONCE = 4
SECONDS = 40.0
"""A report takes at most this; what it has asked a thread for ends by itself, as its size is bounded."""

Result = TypeVar("Result")
Given = TypeVarTuple("Given")


class MiningBusyError(UnavailableError):
    """As many reports as may be are being made."""

    code = "mining_busy"


class MiningTimeoutError(AppError):
    """The report would take too long."""

    code = "mining_timeout"
    status = 503


class Miner:
    """Where readings come from, and the threads that count."""

    def __init__(self, readings: Readings | None, *, seconds: float = SECONDS) -> None:
        self._readings = readings
        self._seconds = seconds
        self._running = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mining")

    @property
    def readings(self) -> Readings:
        """Ingest's readings; raises where no address of ingest is configured."""
        if self._readings is None:
            raise UnavailableError("readings cannot be asked for here: no address of ingest is configured")
        return self._readings

    @asynccontextmanager
    async def report(self) -> AsyncIterator[None]:
        """The time and the place of one report."""
        if self._running >= MOST_AT_ONCE:
            raise MiningBusyError(f"{MOST_AT_ONCE} reports are being made; try again", retry_after=10)
        self._running += 1
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError as error:
            raise MiningTimeoutError(
                f"not done within {self._seconds:g} s; ask for a shorter span, fewer outlets, or hours",
                seconds=self._seconds,
            ) from error
        finally:
            self._running -= 1

    async def run(self, work: Callable[[*Given], Result], *given: *Given) -> Result:
        """The result of `work`, done in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def close(self) -> None:
        """End the threads after what they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)
