"""A failed check and an overdue one, recorded at ingest, become cases through detection."""

from datetime import timedelta

from services.detection.jobs import build_jobs
from shared.clients.ingest import IngestClient
from shared.contracts.casework import CaseState
from shared.contracts.detection import Severity
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.marks import MarkIn
from shared.contracts.ingest.qa import QaIn, QaKind, QaPair
from tests.system.conftest import SECRET, START, Park, TokenSource, until
from tests.system.test_story import COD, OUTLET, register

DAY = timedelta(days=1)


async def test_checks_at_ingest_become_cases(park: Park) -> None:
    await register(park)
    bad = QaIn(outlet_id=OUTLET, factor=COD, kind=QaKind.STANDARD_CHECK, at=START - DAY,
               pairs=[QaPair(reference=100.0, reading=140.0)])  # fmt: skip
    old = QaIn(outlet_id=OUTLET, factor=COD, kind=QaKind.COMPARISON, at=START - 40 * DAY,
               pairs=[QaPair(reference=40.0, reading=40.0)])  # fmt: skip
    for record in (bad, old):
        await park.ingest.add_qa_record(record)
    token = TokenSource("http://identity", "sanse-detection", SECRET, park.network)
    async with IngestClient("http://ingest", token, transport=park.network) as client:
        jobs = {job.name: job for job in build_jobs(park.apps["detection"], client)}

        async def looked() -> dict[str, Severity]:
            await jobs["look_at_duties"].run()
            await jobs["look_at_shares"].run()
            return {one.rule: one.severity for one in (await park.detection.list_anomalies()).items}

        found = await until(looked, lambda known: len(known) == 2)
    assert found == {"CAL": Severity.B, "CAL-FAIL": Severity.B}
    cases = await until(park.casework.list_cases, lambda page: bool(page.items))
    assert {case.state for case in cases.items} == {CaseState.SCREENING}
    assert {case.factor for case in cases.items} == {COD}


async def test_a_duty_of_the_whole_outlet_has_a_name_in_its_case(park: Park) -> None:
    await register(park)
    mark = MarkIn(outlet_id=OUTLET, code="device_fault", since=START - 5 * DAY, until=START - 4 * DAY, reason="故障")
    await park.ingest.as_user(await park.as_("firm")).add_mark(mark)
    token = TokenSource("http://identity", "sanse-detection", SECRET, park.network)
    async with IngestClient("http://ingest", token, transport=park.network) as client:
        jobs = {job.name: job for job in build_jobs(park.apps["detection"], client)}

        async def looked() -> list[str]:
            await jobs["look_at_duties"].run()
            return [one.rule for one in (await park.detection.list_anomalies()).items]

        assert await until(looked, bool) == ["LATE-MARK"]
    (case,) = (await until(park.casework.list_cases, lambda page: bool(page.items))).items
    assert (case.factor, case.factor_name_zh, case.factor_name_en) == (WHOLE_OUTLET, "全排口", "whole outlet")
