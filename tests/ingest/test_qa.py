from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import Medium, OutletFactor, OutletIn
from shared.contracts.ingest.qa import ErrorKind, QaIn, QaKind, QaPair, QaState
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_mark_evidence import PDF
from tests.ingest.test_registry import audit_of, feed_of

DAY = timedelta(days=1)
GAS: dict[str, Any] = {
    "medium": Medium.GAS,
    "factors": [
        OutletFactor(factor="a21026", unit="mg/m³", span_low=0, span_high=200),
        OutletFactor(factor="a01012", unit="°C"),
    ],
}


async def gas_outlet(ingest: Ingest, code: str = "A1", enterprise: str = "E1") -> UUID:
    enterprise_id = await ingest.enterprise(enterprise)
    return (await ingest.client.add_outlet(OutletIn(enterprise_id=enterprise_id, code=code, name_zh=code, **GAS))).id


def given(outlet_id: UUID, *pairs: tuple[float, float], **fields: Any) -> QaIn:
    plain: dict[str, Any] = {
        "outlet_id": outlet_id, "factor": "a21026", "kind": QaKind.SPAN, "at": NOW - DAY,
        "pairs": [QaPair(reference=reference, reading=reading) for reference, reading in pairs or ((160.0, 164.0),)],
    }  # fmt: skip
    return QaIn(**plain | fields)


async def test_a_span_check_is_judged_by_its_full_scale_error(ingest: Ingest) -> None:
    outlet_id = await gas_outlet(ingest)
    passed = await ingest.client.add_qa_record(given(outlet_id))
    failed = await ingest.client.add_qa_record(given(outlet_id, (160.0, 166.0), at=NOW))

    assert (passed.no, passed.error, passed.error_kind, passed.limit, passed.passed) == (
        "Q000001", 0.02, ErrorKind.FULL_SCALE, 0.025, True,
    )  # fmt: skip
    assert (failed.error, failed.passed, failed.next_due_at) == (0.03, False, NOW + 7 * DAY)
    assert passed.next_due_at == NOW + 6 * DAY
    kind, told = (await feed_of(ingest))[-1]
    assert (kind, told["record_id"], told["passed"]) == ("ingest.qa.recorded.v1", str(failed.id), False)
    assert [entry["action"] for entry in await audit_of(ingest)][-1] == "qa.recorded"
    assert await ingest.client.add_qa_record(given(outlet_id)) == passed


async def test_a_comparison_is_judged_by_means_and_linearity_by_the_worst_pair(ingest: Ingest) -> None:
    outlet_id = await gas_outlet(ingest)
    pairs = (100.0, 120.0), (100.0, 110.0), (100.0, 106.0)
    comparison = await ingest.client.add_qa_record(given(outlet_id, *pairs, kind=QaKind.COMPARISON))
    linearity = await ingest.client.add_qa_record(given(outlet_id, *pairs, kind=QaKind.LINEARITY))

    assert (comparison.reading, round(comparison.error or 0, 6), comparison.passed) == (112.0, 0.12, True)
    assert (linearity.reading, linearity.error, linearity.passed, linearity.next_due_at) == (120.0, 0.2, False, None)


