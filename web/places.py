"""What the ids in answers of detection stand for: enterprises, outlets, names of factors."""

import asyncio
from typing import Any

from web.labels import name_of
from web.session import Viewer

MOST = 1000


async def places(viewer: Viewer) -> dict[str, Any]:
    """`firms` and `outlets` by id, `names` of factors by code, as templates take them."""
    ingest = viewer.backends.ingest
    firms, outlets, factors = await asyncio.gather(
        ingest.list_enterprises(limit=MOST), ingest.list_outlets(limit=MOST), ingest.list_factors()
    )
    return {
        "firms": {item.id: item for item in firms.items},
        "outlets": {item.id: item for item in outlets.items},
        "names": {item.code: name_of(item) for item in factors},
    }
