"""Domain objects as the contract's models."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from services.ingest.domain.packets import Packet
from services.ingest.domain.quarantine import is_held, state_of
from services.ingest.domain.registry import Device, Enterprise, Outlet, link_of
from services.ingest.service.packets import PacketView
from services.ingest.service.retries import Tried
from shared.contracts.ingest import DeviceOut, EnterpriseOut, OutletOut, PacketOut
from shared.contracts.ingest.packets import PacketActOut, PacketDetail, RetryOut
from shared.http import Page, encode_cursor

Thing = TypeVar("Thing")
Out = TypeVar("Out")
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F) if chr(code) not in "\t\r\n"}


def page_of(
    things: Sequence[Thing], limit: int, out: Callable[[Thing], Out], keys: Callable[[Thing], Sequence[object]]
) -> Page[Out]:
    """One page from up to `limit + 1` things: the one too many tells that there is a next page."""
    shown = things[:limit]
    more = len(things) > limit
    return Page(items=[out(thing) for thing in shown], next=encode_cursor(*keys(shown[-1])) if more else None)


def enterprise_out(enterprise: Enterprise) -> EnterpriseOut:
    """An enterprise."""
    return EnterpriseOut(**asdict(enterprise))


def outlet_out(outlet: Outlet) -> OutletOut:
    """An outlet with factors and limits."""
    fields = asdict(outlet)
    del fields["point"]
    return OutletOut(**fields)


def device_out(device: Device, now: datetime) -> DeviceOut:
    """A device, its password not told."""
    return DeviceOut(
        id=device.id, outlet_id=device.outlet_id, mn=device.mn, edition=device.edition, active=device.active,
        has_password=bool(device.password), last_seen_at=device.last_seen_at, link=link_of(device.last_seen_at, now),
    )  # fmt: skip


def packet_out(packet: Packet) -> PacketOut:
    r"""A line of the journal; bytes that are not UTF-8, and control characters, are escaped as `\xNN`."""
    raw = packet.raw.decode("utf-8", "backslashreplace").translate(_ESCAPED)
    return PacketOut(**{**packet._asdict(), "repairs": list(packet.repairs), "late": packet.late, "raw": raw})


def packet_detail(view: PacketView) -> PacketDetail:
    """A packet with its bytes taken apart."""
    packet = view.packet
    return PacketDetail(
        **packet_out(packet).model_dump(),
        **asdict(view.dissection),
        hex=packet.raw.hex(),
        size=len(packet.raw),
        device_id=view.device_id,
        state=state_of(packet, view.acts),
        held=is_held(view.acts),
        acts=[
            PacketActOut(
                at=act.at, act=act.act, actor=act.actor, status=act.status, reason=act.reason, detail=act.detail
            )
            for act in view.acts
        ],
    )


def retry_out(tried: Tried) -> RetryOut:
    """What became of a packet that was tried again."""
    packet, verdict = tried
    return RetryOut(packet_id=packet.id, status=verdict.status, reason=verdict.reason, detail=verdict.detail)
