"""Consumers of the feeds of ingest, detection and grading: thin twins of routes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.registry import Enterprise, Factor, Outlet
from services.casework.gateways.registry import Registry, enterprise_of, outlet_of
from services.casework.service.desk import Desk
from services.casework.service.intake import IntakeService
from shared.clients.base import ServiceClient
from shared.clients.ingest import IngestClient
from shared.contracts.detection import ANOMALY_CLOSED, ANOMALY_OPENED, ANOMALY_UPDATED, AnomalyOut
from shared.contracts.grading import COLOUR_CHANGED, ColourInForce
from shared.contracts.ingest import ENTERPRISE_CHANGED, OUTLET_CHANGED, EnterpriseOut, OutletOut
from shared.feed import Event, FeedConsumer

ANOMALY_EVENTS = frozenset({ANOMALY_OPENED, ANOMALY_UPDATED, ANOMALY_CLOSED})


@dataclass
class Fetched:
    """Copies that were missing and have been read from ingest before the transaction."""

    enterprises: list[Enterprise] = field(default_factory=list)
    outlets: list[Outlet] = field(default_factory=list)
    factors: list[Factor] = field(default_factory=list)


def _newest(events: Sequence[Event], event_type: str) -> Iterable[dict[str, Any]]:
    """The newest version of each thing the events of this type tell of."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        known = found.get(str(event.data.get("id")), {"version": 0})
        if event.type == event_type and event.data["version"] > known["version"]:
            found[str(event.data["id"])] = event.data
    return found.values()


class Consumers:
    """The three consumers of one app."""

    def __init__(self, app: FastAPI, ingest: IngestClient, detection: ServiceClient, grading: ServiceClient) -> None:
        self._app = app
        self._registry = Registry(ingest)
        db = app.state.db
        self.ingest = FeedConsumer("ingest", ingest, db, self._on_ingest)
        self.detection = FeedConsumer("detection", detection, db, self._on_detection, self._before_detection)
        self.grading = FeedConsumer("grading", grading, db, self._on_grading, self._before_grading)

    def _intake(self, session: AsyncSession) -> IntakeService:
        return IntakeService(Desk(session, self._app.state.clock.now()))

    async def _on_ingest(self, session: AsyncSession, events: Sequence[Event]) -> None:
        await self._intake(session).put_registry(
            [enterprise_of(EnterpriseOut.model_validate(data)) for data in _newest(events, ENTERPRISE_CHANGED)],
            [outlet_of(OutletOut.model_validate(data)) for data in _newest(events, OUTLET_CHANGED)],
        )

    async def _before_detection(self, events: Sequence[Event]) -> Fetched:
        """An anomaly may come before its enterprise: then ask ingest."""
        anomalies = [event.data for event in events if event.type in ANOMALY_EVENTS]
        enterprises = {UUID(item["enterprise_id"]) for item in anomalies}
        outlets = {UUID(item["outlet_id"]) for item in anomalies}
        return await self._fetch(enterprises, outlets, {str(item["factor"]) for item in anomalies})

    async def _fetch(self, enterprises: set[UUID], outlets: set[UUID], factors: set[str]) -> Fetched:
        async with self._app.state.db.transaction() as session:
            store = Desk(session, self._app.state.clock.now()).registry
            enterprises = await store.missing_enterprises(enterprises)
            outlets = await store.missing_outlets(outlets)
            factors = await store.missing_factors(factors)
        return Fetched(
            [await self._registry.get_enterprise(item) for item in sorted(enterprises)],
            [await self._registry.get_outlet(item) for item in sorted(outlets)],
            await self._registry.list_factors() if factors else [],
        )

    async def _on_detection(self, session: AsyncSession, events: Sequence[Event]) -> None:
        intake = self._intake(session)
        fetched: Fetched = self.detection.prepared
        await intake.put_registry(fetched.enterprises, fetched.outlets, fetched.factors)
        anomalies = [AnomalyOut.model_validate(event.data) for event in events if event.type in ANOMALY_EVENTS]
        await intake.take_anomalies(anomalies)

    async def _before_grading(self, events: Sequence[Event]) -> Fetched:
        colours = [event.data for event in events if event.type == COLOUR_CHANGED]
        return await self._fetch({UUID(item["enterprise_id"]) for item in colours}, set(), set())

    async def _on_grading(self, session: AsyncSession, events: Sequence[Event]) -> None:
        intake = self._intake(session)
        fetched: Fetched = self.grading.prepared
        await intake.put_registry(fetched.enterprises, [])
        changed = [ColourInForce.model_validate(event.data) for event in events if event.type == COLOUR_CHANGED]
        await intake.set_colours({item.enterprise_id: item.colour for item in changed})
