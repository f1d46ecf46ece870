"""Parameters of analysers 仪器参数 that changed."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.ingest.base import Wire


class ParameterChangeOut(Wire):
    """A parameter that a logger told differently from `at` on (HJ 212-2017 CN 3020, table B.10).

    `code` as in the standard: i13001 measuring range 量程, i13002 precision 精度, i13007 intercept 截距, i13008 slope
    斜率, i13009 detection limit 检出限. `factor` is empty where the packet named no analyser. `registered` 已备案: the
    entry of the analyser in the dossier was made or changed near it.
    """

    id: UUID
    device_id: UUID
    outlet_id: UUID
    enterprise_id: UUID
    factor: str
    code: str
    before: str
    after: str
    at: AwareDatetime
    registered: bool
