"""Copies of what other services own: enterprises with their colour, outlets, names of factors."""

from dataclasses import dataclass
from uuid import UUID

from services.casework.domain.cases.model import Case
from shared.contracts.grading import Colour
from shared.contracts.ingest import Medium


@dataclass(frozen=True)
class Enterprise:
    """An enterprise 企业 with the colour in force."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    version: int
    colour: Colour = Colour.GREY


@dataclass(frozen=True)
class Outlet:
    """An outlet 排口."""

    id: UUID
    enterprise_id: UUID
    code: str
    name_zh: str
    name_en: str
    medium: Medium
    version: int


@dataclass(frozen=True)
class Factor:
    """A factor 监测因子."""

    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Site:
    """Where a case plays; `priority` of the enterprise's colour comes on top of the case's own."""

    enterprise: Enterprise
    outlet: Outlet
    factor: Factor
    colour_weight: int


@dataclass(frozen=True)
class Placed:
    """A case with its site."""

    case: Case
    site: Site
