"""Anomalies of several factors at once, which a parent stands for: what of them is shown, and whose curve."""

from collections.abc import Mapping, Sequence

from shared.clients.ingest import IngestClient
from shared.contracts.casework import CaseSummary
from shared.contracts.detection import SEVERAL, AnomalyOut
from web.i18n import gettext
from web.labels import name_of

AROUND = ("a00", "a01", "a19", "w00", "w01001", "w01010")
"""Beginnings of the codes of what is measured beside pollutants: flow, state of the gas, O2, pH, temperature."""
COMPUTED = "-"


def codes_of(case: CaseSummary) -> list[str]:
    """Factors of a case about several of them; none for a case about one."""
    return [str(code) for code in case.title.params.get("codes", [])] if case.factor == SEVERAL else []


def curve_of(case: CaseSummary) -> str:
    """The factor whose curve stands for the case."""
    return curve_among(codes_of(case)) or case.factor


def curve_among(codes: Sequence[str]) -> str:
    """The factor among several whose curve says most: a pollutant if there is one; empty for none."""
    measured = [code for code in codes if COMPUTED not in code]
    return next((code for code in measured if not code.startswith(AROUND)), next(iter(measured or codes), ""))


def singles(anomalies: Sequence[AnomalyOut]) -> list[AnomalyOut]:
    """Anomalies without those whose parent is among them."""
    here = {one.id for one in anomalies}
    return [one for one in anomalies if one.parent_id not in here]


def named(anomaly: AnomalyOut, names: Mapping[str, str]) -> str:
    """The factors of a parent by name."""
    return gettext(", ").join(names.get(code, code) for code in anomaly.factors)


async def names_for(ingest: IngestClient, anomalies: Sequence[AnomalyOut]) -> dict[str, str]:
    """Names of factors by code, where there is a parent among the anomalies to name some."""
    if not any(one.factors for one in anomalies):
        return {}
    return {one.code: name_of(one) for one in await ingest.list_factors()}
