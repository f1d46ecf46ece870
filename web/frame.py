"""What the frame around a page shows: numbers of open work and how fresh the data are."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from shared.clients.base import ServiceCallError
from shared.clock import monotonic
from shared.contracts.casework import CaseCounts
from shared.contracts.ingest import FreshnessOut
from shared.logging import get_logger
from web.htmx import is_htmx
from web.session import Viewer, find_viewer

log = get_logger(__name__)
KEEP_SECONDS = 3.0
MOST_KEPT = 1000


@dataclass(frozen=True)
class Frame:
    """Counts and freshness; None where they are not known, and then not shown."""

    counts: CaseCounts | None = None
    freshness: FreshnessOut | None = None


class FrameCache:
    """Frames kept for some seconds by person, so that moving between pages does not count again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Frame]] = OrderedDict()

    async def get(self, viewer: Viewer) -> Frame:
        """The frame of a person."""
        subject = viewer.principal.subject
        kept = self._kept.get(subject)
        if kept is not None and monotonic() < kept[0]:
            return kept[1]
        frame = await load(viewer)
        self._kept[subject] = (monotonic() + KEEP_SECONDS, frame)
        self._kept.move_to_end(subject)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return frame

    def forget(self, viewer: Viewer) -> None:
        """Count again next time: this person just changed something."""
        self._kept.pop(viewer.principal.subject, None)


async def load(viewer: Viewer) -> Frame:
    """Ask casework and ingest; a service that does not answer leaves its part out, the page stays usable."""
    counts, freshness = await asyncio.gather(
        viewer.backends.casework.count_cases(), viewer.backends.ingest.freshness(), return_exceptions=True
    )
    for part in (counts, freshness):
        if isinstance(part, ServiceCallError):
            log.warning("frame_part_missing", service=part.service, detail=part.message)
        elif isinstance(part, BaseException):
            raise part
    return Frame(
        counts=counts if isinstance(counts, CaseCounts) else None,
        freshness=freshness if isinstance(freshness, FreshnessOut) else None,
    )


async def set_frame(request: Request, viewer: Annotated[Viewer | None, Depends(find_viewer)]) -> None:
    """FastAPI dependency of every page: load the frame where the whole page will be shown."""
    if viewer is not None and not is_htmx(request):
        request.state.frame = await request.app.state.frames.get(viewer)
