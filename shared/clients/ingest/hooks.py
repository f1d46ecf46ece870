"""Calls on webhooks."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.hooks import DeliveryOut, HookIn, HookOut
from shared.http import Page, etag_of


class HookCalls(ServiceClient):
    """Calls on webhooks."""

    async def list_hooks(self) -> list[HookOut]:
        """All webhooks."""
        return [HookOut.model_validate(item) for item in await self.get_json("/v1/hooks")]

    async def get_hook(self, hook_id: UUID) -> HookOut:
        """One webhook."""
        return HookOut.model_validate(await self.get_json(f"/v1/hooks/{hook_id}"))

    async def add_hook(self, hook: HookIn) -> HookOut:
        """Make one; the secret is told this once."""
        return HookOut.model_validate(await self.post_json("/v1/hooks", hook))

    async def change_hook(self, hook_id: UUID, hook: HookIn, version: int) -> HookOut:
        """Change it, as seen in `version`."""
        response = await self.request(
            "PUT", f"/v1/hooks/{hook_id}", json=hook.model_dump(mode="json"), headers={"If-Match": etag_of(version)}
        )
        return HookOut.model_validate(response.json())

    async def rotate_hook_secret(self, hook_id: UUID) -> HookOut:
        """Give it a new secret, told this once."""
        return HookOut.model_validate(await self.post_json(f"/v1/hooks/{hook_id}/secret", None))

    async def send_test_to_hook(self, hook_id: UUID) -> None:
        """Send a test message."""
        await self.request("POST", f"/v1/hooks/{hook_id}/test")

    async def list_deliveries(self, hook_id: UUID, *, cursor: str | None = None, limit: int = 50) -> Page[DeliveryOut]:
        """What was sent and what waits."""
        answer = await self.get_json(f"/v1/hooks/{hook_id}/deliveries", cursor=cursor, limit=limit)
        return Page[DeliveryOut].model_validate(answer)

    async def replay_delivery(self, hook_id: UUID, delivery_id: int) -> None:
        """Send one again."""
        await self.request("POST", f"/v1/hooks/{hook_id}/deliveries/{delivery_id}/replay")
