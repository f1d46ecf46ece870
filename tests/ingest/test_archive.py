"""Closed months in files: the same answers, late data, damage noticed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from launcher import checks
from launcher.checks import Result
from services.ingest.domain.readings import Fate, Key, Row, Value
from services.ingest.jobs import archive_jobs
from services.ingest.service.archiving import ArchiveService
from services.ingest.store.archive_files import ArchiveDamagedError, ArchiveFiles
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import FixedClock
from shared.contracts.ingest import ReadingKind, enterprise_uuid
from tests.conftest import MakeDatabase
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_sealing import T0, Seals, fill, row


class Archive(Seals):
    """The store of the other tests, a sealer and an archive."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.clock = FixedClock(datetime(2026, 3, 20, tzinfo=UTC))
        self.intake.dictionaries.archive = ArchiveFiles(folder)

    def service(self, keep: int = 0) -> ArchiveService:
        dictionaries = self.intake.dictionaries
        assert dictionaries.archive is not None
        return ArchiveService(
            self.db, dictionaries, dictionaries.archive, self.clock, after=timedelta(days=10), keep=keep
        )  # fmt: skip

    async def manifest(self) -> list[tuple[int, int, str, int]]:
        found = await self.fetch("select kind, rev, state, rows from archive_file order by kind, rev")
        return [tuple(one) for one in found]


@pytest.fixture
async def store(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Archive]:
    store = Archive(await make_database("ingest"), tmp_path / "archive")
    await store.fetch(
        """with e as (insert into enterprise(id, code, name_zh, name_en, trade, address, permit_class, key_unit, toxic,
          near_homes, large_flow, contact_name, contact_phone, active, version, changed_at)
          values (gen_random_uuid(), 'E', '', '', '', '', 'key', false, false, false, false, '', '', true, 1, now())
          returning id)
        insert into outlet(id, enterprise_id, code, name_zh, name_en, medium, minute_interval, factors, active, version,
          changed_at) select gen_random_uuid(), e.id, n::text, '', '', 'water', 1, '[]', true, 1, now()
          from e, generate_series(1, 2) n"""
    )
    yield store
    await store.db.close()


async def fill_and_archive(store: Archive) -> tuple[object, object]:
    await fill(store, 2)
    hours = [Row(Key(1, ReadingKind.HOUR, T0 + 3600 * i), {"a": Value(i / 3)}, "h") for i in range(5)]
    await store.add([*hours, row(5, point=2, c=Value(1.25, "D", 1.0))])
    before = await store.everything(), await store.track("a", T0 + 1200, T0 + 100_000)
    await store.seal()
    assert await store.service().run() == 2
    return before


async def test_months_are_written_once_and_answer_when_only_the_file_holds_them(store: Archive) -> None:
    before = await fill_and_archive(store)
    assert await store.service().run() == 0
    assert await store.manifest() == [(2, 0, "verified", 145), (3, 0, "verified", 5)]
    store.clock.advance(timedelta(days=60))
    await store.service(keep=1).run()

    assert await store.counts() == (0, 0)
    assert (await store.everything(), await store.track("a", T0 + 1200, T0 + 100_000)) == before
    assert await store.service(keep=1).check() == []


async def test_late_data_of_a_released_month_are_merged_and_keep_their_history(store: Archive) -> None:
    await fill_and_archive(store)
    store.clock.advance(timedelta(days=60))
    await store.service(keep=1).run()
    assert await store.add([row(0, a=0.0), row(40, a=7.0), row(41, a=8.0)]) == [
        Fate.UNCHANGED, Fate.CORRECTED, Fate.STORED,
    ]  # fmt: skip
    opened = await store.everything()
    await store.seal()
    (history,) = await store.fetch("select count(*) from reading_revision")

    assert await store.everything() == opened
    assert len(opened) == 72 + 1 + 5 + 1
    assert history[0] == 1
    assert await store.counts() == (0, 2)


async def test_a_month_that_changed_is_written_again(store: Archive) -> None:
    await fill_and_archive(store)
    store.clock.advance(timedelta(days=1))
    await store.add([row(41, a=8.0)])
    await store.seal()
    assert await store.service().run() == 0  # the clock of the sealer stands before the file
    await store.fetch("update series_day set changed_at = '2026-03-21'")
    store.clock.advance(timedelta(days=1))

    assert await store.service().run() == 1
    assert await store.manifest() == [(2, 0, "replaced", 145), (2, 1, "verified", 146), (3, 0, "verified", 5)]


@pytest.mark.parametrize("harm", ["flip", "lose"])
async def test_a_damaged_file_is_noticed_reported_and_not_served(store: Archive, harm: str, tmp_path: Path) -> None:
    await fill_and_archive(store)
    assert checks.archive(tmp_path, {}).detail.startswith("2 files, each with its hash")
    store.clock.advance(timedelta(days=60))
    await store.service(keep=1).run()
    files = store.intake.dictionaries.archive
    assert files is not None
    path = files.folder / "minute" / "2026-02.r0.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data) if harm == "flip" else path.unlink()

    with pytest.raises(ArchiveDamagedError):
        await store.track("a", T0, T0 + 86_400)
    told = checks.archive(tmp_path, {})
    assert (told.result, "minute/2026-02.r0.parquet is " in told.detail) == (Result.FAIL, True)
    assert [file.path for file in await store.service().check()] == ["minute/2026-02.r0.parquet"]
    assert (await store.manifest())[0][2] == "damaged"


async def test_a_file_that_differs_is_not_released(store: Archive) -> None:
    await fill_and_archive(store)
    await store.add([row(41, a=8.0)])
    await store.seal()
    before = await store.everything()
    store.clock.advance(timedelta(days=60))
    await store.service(keep=1).run()
    released = await store.fetch("select day::text from series_day where state = 'released' and point = 1 order by 1")

    assert [one[0] for one in released] == ["2026-02-21"]
    assert await store.everything() == before


async def test_the_state_of_the_archive_is_not_for_enterprises(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    await ingest.send(outlet, ReadingKind.HOUR, (NOW - timedelta(days=40), {"a": 1.0}))
    state = ingest.app.state
    for job in archive_jobs(state.db, state.intake, state.clock, state.settings):
        await job.run()
    told = await ingest.as_(Role.SUPERVISOR).get_archive()

    with pytest.raises(ServiceCallError, match="scope"):
        await ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1")).get_archive()
    assert [(file.kind, file.rows, file.state.value, len(file.sha256)) for file in told.files] == [
        (ReadingKind.HOUR, 1, "verified", 64)
    ]
    assert (told.sealed_until, told.opened_again, told.faults) == (None, 0, [])
