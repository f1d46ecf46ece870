"""Names of codes of the pages of detection: views of the patrol desk, parameters of rules, kinds of the evaluation."""

from collections.abc import Mapping

from web.i18n import N_

TABLES: dict[str, Mapping[str, str]] = {
    "watch": {
        "all": N_("All outlets"), "grave": N_("High risk"), "anomalous": N_("With open anomalies"),
        "exceeding": N_("Over the limit now"), "silent": N_("Silent"), "offline": N_("Offline"),
        "marked": N_("Marked now"), "cases": N_("With open cases"), "calm": N_("Nothing to see"),
    },
    "Verdict": {
        "confirmed": N_("Borne out"), "explained": N_("Explained"), "false_alarm": N_("False alarm"),
        "undetermined": N_("Undetermined"),
    },
    "rule_order": {
        "retune": N_("Need of retuning"), "burden": N_("Burden"), "open": N_("Open now"),
        "suppressed": N_("Suppressed hits"), "nature": N_("Nature"), "code": N_("Code"),
    },
    "quality_group": {"rule": N_("By rule"), "outlet": N_("By outlet"), "trade": N_("By trade")},
    "quality_column": {"outlet": N_("Outlet"), "trade": N_("Trade")},
    "strength": {"weak": N_("Weak"), "medium": N_("Medium strength"), "strong": N_("Strong")},
    "evaluation_set": {
        "river": N_("River"), "stacks": N_("Stacks"), "plant": N_("Drinking-water plant"),
        "constant": N_("Constant runs"), "honest": N_("Honest stretches"), "injected": N_("Injected faults"),
        "park": N_("Virtual park"), "minutes": N_("Virtual park by the minute"),
    },
    "evaluation_bar": {
        "river": N_("Twice as often right as the naive check, at no fewer events found."),
        "stacks": N_("Twice as often right as the naive check, at no fewer events found."),
        "plant": N_("At most 8 false alarms in 30 days at six of ten events found."),
        "constant": N_("Every run of equal values found, and no other anomaly of high risk."),
        "honest": N_("At most one false alarm a series in 30 days where nothing is wrong."),
        "park": N_("Nine of ten events found, four of five alarms right, and four of five of each kind of fraud."),
    },
    "evaluation_kind": {
        "constant": N_("Constant value"), "step": N_("Step"), "spike": N_("Spike"), "drift": N_("Drift"),
        "smoothing": N_("Smoothing"), "replay": N_("Replay"), "cap": N_("Cap"), "low_variance": N_("Low variance"),
        "zero": N_("Zeros"), "missing": N_("Missing data"),
    },
    "parameter": {
        "valid_minutes": N_("Valid minutes an hour must have"), "hold_hours": N_("Hours apart that still are one hit"),
        "hold_intervals": N_("Intervals apart that still are one hit"), "min_points": N_("Least number of values"),
        "min_hours": N_("Least length, hours"), "min_values": N_("Values needed before it judges"),
        "min_slots": N_("Records that must be missing"), "grace_minutes": N_("Minutes a record may be late"),
        "span_share": N_("Tolerance, share of the span"), "relative": N_("Tolerance, share of the level"),
        "floor": N_("Values up to this are not judged"), "floor_share": N_("Not judged below, share of the span"),
        "constant_share": N_("Counts as constant, share of the span"), "share": N_("Share of the limit or level"),
        "zero_share": N_("Counts as zero, share of the span"), "valid_share": N_("Share of hours that must be valid"),
        "steps": N_("Resolution steps it must exceed"), "spread": N_("Greatest spread, share of the limit"),
        "rise": N_("Rise, share of the limit"), "settle_hours": N_("Hours until a level has settled"),
        "memory_days": N_("Days it remembers"), "history_hours": N_("Hours of history it needs"),
        "mean_minutes": N_("Minutes of a mean"), "low": N_("Lower bound"), "high": N_("Upper bound"),
        "low_span": N_("Lower bound, share of the span"), "high_span": N_("Upper bound, share of the span"),
        "factor": N_("Times the usual deviation"), "band": N_("Width of the band, share"),
        "grace_days": N_("Days it may be late"), "grace_hours": N_("Hours it may be late"),
        "min_days": N_("Least number of days"), "seconds": N_("Seconds"), "times": N_("How many times"),
        "calm_points": N_("Values in order that end a hit"), "tolerance": N_("Tolerance, share"),
        "reference_oxygen": N_("Reference oxygen, percent"), "second_oxygen": N_("Second reference oxygen, percent"),
        "third_oxygen": N_("Third reference oxygen, percent"),
        "most_oxygen": N_("Not judged above this oxygen, percent"), "spreads": N_("Times the usual stray"),
        "absent_factors": N_("Pollutants that must be absent together"),
        "running": N_("Counts as running, share of the usual"),
        "nothing": N_("Counts as absent, share of the usual"),
        "most_usual": N_("Usual oxygen at most, percent"), "oxygen_step": N_("Step of the oxygen, percent"),
        "risen": N_("Pollutants at most, share of the usual"), "p": N_("Probability below which it is no chance"),
        "points": N_("Values needed"), "days": N_("Length, days"), "hours": N_("Length, hours"),
        "likeness": N_("Likeness from which two stretches are one"), "changes": N_("Least number of changes"),
        "factors": N_("Factors that must repeat together"), "samples": N_("Least number of samples"),
        "ties": N_("Least number of samples at the top"), "different": N_("Least number of different values"),
        "calm_intervals": N_("Intervals in order that end a hit"),
        "settle_values": N_("Values until a level has settled"),
    },
}  # fmt: skip
