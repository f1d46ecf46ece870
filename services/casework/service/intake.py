"""Use cases of the feeds: copies of the registry, colours, and anomalies that become cases."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from services.casework.domain.cases import intake
from services.casework.domain.cases.model import Case
from services.casework.domain.machine import SYSTEM
from services.casework.domain.registry import Enterprise, Factor, Outlet
from services.casework.service.desk import Act, Desk
from services.casework.store.registry import KnownAnomaly
from shared.contracts.detection import AnomalyOut
from shared.contracts.grading import Colour


class IntakeService:
    """What the feeds bring, in the transaction that moves their cursor."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def put_registry(
        self, enterprises: Sequence[Enterprise], outlets: Sequence[Outlet], factors: Sequence[Factor] = ()
    ) -> None:
        """Renew copies."""
        await self._desk.registry.put_enterprises(enterprises)
        await self._desk.registry.put_outlets(outlets)
        await self._desk.registry.put_factors(factors)

    async def set_colours(self, colours: dict[UUID, Colour]) -> None:
        """New colours in force; the list's order follows at once."""
        await self._desk.registry.set_colours(colours)

    async def take_anomalies(self, anomalies: Sequence[AnomalyOut]) -> None:
        """Open cases, let anomalies join unscreened ones, refresh what is known. Each anomaly has one case for good."""
        desk = self._desk
        wanted = {anomaly.id for anomaly in anomalies} | {
            anomaly.recurrence_of for anomaly in anomalies if anomaly.recurrence_of
        }
        known = await desk.registry.known_anomalies(wanted)
        touched = {known[anomaly.id].case_id for anomaly in anomalies if anomaly.id in known}
        series = {(anomaly.outlet_id, anomaly.factor) for anomaly in anomalies}
        cases = await desk.cases.lock_touched(touched, series)
        # Read again under the locks: a merge may have moved anomalies in between.
        known = await desk.registry.known_anomalies(wanted)
        needed = {known[anomaly.id].case_id for anomaly in anomalies if anomaly.id in known}
        cases |= await desk.cases.lock_many(needed - cases.keys())
        for anomaly in anomalies:
            await self._take(anomaly, known, cases)
        await desk.flush()

    async def _take(self, anomaly: AnomalyOut, known: dict[UUID, KnownAnomaly], cases: dict[UUID, Case]) -> None:
        place = known.get(anomaly.id)
        joined_at: datetime | None = None
        if place is None:
            joining = intake.find_to_join(anomaly, cases.values())
            case = joining or await self._open(anomaly, known)
            if joining is not None:
                case, joined_at = await self._join(joining, anomaly), self._desk.now
        elif anomaly.version <= place.version:
            return
        else:
            case = await self._refresh(cases, place.case_id, anomaly)
        cases[case.id] = case
        known[anomaly.id] = KnownAnomaly(case.id, anomaly.version)
        await self._desk.registry.put_anomaly(anomaly, case.id, joined_at)

    async def _open(self, anomaly: AnomalyOut, known: dict[UUID, KnownAnomaly]) -> Case:
        desk = self._desk
        [no] = await desk.cases.take_numbers("WX", desk.now, 1)
        opening = intake.Opening(uuid4(), no, anomaly.recurrence_of in known, desk.now)
        case = intake.open_case(anomaly, opening)
        params = {"no": anomaly.no, "rule": anomaly.rule, "severity": anomaly.severity}
        await desk.open_case(case, Act(SYSTEM, "case.opened", params=params))
        return case

    async def _join(self, case: Case, anomaly: AnomalyOut) -> Case:
        after = intake.take_in(case, anomaly, added=1, now=self._desk.now)
        await self._desk.save_case(case, after, Act(SYSTEM, "anomaly.merged", params={"no": anomaly.no}))
        return after

    async def _refresh(self, cases: dict[UUID, Case], case_id: UUID, anomaly: AnomalyOut) -> Case:
        case = cases[case_id]
        after = intake.take_in(case, anomaly, added=0, now=self._desk.now)
        if after.version != case.version:
            params = {"no": anomaly.no, "from": case.severity, "to": after.severity}
            await self._desk.save_case(case, after, Act(SYSTEM, "anomaly.severity_raised", params=params))
        else:
            await self._desk.cases.save(after)
        return after
