"""The dossier of the demo park: permits, contacts, analysers with checks, operation, power-use points, a change."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from park.demo import DemoOutlet, DemoPark
from park.model import FactorModel
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.contracts.ingest.dossier import (
    AnalyserIn,
    ChangeIn,
    ChangeKind,
    ContactIn,
    ContactRole,
    EntryIn,
    OperationIn,
    OperationMode,
    PermitIn,
    PowerPointIn,
    PowerTarget,
    VideoIn,
)
from shared.contracts.ingest.registry import PermitClass

SURNAMES = "陈林黄吴周徐孙马朱胡郭何"
CONTRACTOR = "澄湾环境监测运维有限公司（虚构）"
MODELS = {
    "w01018": ("清泉仪器", "CODcr-210", "重铬酸钾氧化分光光度法"), "w21003": ("清泉仪器", "NH-320", "水杨酸分光光度法"),
    "w21001": ("清泉仪器", "TN-410", "碱性过硫酸钾消解紫外分光光度法"),
    "w21011": ("清泉仪器", "TP-410", "钼酸铵分光光度法"),
    "w01001": ("清泉仪器", "pH-100", "玻璃电极法"), "a21026": ("蓝岭光电", "GM-700", "紫外差分吸收法"),
    "a21002": ("蓝岭光电", "GM-700", "紫外差分吸收法"), "a34013": ("蓝岭光电", "DM-200", "激光后散射法"),
    "a24088": ("蓝岭光电", "FID-60", "气相色谱-氢火焰离子化检测法"),
}  # fmt: skip
"""Makers and models are invented."""


async def fill(ingest: IngestClient, park: DemoPark, today: date) -> None:
    """Register everything; doing it again changes nothing."""
    for number, code in enumerate(park.enterprises):
        for entry in _enterprise(enterprise_uuid(code), number, today):
            await ingest.put_entry(entry)
    for number, outlet in enumerate(park.outlets.values()):
        for entry in _outlet(outlet, number, today):
            await ingest.put_entry(entry)


def _enterprise(enterprise_id: UUID, number: int, today: date) -> Iterator[EntryIn]:
    surname, deputy = SURNAMES[number % 12], SURNAMES[(number + 5) % 12]
    yield PermitIn(
        enterprise_id=enterprise_id, number=f"91320594DEMO{number + 1:04d}X001P", permit_class=PermitClass.KEY,
        valid_from=date(today.year - 3, 6, 1), valid_to=date(today.year + 2, 5, 31),
        authority="澄湾新区生态环境局（虚构）",
    )  # fmt: skip
    yield ContactIn(
        enterprise_id=enterprise_id, role=ContactRole.DUTY_24H, name=f"{surname}值班", phone=f"0512-0000{number:04d}"
    )
    yield ContactIn(
        enterprise_id=enterprise_id,
        role=ContactRole.ENVIRONMENT_MANAGER,
        name=f"{deputy}工",
        phone=f"0512-0001{number:04d}",
    )


def _outlet(outlet: DemoOutlet, number: int, today: date) -> Iterator[EntryIn]:
    model = outlet.model
    outlet_id = outlet_uuid(model.enterprise, model.code)
    for factor in model.factors:
        if factor.code in MODELS:
            yield _analyser(outlet_id, factor, number, today)
    contracted = number % 3 != 0
    yield OperationIn(
        outlet_id=outlet_id, mode=OperationMode.CONTRACTED if contracted else OperationMode.SELF,
        since=date(today.year - 1, 1, 1), until=date(today.year + 1, 12, 31) if contracted else None,
        contractor=CONTRACTOR if contracted else "",
        contract_no=f"YW-{today.year - 1}-{number + 1:03d}" if contracted else "",
        signed_on=date(today.year - 2, 12, 20) if contracted else None,
        filed_on=date(today.year - 2, 12, 28) if contracted else None,
    )  # fmt: skip
    yield PowerPointIn(
        outlet_id=outlet_id, code="PW01", name_zh="治理设施总线", name_en="Treatment feeder",
        target=PowerTarget.TREATMENT, rated_kw=55 + 5 * (number % 4),
    )  # fmt: skip
    if number == 0:
        yield VideoIn(outlet_id=outlet_id, name="站房", url="https://video.example.org/demo/1")
        yield ChangeIn(
            outlet_id=outlet_id, changed_on=today - timedelta(days=40), kind=ChangeKind.CORE_PART,
            subject="COD 分析仪比色池",
            reason="比色池老化，更换备件", evidence="更换照片 2 张", reacceptance_needed=True,
            reaccepted_on=today - timedelta(days=36),
        )  # fmt: skip


def _analyser(outlet_id: UUID, factor: FactorModel, number: int, today: date) -> AnalyserIn:
    maker, model, principle = MODELS[factor.code]
    installed = date(today.year - 2, 2, 1) + timedelta(days=7 * number)
    checks: dict[str, Any] = {"calibration_days": 30, "calibrated_on": today - timedelta(days=5 + number * 2)}
    return AnalyserIn(
        outlet_id=outlet_id, factor=factor.code, serial=f"{factor.code[-4:]}-{number + 1:03d}", maker=maker,
        model=model,
        principle=principle, range_low=factor.span_low, range_high=factor.span_high, unit=factor.unit,
        verification_days=180, verified_on=today - timedelta(days=60 + number), installed_on=installed,
        accepted_on=installed + timedelta(days=14), registered_on=installed + timedelta(days=18), **checks,
    )  # fmt: skip
