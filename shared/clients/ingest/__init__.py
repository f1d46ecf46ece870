"""Typed client of ingest, its calls grouped by noun."""

from shared.clients.ingest.archive import ArchiveCalls
from shared.clients.ingest.commands import CommandCalls
from shared.clients.ingest.dossier import DossierCalls
from shared.clients.ingest.hooks import HookCalls
from shared.clients.ingest.links import LinkCalls
from shared.clients.ingest.live import LiveCalls
from shared.clients.ingest.marks import MarkCalls
from shared.clients.ingest.means import MeanCalls
from shared.clients.ingest.packets import PacketCalls
from shared.clients.ingest.parameters import ParameterCalls
from shared.clients.ingest.qa import QaCalls
from shared.clients.ingest.readings import ReadingCalls
from shared.clients.ingest.registry import RegistryCalls
from shared.clients.ingest.transfers import TransferCalls


class IngestClient(
    ArchiveCalls,
    CommandCalls,
    DossierCalls,
    HookCalls,
    LinkCalls,
    LiveCalls,
    MarkCalls,
    MeanCalls,
    PacketCalls,
    ParameterCalls,
    QaCalls,
    ReadingCalls,
    RegistryCalls,
    TransferCalls,
):
    """All calls of ingest."""

    service = "ingest"
