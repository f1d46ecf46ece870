"""The use case of the watch list: how outlets stand now, whatever their number, in a fixed number of statements."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.factors import unit_of
from services.ingest.domain.live import Newest, Standing, silent_after, standings
from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import catalogue
from services.ingest.domain.registry import Enterprise, Outlet
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.live import LiveStore
from services.ingest.store.marks import MarkStore
from services.ingest.store.registry import RegistryStore
from shared.auth import Principal
from shared.contracts.ingest import LinkState
from shared.contracts.ingest.live import LiveMark, LiveValue, OutletLive
from shared.contracts.ingest.marks import MarkEffect
from shared.db import raw

WITHIN = timedelta(days=7)
STILL = frozenset({MarkEffect.STOPPED})


class LiveService:
    """How outlets stand, in the caller's transaction."""

    def __init__(self, session: AsyncSession, dictionaries: Dictionaries, now: datetime, caller: Principal) -> None:
        self._session = session
        self._dictionaries = dictionaries
        self._now = now
        self._caller = caller

    async def list_live(
        self, enterprise_id: UUID | None, after: tuple[str, UUID] | None, limit: int
    ) -> list[OutletLive]:
        """Outlets in use by code; an enterprise gets its own."""
        tenant = self._caller.tenant
        if tenant is not None and enterprise_id not in {None, tenant}:
            return []
        registry = RegistryStore(self._session)
        outlets = await registry.list_outlets(
            enterprise_id=tenant or enterprise_id, after=after, limit=limit, in_use=True
        )
        if not outlets:
            return []
        firms = await registry.find_enterprises({one.enterprise_id for one in outlets})
        marks = await MarkStore(self._session).in_force([one.id for one in outlets], self._now)
        store = LiveStore(await raw(self._session), self._dictionaries)
        links = await store.links([one.id for one in outlets])
        points, since = [one.point for one in outlets], self._now - WITHIN
        values = await store.newest(points, since, self._now)
        sealed = await store.sealed(points, since, self._now)
        return [
            _out(
                outlet, firms[outlet.enterprise_id], links.get(outlet.id, LinkState.NEVER),
                standings(outlet, values.get(outlet.point, {})), marks.get(outlet.id, []),
                _last([one for found in values.get(outlet.point, {}).values() for one in found],
                      sealed.get(outlet.point)),
                self._now,
            )
            for outlet in outlets
        ]  # fmt: skip


def _last(values: Iterable[Newest], sealed: datetime | None) -> datetime | None:
    times = [one.at for one in values] + ([sealed] if sealed else [])
    return max(times, default=None)


def _out(  # noqa: PLR0913 - what is known of an outlet
    outlet: Outlet, firm: Enterprise, link: LinkState, found: Sequence[Standing], marks: Sequence[Mark],
    last_at: datetime | None, now: datetime,
) -> OutletLive:  # fmt: skip
    after = silent_after(outlet.minute_interval)
    still = any(mark.effect in STILL and not mark.factors for mark in marks)
    units = {item.factor: item.unit for item in outlet.factors}
    return OutletLive(
        outlet_id=outlet.id, code=outlet.code, name_zh=outlet.name_zh, name_en=outlet.name_en, medium=outlet.medium,
        enterprise_id=firm.id, enterprise_code=firm.code, enterprise_name_zh=firm.name_zh,
        enterprise_name_en=firm.name_en, link=link, last_at=last_at, silent_after=int(after.total_seconds()),
        silent=not still and (last_at is None or now - last_at > after),
        values=[_value(one, units[one.factor]) for one in found], marks=[_mark(mark) for mark in marks],
    )  # fmt: skip


def _value(one: Standing, unit: str) -> LiveValue:
    limit = one.limit
    return LiveValue(
        factor=one.factor, unit=unit or unit_of(one.factor), share=one.share, exceeding=one.exceeding,
        upper=limit.upper if limit else None, lower=limit.lower if limit else None,
        averaging=limit.averaging if limit else None, **one.newest._asdict(),
    )  # fmt: skip


def _mark(mark: Mark) -> LiveMark:
    code = catalogue().codes[mark.code]
    return LiveMark(
        id=mark.id, no=mark.no, code=mark.code, code_zh=code.name_zh, code_en=code.name_en, effect=mark.effect,
        factors=list(mark.factors), since=mark.since, until=mark.until,
    )  # fmt: skip
