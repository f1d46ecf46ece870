import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import Clock, monotonic
from shared.db import Database
from shared.jobs import HEARTBEAT, Job, claim_slot, leading
from tests.shared.conftest import MakeKernel, OpenDatabase, fetch

ROOT = Path(__file__).parents[2]
SLOT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
KILL_LEADERS = (
    "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database"
    " where d.datname = current_database() and l.locktype = 'advisory' and l.granted"
)


@pytest.fixture
async def db(make_kernel: MakeKernel, open_database: OpenDatabase) -> Database:
    return open_database(await make_kernel())


def job_of(name: str, ran: list[str], every: float = 0.3) -> Job:
    async def run() -> None:
        ran.append(name)

    return Job("tick", timedelta(seconds=every), run, least=0.1)


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_one_of_three_leads(db: Database) -> None:
    ran: list[str] = []
    async with AsyncExitStack() as stack:
        for name in "abc":
            await stack.enter_async_context(leading(db.url, "svc", [job_of(name, ran)], Clock()))
        await until(lambda: len(ran) >= 4)
        await asyncio.sleep(HEARTBEAT + 0.5)  # time for the others to try again

    assert len(set(ran)) == 1
    await asyncio.sleep(0.5)
    count = len(ran)
    await asyncio.sleep(0.5)
    assert len(ran) == count  # nothing runs after the block


async def test_services_lead_apart(db: Database) -> None:
    ran: list[str] = []
    async with (
        leading(db.url, "one", [job_of("one", ran)], Clock()),
        leading(db.url, "two", [job_of("two", ran)], Clock()),
    ):
        await until(lambda: {"one", "two"} <= set(ran))


async def test_successor_takes_over_when_the_leader_leaves(db: Database) -> None:
    ran: list[str] = []
    async with leading(db.url, "svc", [job_of("second", ran)], Clock()) as _:
        pass
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        await first.enter_async_context(leading(db.url, "svc", [job_of("first", ran)], Clock()))
        await until(lambda: "first" in ran)
        await stack.enter_async_context(leading(db.url, "svc", [job_of("second", ran)], Clock()))
        await first.aclose()
        await until(lambda: "second" in ran, HEARTBEAT + 4)
        after = ran.index("second")

    assert "first" not in ran[after:]


async def test_leader_that_lost_its_connection_stops_and_one_goes_on(db: Database) -> None:
    ran: list[str] = []
    async with (
        leading(db.url, "svc", [job_of("a", ran)], Clock()),
        leading(db.url, "svc", [job_of("b", ran)], Clock()),
    ):
        await until(lambda: len(ran) >= 2)
        await fetch(db.url, KILL_LEADERS)
        await asyncio.sleep(2 * HEARTBEAT + 1)  # the heartbeat notices, somebody is elected
        ran.clear()
        await until(lambda: len(ran) >= 3)
        assert len(set(ran)) == 1


async def test_killed_leader_is_replaced(db: Database) -> None:
    """A real process, SIGKILL: PostgreSQL lets the lock go, the next candidate takes it within some seconds."""
    program = (
        "import asyncio, sys; from datetime import timedelta; from shared.clock import Clock\n"
        "from shared.jobs import Job, leading\n"
        "async def run(): print('ran', flush=True)\n"
        "async def main():\n"
        "    async with leading(sys.argv[1], 'svc', [Job('tick', timedelta(seconds=0.2), run, least=0.1)], Clock()):\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, db.url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        while b"ran" not in await asyncio.wait_for(process.stdout.readline(), 30):
            assert process.returncode is None
        ran: list[str] = []
        async with leading(db.url, "svc", [job_of("heir", ran)], Clock()):
            await asyncio.sleep(HEARTBEAT)
            assert ran == []
            process.kill()
            began = monotonic()
            await until(lambda: bool(ran))
            assert monotonic() - began < 2 * HEARTBEAT + 3
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_each_slot_once_even_with_two_leaders(db: Database) -> None:
    """A leader that was paused and lost its lock may finish a job: the slot is claimed in the same transaction."""
    done: list[str] = []

    async def effect(who: str, slot: datetime) -> None:
        async with db.transaction() as session:
            if await claim_slot(session, "escalate", slot):
                await asyncio.sleep(0.05)
                done.append(who)

    slots = [SLOT + timedelta(minutes=n) for n in range(5)]
    await asyncio.gather(*(effect(who, slot) for slot in slots for who in "abc"))
    assert len(done) == 5


async def test_claim_is_given_back_when_the_work_fails(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as session:
            assert await claim_slot(session, "escalate", SLOT)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    async with db.transaction() as session:
        assert await claim_slot(session, "escalate", SLOT)
        assert await claim_slot(session, "other", SLOT)
    async with db.transaction() as session:
        assert not await claim_slot(session, "escalate", SLOT)


async def test_job_that_fails_runs_again(db: Database) -> None:
    ran: list[str] = []

    async def fail() -> None:
        ran.append("try")
        raise ValueError("this time")

    async with leading(db.url, "svc", [Job("tick", timedelta(seconds=0.2), fail, least=0.1)], Clock()):
        await until(lambda: len(ran) >= 3)


async def test_long_interval_runs_soon_after_the_election(db: Database) -> None:
    ran: list[str] = []
    async with leading(db.url, "svc", [job_of("daily", ran, every=86_400)], Clock()):
        await until(lambda: ran == ["daily"], 8)


async def test_simulated_clock_speeds_jobs_up_to_the_least_pause(db: Database) -> None:
    ran: list[str] = []
    clock = Clock(SLOT, 0.0, 3600)
    job = job_of("x", ran, every=1800)  # half a second of real time
    async with leading(db.url, "svc", [job], clock):
        await until(lambda: len(ran) >= 4, 10)


async def test_candidate_waits_for_a_database_that_comes_later(db: Database) -> None:
    ran: list[str] = []
    # Nobody listens there: the candidate keeps trying and ends with the block.
    async with leading("postgresql+asyncpg://x@127.0.0.1:1/x", "svc", [job_of("x", ran)], Clock()):
        await asyncio.sleep(0.3)
    assert ran == []