async def test_water_ph_is_absolute_and_what_has_no_rule_is_not_judged(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(factors=[OutletFactor(factor="w01001"), OutletFactor(factor="w01010")])
    check = given(outlet_id, (7.0, 7.4), factor="w01001", kind=QaKind.STANDARD_CHECK)
    ph = await ingest.client.add_qa_record(check)
    other = await ingest.client.add_qa_record(check.model_copy(update={"factor": "w01010"}))

    assert (ph.error_kind, round(ph.error or 0, 6), ph.passed) == (ErrorKind.ABSOLUTE, 0.4, True)
    assert (other.limit, other.passed, other.next_due_at) == (None, None, None)


async def test_the_due_list_says_how_each_duty_stands(ingest: Ingest) -> None:
    outlet_id = await gas_outlet(ingest)
    await ingest.client.add_qa_record(given(outlet_id, kind=QaKind.ZERO, at=NOW - 8 * DAY))
    await ingest.client.add_qa_record(given(outlet_id, at=NOW - 6 * DAY))
    first = {duty.kind: duty.state for duty in await ingest.client.list_qa_due()}
    await ingest.client.add_qa_record(given(outlet_id, (160.0, 190.0), at=NOW))
    await ingest.client.add_qa_record(given(outlet_id, kind=QaKind.COMPARISON, at=NOW))
    second = {duty.kind: duty.state for duty in await ingest.client.list_qa_due(outlet_id=outlet_id)}

    assert first == {QaKind.ZERO: QaState.OVERDUE, QaKind.SPAN: QaState.SOON, QaKind.COMPARISON: QaState.NEVER}
    assert second == {QaKind.ZERO: QaState.OVERDUE, QaKind.SPAN: QaState.FAILED, QaKind.COMPARISON: QaState.DONE}
    assert [duty.kind for duty in await ingest.client.list_qa_due(state=[QaState.FAILED])] == [QaKind.SPAN]


async def test_a_correction_replaces_and_keeps_the_first(ingest: Ingest) -> None:
    outlet_id = await gas_outlet(ingest)
    wrong = await ingest.client.add_qa_record(given(outlet_id, (160.0, 190.0)))
    right = await ingest.client.add_qa_record(given(outlet_id, (160.0, 160.0), replaces=wrong.id))
    with pytest.raises(ServiceCallError) as again:
        await ingest.client.add_qa_record(given(outlet_id, (160.0, 161.0), replaces=wrong.id))
    listed = (await ingest.client.list_qa_records(outlet_id=outlet_id)).items

    assert again.value.code == "qa_record_replaced"
    assert {item.no: item.replaced for item in listed} == {wrong.no: True, right.no: False}
    due = await ingest.client.list_qa_due()
    assert [duty.last_passed for duty in due if duty.kind is QaKind.SPAN] == [True]


async def test_evidence_of_a_record(ingest: Ingest) -> None:
    record = await ingest.client.add_qa_record(given(await gas_outlet(ingest)))
    proved = await ingest.client.add_qa_evidence(record.id, "证书.pdf", PDF)
    assert [file.name for file in proved.evidence] == ["证书.pdf"]
    assert (await ingest.client.get_qa_record(record.id)).evidence == proved.evidence


@pytest.mark.parametrize(
    "fields", [{"factor": "w01018"}, {"at": NOW + DAY}, {"factor": "a01012", "kind": "nothing"}, {"pairs": []}]
)
async def test_what_cannot_be_is_refused(ingest: Ingest, fields: dict[str, Any]) -> None:
    outlet_id = await gas_outlet(ingest)
    body = given(outlet_id).model_dump(mode="json") | fields
    body["at"] = body["at"] if isinstance(body["at"], str) else body["at"].isoformat()
    answer = await ingest.http.post("/v1/qa-records", json=body, headers=ingest.tokens.headers(Role.SERVICE))
    assert answer.status_code == 422


async def test_an_enterprise_sees_and_adds_its_own_records_only(ingest: Ingest) -> None:
    mine, theirs = await gas_outlet(ingest, "A1", "E1"), await gas_outlet(ingest, "A1", "E2")
    own = await ingest.client.add_qa_record(given(mine))
    foreign = await ingest.client.add_qa_record(given(theirs))
    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=own.enterprise_id)

    assert [item.id for item in (await alice.list_qa_records()).items] == [own.id]
    assert {duty.outlet_id for duty in await alice.list_qa_due()} == {mine}
    for call in (
        alice.get_qa_record(foreign.id), alice.add_qa_record(given(theirs)), alice.list_qa_due(outlet_id=theirs),
        alice.add_qa_evidence(foreign.id, "a.pdf", PDF),
        alice.list_qa_records(enterprise_id=foreign.enterprise_id),
        alice.list_qa_due(enterprise_id=foreign.enterprise_id),
        alice.add_qa_record(given(mine, (160.0, 161.0), replaces=foreign.id)),
    ):  # fmt: skip
        with pytest.raises(ServiceCallError) as refused:
            await call
        assert refused.value.status == 404
    with pytest.raises(ServiceCallError) as forbidden:
        await ingest.as_(Role.SUPERVISOR).add_qa_record(given(mine))
    assert forbidden.value.status == 403
