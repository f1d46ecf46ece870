"""Calls on device links, their settings, and devices nobody registered."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.links import (
    DeviceDetail,
    DeviceEventOut,
    DeviceSettingsChange,
    LinkedDevice,
    LinkSummary,
    UnknownDeviceOut,
)
from shared.http import Page


class LinkCalls(ServiceClient):
    """Calls on device links, their settings, and devices nobody registered."""

    async def link_summary(self) -> LinkSummary:
        """How many devices in use are in which state."""
        return LinkSummary.model_validate(await self.get_json("/v1/links"))

    async def list_links(
        self, *, which: str = "all", q: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[LinkedDevice]:
        """Devices with link, counts of seven days and the repairs they need."""
        answer = await self.get_json("/v1/links/devices", which=which, q=q, cursor=cursor, limit=limit)
        return Page[LinkedDevice].model_validate(answer)

    async def get_device(self, device_id: UUID) -> DeviceDetail:
        """One device with all that is known of its link."""
        return DeviceDetail.model_validate(await self.get_json(f"/v1/devices/{device_id}"))

    async def list_device_history(
        self, device_id: UUID, *, cursor: str | None = None, limit: int = 100
    ) -> Page[DeviceEventOut]:
        """Changes of its link, the newest first."""
        answer = await self.get_json(f"/v1/devices/{device_id}/history", cursor=cursor, limit=limit)
        return Page[DeviceEventOut].model_validate(answer)

    async def change_device_settings(
        self, device_id: UUID, change: DeviceSettingsChange, *, version: int
    ) -> DeviceDetail:
        """Change what is given; `version` is that of the settings as last seen."""
        body = change.model_dump(mode="json", exclude_unset=True)
        for name in ("password", "sm4_key"):
            secret = getattr(change, name)
            if secret is not None:
                body[name] = secret.get_secret_value()
        response = await self.request(
            "PATCH", f"/v1/devices/{device_id}/settings", json=body, headers={"If-Match": f'"{version}"'}
        )
        return DeviceDetail.model_validate(response.json())

    async def list_unknown_devices(self, *, cursor: str | None = None, limit: int = 100) -> Page[UnknownDeviceOut]:
        """MNs that sent frames and are not registered."""
        answer = await self.get_json("/v1/unknown-devices", cursor=cursor, limit=limit)
        return Page[UnknownDeviceOut].model_validate(answer)
