"""The dossier 一企一档: entries by part, versions, terms, change log; who sees and writes what."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn, LimitIn, OutletFactor
from shared.contracts.ingest.dossier import (
    AnalyserIn,
    ChangeIn,
    ChangeKind,
    ContactIn,
    ContactRole,
    EntryIn,
    LogSource,
    OperationIn,
    OperationMode,
    Part,
    PermitIn,
    PowerPointIn,
    PowerTarget,
    VideoIn,
)
from shared.contracts.ingest.registry import PermitClass
from tests.ingest.conftest import Ingest


def make_analyser(outlet_id: UUID, **fields: object) -> AnalyserIn:
    given = {"outlet_id": outlet_id, "factor": "w01018", "serial": "SN-1", "unit": "mg/L", "range_high": 200.0}
    return AnalyserIn.model_validate({**given, **fields})


def every_part(enterprise_id: UUID, outlet_id: UUID) -> list[EntryIn]:
    return [
        PermitIn(enterprise_id=enterprise_id, number="91320", permit_class=PermitClass.KEY,
                 valid_from=date(2024, 1, 1)),
        ContactIn(enterprise_id=enterprise_id, role=ContactRole.DUTY_24H, name="王值班", phone="0512-1234567"),
        make_analyser(outlet_id),
        OperationIn(outlet_id=outlet_id, mode=OperationMode.SELF, since=date(2024, 1, 1)),
        PowerPointIn(outlet_id=outlet_id, code="P1", name_zh="曝气风机", target=PowerTarget.TREATMENT, rated_kw=55),
        VideoIn(outlet_id=outlet_id, name="站房", url="https://video.example/1"),
        ChangeIn(outlet_id=outlet_id, changed_on=date(2026, 2, 1), kind=ChangeKind.CORE_PART, subject="比色池",
                 reason="老化更换", reacceptance_needed=True),
    ]  # fmt: skip


async def test_every_part_is_registered_changed_and_ended_with_all_versions_kept(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    enterprise = await ingest.enterprise()
    for given in every_part(enterprise, outlet):
        first = await ingest.client.put_entry(given)
        same = await ingest.client.put_entry(given)
        assert (first.version, same.version, first.id) == (1, 1, same.id)
    entries = (await ingest.client.list_entries(enterprise_id=enterprise)).items
    assert {entry.part for entry in entries} == set(Part)

    changed = await ingest.client.put_entry(make_analyser(outlet, range_high=500.0), reason="换量程")
    ended = await ingest.client.end_entry(changed.id, "拆除")
    assert (changed.version, ended.version, ended.active) == (2, 3, False)
    versions = await ingest.client.list_versions(changed.id)
    assert [(item.version, item.data["range_high"], item.active, item.reason) for item in versions] == [
        (3, 500.0, False, "拆除"), (2, 500.0, True, "换量程"), (1, 200.0, True, ""),
    ]  # fmt: skip
    assert (await ingest.client.list_entries(part=[Part.ANALYSER], outlet_id=outlet)).items == []
    assert len((await ingest.client.list_entries(part=[Part.ANALYSER], outlet_id=outlet, ended=True)).items) == 1


async def test_terms_run_on_working_days(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    accepted = date(2026, 2, 12)  # before the long holiday around the Spring Festival
    entry = await ingest.client.put_entry(
        make_analyser(outlet, accepted_on=accepted, calibrated_on=date(2026, 2, 20), calibration_days=7)
    )
    dues = {due.what: due for due in entry.dues}
    assert dues["registration"].due_on - accepted > timedelta(days=7)  # five working days, the holiday not counted
    assert "19" in dues["registration"].source
    assert (dues["calibration"].due_on, dues["calibration"].overdue) == (date(2026, 2, 27), True)  # today is 1 March

    met = await ingest.client.put_entry(make_analyser(outlet, accepted_on=accepted, registered_on=date(2026, 2, 13)))
    assert [(due.what, due.overdue, due.met_on) for due in met.dues] == [("registration", False, date(2026, 2, 13))]


async def test_the_change_log_joins_the_trail_with_what_was_told(ingest: Ingest) -> None:
    outlet = await ingest.outlet(mn="MN-000001")
    await ingest.client.put_entry(make_analyser(outlet))
    await ingest.client.put_entry(make_analyser(outlet, range_high=500.0), reason="扩量程")
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="MN-000001", edition="2005"))
    await ingest.outlet(factors=[OutletFactor(factor="w01018", unit="mg/L", span_high=500)])
    for upper, since in ((60, "2025-01-01T00:00:00+08:00"), (50, "2026-01-01T00:00:00+08:00")):
        given = {"outlet_id": outlet, "factor": "w01018", "upper": upper, "unit": "mg/L", "valid_from": since}
        await ingest.client.add_limit(LimitIn.model_validate(given))
    await ingest.client.put_entry(every_part(outlet, outlet)[-1])

    log = await ingest.client.change_log(outlet)
    told = [line for line in log if line.source is LogSource.TOLD]
    assert [(line.subject, line.reacceptance_needed) for line in told] == [("比色池", True)]
    by_action = {line.action: line for line in log}
    assert by_action["analyser.changed"].changes == {"range_high": [200.0, 500.0]}
    assert by_action["analyser.changed"].reason == "扩量程"
    assert by_action["analyser.changed"].reacceptance_needed
    assert by_action["device.changed"].changes == {"edition": ["2017", "2005"]}
    assert not by_action["device.changed"].reacceptance_needed
    limits = [line.changes for line in log if line.action == "limit.set"]
    assert {"w01018": [None, "60 mg/L"]} in limits
    assert {"w01018": ["60 mg/L", "50 mg/L"]} in limits
    assert by_action["outlet.changed"].reacceptance_needed
    assert [line.at for line in log] == sorted((line.at for line in log), reverse=True)


async def test_enterprises_are_kept_apart_at_every_address(ingest: Ingest) -> None:
    outlet = await ingest.outlet(enterprise="A")
    first, second = await ingest.enterprise("A"), await ingest.enterprise("B")
    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=first, organisation="A")
    bob = ingest.as_(Role.ENTERPRISE, enterprise_id=second, organisation="B")
    entries = [await ingest.client.put_entry(given) for given in every_part(first, outlet)]

    assert len((await alice.list_entries()).items) == len(Part)
    assert (await bob.list_entries()).items == []
    for entry in entries:
        for call in (bob.get_entry(entry.id), bob.list_versions(entry.id), bob.end_entry(entry.id, "mine now")):
            with pytest.raises(ServiceCallError) as caught:
                await call
            assert caught.value.status == 404
    foreign = [bob.list_entries(outlet_id=outlet), bob.list_entries(enterprise_id=first), bob.change_log(outlet)]
    for call in [*foreign, *(bob.put_entry(given) for given in every_part(first, outlet))]:
        with pytest.raises(ServiceCallError) as caught:
            await call
        assert caught.value.status == 404


async def test_an_enterprise_writes_its_own_contacts_only(ingest: Ingest) -> None:
    outlet = await ingest.outlet(enterprise="A")
    first = await ingest.enterprise("A")
    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=first, organisation="A")
    for given in every_part(first, outlet):
        if given.PART is Part.CONTACT:
            assert (await alice.put_entry(given)).version == 1
            continue
        with pytest.raises(ServiceCallError) as caught:
            await alice.put_entry(given)
        assert caught.value.status == 403


async def test_contacts_are_for_those_who_may_call_and_versions_hide_names_of_officers(ingest: Ingest) -> None:
    outlet = await ingest.outlet(enterprise="A")
    first = await ingest.enterprise("A")
    contact = await ingest.client.put_entry(every_part(first, outlet)[1])
    analyser = await ingest.client.put_entry(make_analyser(outlet))
    auditor, supervisor = ingest.as_(Role.AUDITOR), ingest.as_(Role.SUPERVISOR)
    assert [item.part for item in (await auditor.list_entries()).items] == [Part.ANALYSER]
    with pytest.raises(ServiceCallError) as caught:
        await auditor.get_entry(contact.id)
    assert caught.value.status == 404
    assert (await supervisor.get_entry(contact.id)).data["name"] == "王值班"

    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=first, organisation="A")
    assert [item.by for item in await alice.list_versions(analyser.id)] == ["supervisor"]
    assert [item.by for item in await supervisor.list_versions(analyser.id)] == ["loader"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"range_low": 10, "range_high": 5}, "range_high"),
        ({"installed_on": "2026-01-02", "accepted_on": "2026-01-01"}, "accepted_on"),
        ({"factor": "w99999"}, "w99999"),
        ({"serial": "a b"}, "serial"),
    ],
)
async def test_wrong_content_is_refused_with_its_field(ingest: Ingest, fields: dict[str, object], says: str) -> None:
    outlet = await ingest.outlet()
    given = {"outlet_id": str(outlet), "factor": "w01018", "serial": "1", **fields}
    headers = ingest.tokens.headers(Role.OFFICER)
    answer = await ingest.http.post("/v1/analysers", json=given, headers=headers)
    assert answer.status_code == 422
    assert says in answer.text
