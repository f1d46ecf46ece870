"""What the ids in answers of detection stand for: enterprises, outlets, names of factors."""

import asyncio
from collections.abc import Iterable
from typing import Any

from shared.contracts.detection import SEVERAL
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import FactorOut
from web.i18n import gettext
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
        "names": factor_names(factors),
    }


def factor_names(factors: Iterable[FactorOut]) -> dict[str, str]:
    """Names by code, with what an anomaly says in place of one factor."""
    named = {item.code: name_of(item) for item in factors}
    return {**named, SEVERAL: gettext("Several factors"), WHOLE_OUTLET: gettext("The outlet as a whole")}
