"""Names of codes of the pages of detection: views of the patrol desk, parameters of rules, kinds of the evaluation."""

from collections.abc import Mapping

from web.i18n import N_

TABLES: dict[str, Mapping[str, str]] = {
    "watch": {
        "all": N_("All outlets"), "grave": N_("High risk"), "anomalous": N_("With open anomalies"),
        "exceeding": N_("Over the limit now"), "silent": N_("Silent"), "offline": N_("Offline"),
        "marked": N_("Marked now"), "cases": N_("With open cases"), "calm": N_("Nothing to see"),
    },
}  # fmt: skip
