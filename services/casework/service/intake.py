"""Use cases of the feeds: copies of the registry, colours, and anomalies that become cases."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from services.casework.domain.cases import intake, moves
from services.casework.domain.cases.model import Case
from services.casework.domain.machine import SYSTEM
from services.casework.domain.registry import Enterprise, Factor, Outlet
from services.casework.service.desk import Act, Desk
from services.casework.store.registry import KnownAnomaly
from shared.contracts.casework import ReasonCode
from shared.contracts.detection import AnomalyOut
from shared.contracts.grading import Colour


def _cases_of(anomalies: Sequence[AnomalyOut], known: dict[UUID, KnownAnomaly]) -> set[UUID]:
    """Cases that these anomalies and their parents have."""
    ids = {other for anomaly in anomalies for other in (anomaly.id, anomaly.parent_id) if other}
    return {known[one].case_id for one in ids if one in known}


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
            other for anomaly in anomalies for other in (anomaly.recurrence_of, anomaly.parent_id) if other
        }
        known = await desk.registry.known_anomalies(wanted)
        touched = _cases_of(anomalies, known)
        series = {(anomaly.outlet_id, anomaly.factor) for anomaly in anomalies}
        cases = await desk.cases.lock_touched(touched, series)
        # Read again under the locks: a merge may have moved anomalies in between.
        known = await desk.registry.known_anomalies(wanted)
        needed = _cases_of(anomalies, known)
        cases |= await desk.cases.lock_many(needed - cases.keys())
        for anomaly in anomalies:
            await self._take(anomaly, known, cases)
        await desk.flush()

    async def _take(self, anomaly: AnomalyOut, known: dict[UUID, KnownAnomaly], cases: dict[UUID, Case]) -> None:
        place = known.get(anomaly.id)
        above = known.get(anomaly.parent_id) if anomaly.parent_id else None
        joined_at: datetime | None = None
        if place is not None and anomaly.version <= place.version:
            return
        if above is not None and (place is None or place.case_id != above.case_id):
            case = await self._bring_under(above.case_id, cases, place, anomaly)
        elif above is not None:
            case = cases[above.case_id]
        elif place is None:
            joining = intake.find_to_join(anomaly, cases.values())
            case = joining or await self._open(anomaly, known)
            if joining is not None:
                case, joined_at = await self._join(joining, anomaly), self._desk.now
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

    async def _bring_under(
        self, case_id: UUID, cases: dict[UUID, Case], place: KnownAnomaly | None, anomaly: AnomalyOut
    ) -> Case:
        """The case of its parent takes it in: several factors at once are one question to the enterprise, and what
        changes about one of them the parent tells.

        A case of its own that somebody has worked on, or that has other anomalies, keeps it.
        """
        desk = self._desk
        if place is not None:
            own = cases[place.case_id]
            if not intake.may_give_up(own):
                return await self._refresh(cases, own.id, anomaly)
            moved = moves.move(own, intake.merging(cases[case_id].no), SYSTEM, desk.now)
            params = {"into": cases[case_id].no}
            await desk.registry.move_anomalies(own.id, case_id, desk.now)
            await desk.save_case(own, moved.case, Act(SYSTEM, "case.merge", ReasonCode.SAME_EPISODE, params=params))
            desk.note_on_case(cases[case_id], Act(SYSTEM, "anomaly.merged", params={"no": own.no}))
            cases[own.id] = moved.case
        return cases[case_id]

    async def _refresh(self, cases: dict[UUID, Case], case_id: UUID, anomaly: AnomalyOut) -> Case:
        case = cases[case_id]
        after = intake.take_in(case, anomaly, added=0, now=self._desk.now)
        if after.version != case.version:
            params = {"no": anomaly.no, "from": case.severity, "to": after.severity}
            await self._desk.save_case(case, after, Act(SYSTEM, "anomaly.severity_raised", params=params))
        else:
            await self._desk.cases.save(after)
        return after
