"""Use cases of links: see them, change how a device's frames are taken, list MNs nobody registered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.devices import Settings, change_settings, read_key, told
from services.ingest.domain.links import link_rules
from services.ingest.store.devices import DeviceStore, Sight, settings_of
from services.ingest.store.registry import RegistryStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.ingest.links import DeviceSettingsChange, LinkFilter
from shared.errors import NotFoundError
from shared.http import check_version

WEEK = timedelta(days=7)
DAYS_SHOWN = 30


class DeviceNotFoundError(NotFoundError):
    """No device with this id, or none this caller may know of."""


@dataclass(frozen=True)
class DeviceView:
    """A device with all that is known of its link; rows as the store gives them."""

    row: dict[str, Any]
    settings: Settings
    days: list[dict[str, Any]]
    repairs: list[dict[str, Any]]
    rejections: list[dict[str, Any]]
    field_info: list[dict[str, Any]]


class LinkService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = DeviceStore(session)
        self._now = now
        self._caller = caller

    async def list_links(
        self, *, which: LinkFilter, q: str | None, after: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """Devices with their links, by MN, what the caller may see."""
        return await self._store.list_links(self._sight(), which=which, q=q, after=after, limit=limit)

    async def summary(self) -> dict[str, int]:
        """How many devices in use are in which state."""
        counts = await self._store.count_links(self._sight())
        if self._caller.tenant is None:
            counts["unknown"] = await self._store.count_strangers(self._now() - WEEK)
        return counts

    async def get_device(self, device_id: UUID) -> DeviceView:
        """One device with link, settings, counts and oddities."""
        row = await self._row(device_id)
        since = self._now().astimezone(PARK_ZONE).date() - timedelta(days=DAYS_SHOWN - 1)
        repairs, rejections = await self._store.list_oddities(device_id)
        days = await self._store.list_days(device_id, since)
        field_info = await self._store.list_field_info(device_id)
        return DeviceView(row, settings_of(row), days, repairs, rejections, field_info)

    async def list_history(self, device_id: UUID, *, before: int | None, limit: int) -> list[dict[str, Any]]:
        """Changes of its link, the newest first."""
        await self._row(device_id)
        return await self._store.list_history(device_id, before=before, limit=limit)

    async def change_settings(self, device_id: UUID, change: DeviceSettingsChange, version: int) -> DeviceView:
        """Change what is given; it takes effect at the gateway within some seconds. The same again changes nothing."""
        mn = (await self._row(device_id))["mn"]
        registry = RegistryStore(self._session)
        device = await registry.find_device(mn, lock=True)
        row = await self._row(device_id)
        if device is None:
            raise DeviceNotFoundError("no such device", device_id=str(device_id))
        before = settings_of(row)
        check_version(before.version, version)
        repairs, _ = await self._store.list_oddities(device_id)
        after = change_settings(before, change, [item["name"] for item in repairs])
        changed = replace(
            device,
            edition=change.edition or device.edition,
            password=device.password if change.password is None else change.password.get_secret_value() or None,
        )
        if after == before and changed == device and not (change.sm4_key and change.sm4_key.get_secret_value()):
            return await self.get_device(device_id)
        at = self._now()
        await self._store.save_settings(device_id, replace(after, version=before.version + 1), at)
        if changed != device:
            await registry.save_device(replace(changed, changed_at=at))
        if change.sm4_key is not None:
            await self._store.set_key(device_id, read_key(change.sm4_key.get_secret_value()), at)
        await audit.record(
            self._session, Actor.of(self._caller), "device.settings_changed", f"device:{device_id}", at=at,
            before=told(before, edition=device.edition, has_password=bool(device.password)),
            after={
                **told(after, edition=changed.edition, has_password=bool(changed.password)),
                "renewed": [name for name in ("password", "sm4_key") if getattr(change, name) is not None],
            },
        )  # fmt: skip
        return await self.get_device(device_id)

    async def list_unknown_devices(self, *, before: tuple[datetime, str] | None, limit: int) -> list[dict[str, Any]]:
        """MNs nobody registered, heard last first."""
        return await self._store.list_strangers(before=before, limit=limit)

    # --- inside ---

    def _sight(self) -> Sight:
        now = self._now()
        week = now.astimezone(PARK_ZONE).date() - WEEK
        return Sight(self._caller.tenant, now - link_rules().online_within, week)

    async def _row(self, device_id: UUID) -> dict[str, Any]:
        row = await self._store.find_link(device_id, self._sight())
        if row is None:
            raise DeviceNotFoundError("no such device", device_id=str(device_id))
        return row


async def forget_old(session: AsyncSession, now: datetime) -> None:
    """Remove counts, strangers and changes that are too old to keep."""
    kept = link_rules().keep_days
    await DeviceStore(session).forget_before(
        traffic=now.astimezone(PARK_ZONE).date() - timedelta(days=kept["traffic"]),
        strangers=now - timedelta(days=kept["strangers"]),
        events=now - timedelta(days=kept["events"]),
    )
