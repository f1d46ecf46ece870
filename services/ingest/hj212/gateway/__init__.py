"""TCP gateway for HJ 212 loggers (数采仪): frames in, answers out after the commit.

`serve` listens and hands batches of frames to a `Sink`; what the sink has stored is answered.
"""

from services.ingest.hj212.gateway.limits import Limits
from services.ingest.hj212.gateway.server import Server, serve
from services.ingest.hj212.gateway.sessions import Sessions
from services.ingest.hj212.gateway.sink import Outcome, Received, Sink, Status

__all__ = ["Limits", "Outcome", "Received", "Server", "Sessions", "Sink", "Status", "serve"]
