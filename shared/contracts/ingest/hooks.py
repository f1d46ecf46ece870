"""The wire of webhooks: where events of ingest are sent, and what became of each (Standard Webhooks 1.0)."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Name, Wire

HOOK_TEST = "ingest.hook.test.v1"


class HookType(StrEnum):
    """Events that can be sent on."""

    DEVICE_STATE = "ingest.device.state.v1"
    MARK_CHANGED = "ingest.mark.changed.v1"
    QA_RECORDED = "ingest.qa.recorded.v1"
    COMMAND_CHANGED = "ingest.command.changed.v1"
    MEANS_CHANGED = "ingest.means.changed.v1"
    OUTLET_CHANGED = "ingest.outlet.changed.v1"
    ENTERPRISE_CHANGED = "ingest.enterprise.changed.v1"


class HookIn(Wire):
    """A webhook: an address and the events it wants."""

    name: Name
    url: Annotated[str, Field(min_length=10, max_length=500)]
    types: Annotated[list[HookType], Field(min_length=1, max_length=len(HookType))]
    active: bool = True


class HookOut(HookIn):
    """A webhook as stored. `failing_since`: no delivery has succeeded from then on; `secret` is told once."""

    id: UUID
    created_at: AwareDatetime
    changed_at: AwareDatetime
    version: int
    failing_since: AwareDatetime | None = None
    switched_off: bool = False
    """Switched off by the service after days of failures; saving it active again clears this."""
    waiting: int = 0
    """Deliveries not made yet."""
    secret: str | None = None


class DeliveryState(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class DeliveryOut(Wire):
    """One event for one webhook. `status` is the last HTTP status, `problem` why there was none or a bad one."""

    id: int
    hook_id: UUID
    event_id: UUID
    type: str
    state: DeliveryState
    attempts: int
    status: int | None
    problem: str
    created_at: AwareDatetime
    next_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    body: str
