"""Names of codes of backtests and of proposals to retune rules."""

from collections.abc import Mapping

from web.i18n import N_

TABLES: dict[str, Mapping[str, str]] = {
    "BacktestState": {
        "queued": N_("In the queue"), "running": N_("Running"), "done": N_("Done"), "failed": N_("Failed"),
        "cancelled": N_("Cancelled"),
    },
    "ProposalState": {
        "proposed": N_("Awaits decision"), "accepted": N_("Accepted by the bureau"), "declined": N_("Declined"),
        "withdrawn": N_("Withdrawn"),
    },
    "DifferenceKind": {"new": N_("Would fire"), "gone": N_("Would no longer fire")},
    "backtest_reason": {
        "too_long": N_("It ran too long. Choose fewer days or outlets."),
        "too_many_readings": N_("An outlet has too many readings in this span. Choose fewer days."),
        "bad_rule": N_("The rules have changed since; the numbers no longer fit."),
        "interrupted": N_("It was interrupted several times. Start it again."),
    },
    "backtest_problem": {
        "ends_before_start": N_("The last day must not come before the first."),
        "ahead": N_("There are no readings of days ahead."), "too_long": N_("Choose a shorter span."),
        "too_much": N_("Too many outlets for so many days. Choose fewer."), "unknown": N_("This is not known here."),
        "rule_changed": N_("The rule has changed since this was proposed."),
        "missing": N_("Tell the reason in words."),
    },
}  # fmt: skip
