"""Commands of the demo: asked before the loggers connect, carried out as soon as they do."""

from datetime import timedelta

from shared.clients.ingest import IngestClient
from shared.clock import Clock
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.contracts.ingest.commands import CommandIn

VALID_MINUTES = 24 * 60
"""The loggers come when the demo is loaded; a slow machine takes its time."""
ASKED: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("E-001", "DW001", "read_time", {}),
    ("E-001", "DW001", "read_serial", {"factor": "first"}),
    ("E-010", "DW001", "read_state", {"factor": "first", "info": "i12001"}),
    ("E-006", "DW001", "read_parameter", {"factor": "first", "info": "i13004"}),
    ("E-005", "DW001", "fetch_hours", {"since": "12", "until": "0"}),
    ("E-004", "DW001", "set_realtime_interval", {"seconds": "60"}),
)
"""Enterprise, outlet, command, parameters: `first` is the outlet's first factor, times are hours ago."""
APPROVAL = ("E-010", "DW001", "set_parameter", {"factor": "first", "info": "i13008", "value": "1.02"})


async def give_commands(lead: IngestClient, officer: IngestClient, clock: Clock) -> int:
    """Commands of the supervisors' lead, and one of an officer that waits for a second person. How many."""
    factors: dict[tuple[str, str], str] = {}
    for firm in sorted({firm for firm, *_ in (*ASKED, APPROVAL)}):
        found = await lead.list_outlets(enterprise_id=enterprise_uuid(firm))
        factors |= {(firm, item.code): item.factors[0].factor for item in found.items if item.factors}
    editions = {kind.code: kind.editions for kind in await lead.command_catalogue()}
    given = 0
    for asker, reason, (firm, code, kind, params) in (
        *((lead, "", row) for row in ASKED), (officer, "比对监测后修正斜率，见比对报告", APPROVAL)
    ):  # fmt: skip
        devices = (await asker.list_devices(outlet_id=outlet_uuid(firm, code))).items
        if not devices or (firm, code) not in factors or devices[0].edition not in editions[kind]:
            continue
        filled = {name: _filled(name, text, factors[firm, code], clock) for name, text in params.items()}
        order = CommandIn(device_id=devices[0].id, code=kind, params=filled, reason=reason, valid_minutes=VALID_MINUTES)
        await asker.send_command(order, f"demo-{firm}-{code}-{kind}")
        given += 1
    return given


def _filled(name: str, text: str, first: str, clock: Clock) -> str:
    if text == "first":
        return first
    if name in {"since", "until"}:
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        return (hour - timedelta(hours=int(text))).isoformat()
    return text
