"""HTTP of webhooks."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.ingest.deps.hooks import Hooks
from services.ingest.domain.hooks import Delivery, Hook
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import number_cursor
from shared.contracts.ingest.hooks import DeliveryOut, HookIn, HookOut, HookType
from shared.http import Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1", tags=["webhooks"])
IfMatch = Annotated[str | None, Header()]


def hook_out(hook: Hook, *, with_secret: bool = False) -> HookOut:
    """A webhook; its secret only where it was just made."""
    fields = asdict(hook) | {"types": [HookType(item) for item in hook.types]}
    return HookOut(**{**fields, "secret": hook.secret if with_secret else None})


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """A delivery."""
    return DeliveryOut(**asdict(delivery))


@router.get("/hooks")
async def list_hooks(service: Hooks) -> list[HookOut]:
    """All webhooks, by name."""
    return [hook_out(hook) for hook in await service.list_hooks()]


@router.post("/hooks")
async def add_hook(hook: HookIn, service: Hooks) -> HookOut:
    """Make a webhook. The secret in the answer is told this once."""
    return hook_out(await service.add_hook(hook), with_secret=True)


@router.get("/hooks/{hook_id}")
async def get_hook(hook_id: UUID, service: Hooks, response: Response) -> HookOut:
    """One webhook."""
    hook = await service.get_hook(hook_id)
    response.headers["ETag"] = etag_of(hook.version)
    return hook_out(hook)


@router.put("/hooks/{hook_id}")
async def change_hook(hook_id: UUID, hook: HookIn, service: Hooks, if_match: IfMatch = None) -> HookOut:
    """Change it, or switch it on and off; needs `If-Match`."""
    return hook_out(await service.change_hook(hook_id, hook, version_from(if_match)))


@router.post("/hooks/{hook_id}/secret")
async def rotate_hook_secret(hook_id: UUID, service: Hooks) -> HookOut:
    """Give it a new secret, told this once."""
    return hook_out(await service.rotate_secret(hook_id), with_secret=True)


@router.post("/hooks/{hook_id}/test", status_code=202)
async def send_test_to_hook(hook_id: UUID, service: Hooks) -> None:
    """Send a test message."""
    await service.test_hook(hook_id)


@router.get("/hooks/{hook_id}/deliveries")
async def list_deliveries(
    hook_id: UUID, service: Hooks, request: Request, response: Response,
    cursor: Annotated[str | None, Query(max_length=100)] = None, limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[DeliveryOut]:  # fmt: skip
    """What was sent and what waits, the newest first."""
    found = await service.list_deliveries(hook_id, before=number_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, delivery_out, lambda item: [item.id])
    link_next(request, response, page.next)
    return page


@router.post("/hooks/{hook_id}/deliveries/{delivery_id}/replay", status_code=202)
async def replay_delivery(hook_id: UUID, delivery_id: int, service: Hooks) -> None:
    """Send one again under the same id."""
    await service.replay(hook_id, delivery_id)
