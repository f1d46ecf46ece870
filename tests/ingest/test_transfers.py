"""Imports and exports as jobs: life cycle, progress, cancel, restart, who sees them, limits of files."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.ingest.domain.transfers import TRANSFERS, IllegalTransferError, SealedError, move
from services.ingest.service.transfers.desk import forget_files
from services.ingest.service.transfers.kinds import Kind, Kinds, Outcome, Work
from services.ingest.service.transfers.runner import INTERRUPTED, Runner
from services.ingest.store.transfers import TransferStore
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import wall
from shared.contracts.ingest.transfers import (
    ImportMode,
    RowError,
    TransferDirection,
    TransferEvent,
    TransferState,
)
from shared.errors import InvalidError
from tests.ingest.conftest import Ingest


async def _count(work: Work) -> Outcome:
    for step in range(5):
        await work.progress(step, 5)
    work.target.write_bytes(b"five")
    return Outcome({"rows": 5}, file_name="five.txt")


async def _look(work: Work) -> Outcome:
    assert work.source is not None
    text = work.source.read_text()
    if "bad" in text:
        raise InvalidError("line 1 is bad")
    async with work.db.transaction() as session:
        await work.seal(session)
    return Outcome({"good": 1}, [RowError(line=2, code="unknown", message="not known")])


KINDS = Kinds(
    (
        Kind(name="test.count", direction=TransferDirection.EXPORT, formats=("txt",), scope="registry:read",
             run=_count),
        Kind(name="test.look", direction=TransferDirection.IMPORT, formats=("txt",), scope="registry:write",
             run=_look),
    )
)  # fmt: skip


@pytest.fixture
def runner(ingest: Ingest) -> Runner:
    found: Runner = ingest.app.state.transfers
    found.kinds = KINDS
    return found


def test_every_pair_of_the_life_cycle() -> None:
    allowed = {(source, rule.event): rule.target for rule in TRANSFERS for source in rule.sources}
    for state in TransferState:
        for event in TransferEvent:
            if (state, event) in allowed:
                assert move(state, event) is allowed[state, event]
            else:
                with pytest.raises(IllegalTransferError):
                    move(state, event)
    with pytest.raises(SealedError):
        move(TransferState.RUNNING, TransferEvent.CANCEL, sealed=True)


async def test_an_export_runs_off_the_request_and_its_file_is_fetched(ingest: Ingest, runner: Runner) -> None:
    asked = await ingest.client.start_export("test.count")
    assert (asked.state, asked.done, asked.may_cancel) == (TransferState.QUEUED, 0, True)

    assert await runner.run_one()
    assert not await runner.run_one()

    done = await ingest.client.get_transfer(asked.id)
    assert (done.state, done.result, done.file_size, done.file_name) == (TransferState.DONE, {"rows": 5}, 4, "five.txt")
    assert await ingest.client.read_transfer_file(asked.id) == b"five"


async def test_an_import_is_checked_then_applied_from_the_same_file(ingest: Ingest, runner: Runner) -> None:
    check = await ingest.client.start_import("test.look", "rows.txt", b"good")
    await runner.run_one()
    checked = await ingest.client.get_transfer(check.id)
    assert (checked.state, checked.may_apply, checked.error_count) == (TransferState.DONE, True, 1)
    assert checked.errors[0].line == 2

    applied = await ingest.client.apply_transfer(check.id, mode=ImportMode.GOOD_ROWS)
    await runner.run_one()
    done = await ingest.client.get_transfer(applied.id)
    assert (done.state, done.parameters["mode"], done.may_apply) == (TransferState.DONE, "good_rows", False)
    with pytest.raises(ServiceCallError) as caught:
        await ingest.client.apply_transfer(applied.id)
    assert caught.value.status == 409


async def test_a_failed_job_says_why(ingest: Ingest, runner: Runner) -> None:
    asked = await ingest.client.start_import("test.look", "rows.txt", b"bad")
    await runner.run_one()
    failed = await ingest.client.get_transfer(asked.id)
    assert (failed.state, failed.reason) == (TransferState.FAILED, "line 1 is bad")


async def test_a_cancelled_job_ends_at_its_next_step_and_leaves_no_file(ingest: Ingest, runner: Runner) -> None:
    waiting = await ingest.client.start_export("test.count")
    assert (await ingest.client.cancel_transfer(waiting.id)).state is TransferState.CANCELLED
    assert not await runner.run_one()

    async def cancelled_on_the_way(work: Work) -> Outcome:
        await ingest.client.cancel_transfer(work.id)
        return await _count(work)

    runner.kinds = Kinds([Kind(**{**vars(KINDS.get("test.count")), "run": cancelled_on_the_way})])
    running = await ingest.client.start_export("test.count")
    assert await runner.run_one()
    assert (await ingest.client.get_transfer(running.id)).state is TransferState.CANCELLED
    assert not runner.shelf.target(running.id).exists()
    assert not runner.shelf.part(running.id).exists()


async def test_a_job_whose_process_died_is_taken_up_again_then_fails_with_a_reason(
    ingest: Ingest, runner: Runner
) -> None:
    asked = await ingest.client.start_export("test.count")
    for attempt in (1, 2, 3):
        async with runner.db.transaction() as session:
            await TransferStore(session).change(
                asked.id, TransferState.QUEUED, state="running", attempts=attempt, beat_at=wall() - timedelta(minutes=1)
            )
        await runner.recover()
    failed = await ingest.client.get_transfer(asked.id)
    assert (failed.state, failed.reason) == (TransferState.FAILED, INTERRUPTED)

    again = await ingest.client.start_export("test.count")
    async with runner.db.transaction() as session:
        await TransferStore(session).change(again.id, TransferState.QUEUED, state="running", beat_at=wall())
    await runner.recover()
    assert (await ingest.client.get_transfer(again.id)).state is TransferState.RUNNING  # its process still beats


async def test_the_runner_does_the_work_by_itself(ingest: Ingest, runner: Runner) -> None:
    async with runner.running():
        asked = await ingest.client.start_export("test.count")
        for _ in range(200):
            done = await ingest.client.get_transfer(asked.id)
            if done.state is TransferState.DONE:
                break
    assert done.state is TransferState.DONE


async def test_only_the_own_organisation_sees_a_job(ingest: Ingest, runner: Runner) -> None:
    first, second = await ingest.enterprise("A"), await ingest.enterprise("B")
    alice = ingest.as_(Role.ENTERPRISE, name="alice", enterprise_id=first, organisation="A")
    bob = ingest.as_(Role.ENTERPRISE, name="bob", enterprise_id=second, organisation="B")
    same_name = ingest.as_(Role.ENTERPRISE, name="carol", enterprise_id=second, organisation="A")
    admin = ingest.as_(Role.ADMIN)
    asked = await alice.start_export("test.count")
    await runner.run_one()

    for stranger in (bob, same_name):
        assert (await stranger.list_transfers()).items == []
        for call in (stranger.get_transfer, stranger.read_transfer_file, stranger.cancel_transfer):
            with pytest.raises(ServiceCallError) as caught:
                await call(asked.id)
            assert caught.value.status == 404
        with pytest.raises(ServiceCallError) as caught:
            await stranger.apply_transfer(asked.id)
        assert caught.value.status == 404
    assert [item.id for item in (await alice.list_transfers()).items] == [asked.id]
    assert [item.id for item in (await admin.list_transfers()).items] == [asked.id]
    assert [item.kind for item in await alice.list_transfer_kinds()] == ["test.count"]


async def test_who_may_start_what(ingest: Ingest, runner: Runner) -> None:
    assert runner.kinds is KINDS
    enterprise = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise())
    cases = [(enterprise, "test.look", 403), (ingest.client, "test.none", 404), (ingest.client, "test.count", 404)]
    for client, kind, status in cases:
        with pytest.raises(ServiceCallError) as caught:
            await client.start_import(kind, "a.txt", b"x")
        assert caught.value.status == status


async def test_files_have_limits_and_an_end(ingest: Ingest, runner: Runner) -> None:
    for name, content, status in (("a.exe", b"x", 422), ("a.txt", b"", 422), ("a.txt", b"x" * 100_000_000, 413)):
        with pytest.raises(ServiceCallError) as caught:
            await ingest.client.start_import("test.look", name, content)
        assert caught.value.status == status
    assert list(runner.shelf.source(uuid4()).parent.glob("*.in")) == []

    asked = await ingest.client.start_export("test.count")
    await runner.run_one()
    ingest.clock.advance(timedelta(days=6))
    assert await forget_files(runner) == 0
    ingest.clock.advance(timedelta(days=2))
    assert await forget_files(runner) == 1
    with pytest.raises(ServiceCallError) as caught:
        await ingest.client.read_transfer_file(asked.id)
    assert caught.value.status == 410


async def test_a_person_has_at_most_twenty_open_jobs(ingest: Ingest, runner: Runner) -> None:
    assert runner.kinds is KINDS
    ids: set[UUID] = set()
    for _ in range(20):
        ids.add((await ingest.client.start_export("test.count")).id)
    with pytest.raises(ServiceCallError) as caught:
        await ingest.client.start_export("test.count")
    assert caught.value.status == 429
    pages, cursor = set(), None
    while True:
        page = await ingest.client.list_transfers(cursor=cursor, limit=7)
        pages |= {item.id for item in page.items}
        cursor = page.next
        if cursor is None:
            break
    assert pages == ids
