"""Cases and anomalies named in the reader's language."""

from datetime import timedelta

from shared.contracts.casework import CaseSummary
from shared.contracts.detection import AnomalyOut
from web import formats
from web.explain import explain
from web.i18n import gettext
from web.labels import label, name_of

POINT_RULES = frozenset({"SPIKE"})
SHORT = timedelta(minutes=1)


def case_title(case: CaseSummary) -> str:
    """Factor, rule and how long: `COD constant value, 7 h`."""
    names = {"factor": name_of(case, "factor_name"), "rule": label(case.rule, "rule")}
    lasted = case.anomaly_last_at - case.anomaly_started_at
    if case.rule in POINT_RULES or lasted < SHORT:
        return gettext("%(factor)s %(rule)s") % names
    return gettext("%(factor)s %(rule)s, %(span)s") % {**names, "span": formats.duration(lasted)}


def anomaly_text(anomaly: AnomalyOut) -> str:
    """Why it is one."""
    return explain(anomaly.explanation.code, anomaly.explanation.params, unit=anomaly.unit)
