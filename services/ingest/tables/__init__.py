"""Tables of ingest, one module for each noun; all of them must be imported here for `metadata` to know them."""

from services.ingest.tables.base import metadata
from services.ingest.tables.packets import PacketRow
from services.ingest.tables.readings import (
    FactorCodeRow,
    FrameRow,
    LayoutRow,
    ReadingRevisionRow,
    ReadingValueRow,
    SourceRow,
)
from services.ingest.tables.registry import DeviceRow, EnterpriseRow, LimitRow, OutletRow
from services.ingest.tables.transfers import TransferRow

__all__ = [
    "DeviceRow",
    "EnterpriseRow",
    "FactorCodeRow",
    "FrameRow",
    "LayoutRow",
    "LimitRow",
    "OutletRow",
    "PacketRow",
    "ReadingRevisionRow",
    "ReadingValueRow",
    "SourceRow",
    "TransferRow",
    "metadata",
]
