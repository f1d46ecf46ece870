"""Cases and anomalies named in the reader's language."""

from datetime import timedelta

from shared.contracts.casework import CaseSummary, TimelineEntry
from shared.contracts.detection import AnomalyOut
from web import formats
from web.explain import explain
from web.i18n import gettext
from web.labels import label, name_of
from web.several import codes_of

POINT_RULES = frozenset({"SPIKE"})
SYSTEM = "system"
SHORT = timedelta(minutes=1)


def case_title(case: CaseSummary) -> str:
    """Factor, rule and how long: `COD constant value, 7 h`."""
    factor = name_of(case, "factor_name")
    if codes := codes_of(case):
        factor = gettext("%(n)s factors") % {"n": len(codes)}
    names = {"factor": factor[:1].upper() + factor[1:], "rule": label(case.rule, "rule")}
    lasted = _lasted(case)
    if case.rule in POINT_RULES or lasted < SHORT:
        return gettext("%(factor)s %(rule)s") % names
    return gettext("%(factor)s %(rule)s, %(span)s") % {**names, "span": formats.duration(lasted)}


def _lasted(case: CaseSummary) -> timedelta:
    """How long the anomaly lasted, its last period included, as detection counted it."""
    hours = case.title.params.get("hours")
    if isinstance(hours, int | float):
        return timedelta(minutes=round(hours * 60))
    return case.anomaly_last_at - case.anomaly_started_at


def anomaly_text(anomaly: AnomalyOut) -> str:
    """Why it is one."""
    return explain(anomaly.explanation.code, anomaly.explanation.params, unit=anomaly.unit)


def who(entry: TimelineEntry) -> str:
    """Who did something: a person with the organisation, an organisation alone, or the system."""
    if entry.actor == SYSTEM:
        return gettext("System")
    name = entry.actor_name or entry.organisation or entry.actor
    return formats.brackets(name, entry.organisation if entry.organisation != name else "")
