"""Thresholds in words: names of their numbers with units, what a number rests on, refusals."""

from collections.abc import Mapping

from shared.contracts.detection.thresholds import LearntNumber, ThresholdBasis
from web import formats
from web.i18n import N_, gettext

TABLES: dict[str, Mapping[str, str]] = {
    "ThresholdState": {
        "default": N_("Rule's own"), "learnt": N_("Learnt"), "proposed": N_("Awaits decision"),
        "frozen": N_("Frozen"), "released": N_("Unfrozen"),
    },
    "VersionState": {
        "proposed": N_("Awaits decision"), "refused": N_("Not accepted"), "coming": N_("Not yet in force"),
        "in_force": N_("In force"), "superseded": N_("Superseded"),
    },
    "ThresholdOrigin": {"learnt": N_("Learnt from its history"), "manual": N_("Set by a person")},
    "threshold_number": {
        "CONST.min_hours": N_("Same value for"), "ZERO.min_hours": N_("Zero for"),
        "RATE.factor": N_("Step, in wide steps of its own"),
        "LOWVAR.relative": N_("Range of a day, of its level"), "SPIKE.factor": N_("Leap, in median deviations"),
        "SPIKE.relative": N_("Leap, of the level"), "STEP.factor": N_("Shift, in quartile distances"),
        "STEP.relative": N_("Shift, of the level"),
    },
    "threshold_problem": {
        "own_proposal": N_("You proposed this yourself: another person must decide."),
        "out_of_bounds": N_("This is beyond what the number may be."),
        "not_judged": N_("The rule does not judge this series by that number."),
        "no_such_number": N_("The rule has no such number for a single series."),
        "missing": N_("Tell the reason in words."), "unknown": N_("This is not known here."),
        "threshold_exists": N_("There is one for this series already: propose other numbers there."),
    },
}  # fmt: skip
HOURS = frozenset({"min_hours"})
SHARES = frozenset({"relative"})
OBSERVED = {
    "CONST.min_hours": N_("%(share)s of its own still stretches last %(observed)s at most."),
    "ZERO.min_hours": N_("%(share)s of its own stretches of zeros last %(observed)s at most."),
    "LOWVAR.relative": N_("%(share)s of its own days move by more than %(observed)s of their level."),
}


def number_text(name: str, value: float | None) -> str:
    """A number of a parameter with its unit; a dash for none."""
    if value is None:
        return formats.NONE
    if name in HOURS:
        return gettext("%(hours)s h") % {"hours": formats.number(value, 2)}
    if name in SHARES:
        return formats.percent(value, 2)
    return gettext("%(times)s times") % {"times": formats.number(value, 2)}


def unit_of(name: str) -> str:
    """What is typed for a parameter."""
    if name in HOURS:
        return gettext("hours")
    return gettext("share of 1") if name in SHARES else gettext("times")


def basis_text(basis: ThresholdBasis) -> str:
    """The history a version rests on."""
    return gettext("%(readings)s readings of %(days)s days up to %(until)s; %(excluded)s left out") % {
        "readings": formats.number(basis.readings, 0), "days": basis.days, "until": formats.day(basis.until),
        "excluded": formats.number(basis.excluded, 0),
    }  # fmt: skip


def observed_text(rule: str, one: LearntNumber) -> str:
    """What the series itself showed."""
    sentence = OBSERVED.get(f"{rule}.{one.parameter}", N_("At %(observed)s, %(share)s of its own readings pass."))
    share = 1.0 - one.quantile if one.parameter in SHARES else one.quantile
    return gettext(sentence) % {
        "share": formats.percent(share, 2), "observed": number_text(one.parameter, one.observed),
    }  # fmt: skip


def bounds_text(one: LearntNumber) -> str:
    """How far learning may move the number."""
    return gettext("Learning may set %(low)s to %(high)s.") % {
        "low": number_text(one.parameter, one.low), "high": number_text(one.parameter, one.high),
    }  # fmt: skip
