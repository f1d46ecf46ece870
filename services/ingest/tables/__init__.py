"""Tables of ingest, one module for each noun; all of them must be imported here for `metadata` to know them."""

from services.ingest.tables.archive import ArchiveFileRow, SealedDayRow, SealTouchRow, SeriesChunkRow, SeriesDayRow
from services.ingest.tables.base import metadata
from services.ingest.tables.commands import (
    CommandExchangeRow,
    CommandQnRow,
    CommandRow,
    CommandSettingRow,
    HistoryTryRow,
)
from services.ingest.tables.dossier import DossierEntryRow, DossierVersionRow
from services.ingest.tables.field import AnalyserStateRow, FieldInfoRow, JournalCursorRow, ParameterChangeRow
from services.ingest.tables.hooks import HookCursorRow, HookDeliveryRow, HookRow
from services.ingest.tables.links import (
    DeviceDayRow,
    DeviceEventRow,
    DeviceKeyRow,
    DeviceLinkRow,
    DeviceOddityRow,
    DeviceSettingRow,
    UnknownDeviceRow,
)
from services.ingest.tables.marks import EvidenceContentRow, EvidenceRow, FlagRunRow, MarkRow, MarkVersionRow
from services.ingest.tables.means import (
    DerivedRevisionRow,
    DerivedValueRow,
    MeanRollRow,
    MeanSettingRow,
    MeanTaskRow,
    OutletDayRow,
    OutletReachRow,
    SubstitutedValueRow,
)
from services.ingest.tables.packets import PacketActRow, PacketRow
from services.ingest.tables.qa import QaRecordRow
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
    "AnalyserStateRow",
    "ArchiveFileRow",
    "CommandExchangeRow",
    "CommandQnRow",
    "CommandRow",
    "CommandSettingRow",
    "DerivedRevisionRow",
    "DerivedValueRow",
    "DeviceDayRow",
    "DeviceEventRow",
    "DeviceKeyRow",
    "DeviceLinkRow",
    "DeviceOddityRow",
    "DeviceRow",
    "DeviceSettingRow",
    "DossierEntryRow",
    "DossierVersionRow",
    "EnterpriseRow",
    "EvidenceContentRow",
    "EvidenceRow",
    "FactorCodeRow",
    "FieldInfoRow",
    "FlagRunRow",
    "FrameRow",
    "HistoryTryRow",
    "HookCursorRow",
    "HookDeliveryRow",
    "HookRow",
    "JournalCursorRow",
    "LayoutRow",
    "LimitRow",
    "MarkRow",
    "MarkVersionRow",
    "MeanRollRow",
    "MeanSettingRow",
    "MeanTaskRow",
    "OutletDayRow",
    "OutletReachRow",
    "OutletRow",
    "PacketActRow",
    "PacketRow",
    "ParameterChangeRow",
    "QaRecordRow",
    "ReadingRevisionRow",
    "ReadingValueRow",
    "SealTouchRow",
    "SealedDayRow",
    "SeriesChunkRow",
    "SeriesDayRow",
    "SourceRow",
    "SubstitutedValueRow",
    "TransferRow",
    "UnknownDeviceRow",
    "metadata",
]
