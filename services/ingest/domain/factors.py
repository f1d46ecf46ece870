"""The catalogue of factors 监测因子: the standard's code tables, and which of them are hazardous."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import yaml

from services.ingest.hj212.codec import tables
from shared.contracts.ingest import Medium


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor of HJ 212-2017 appendix B (HJ 525 for water, HJ 524 for gas). Units are the standard's defaults."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    medium: Medium | None
    hazardous: bool


@cache
def hazardous_codes() -> frozenset[str]:
    """Class 1 and toxic factors, from `hazardous.yaml`."""
    lists = yaml.safe_load(resources.files(__package__).joinpath("hazardous.yaml").read_text("utf-8"))
    return frozenset(code for entry in lists for code in entry["factors"])


@cache
def catalogue() -> Mapping[str, Factor]:
    """All factors by code; noise has no medium here."""
    media = {medium.value: medium for medium in Medium}
    hazardous = hazardous_codes()
    return MappingProxyType(
        {
            code: Factor(
                code=code,
                name_zh=factor.zh,
                name_en=factor.en,
                unit=factor.unit,
                medium=media.get(factor.medium),
                hazardous=code in hazardous,
            )
            for code, factor in tables.factors().items()
        }
    )


def unit_of(code: str) -> str:
    """The standard's unit of a factor; empty for an unknown one."""
    factor = catalogue().get(code)
    return factor.unit if factor else ""
