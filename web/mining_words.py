"""Words of the mining bench: its reports, what each asks and cannot show, and why one could not be made."""

from web.i18n import N_

REPORTS = ("digits", "bunching", "repeats", "twins", "peers")
BESIDES = ("trade", "park", "alone")
TABLES: dict[str, dict[str, str]] = {
    "mining_report": {
        "digits": N_("Last digits"), "bunching": N_("Bunching at the limit"), "repeats": N_("Repeated windows"),
        "twins": N_("Twin outlets"), "peers": N_("Peers of the trade"),
    },
    "mining_beside": {"trade": N_("its trade"), "park": N_("the whole park"), "alone": N_("nothing")},
    "mining_question": {
        "digits": N_("Were the numbers measured or made up? How often each last digit is reported."),
        "bunching": N_("Were peaks shaved to just below the limit? Values about the limit against what is expected."),
        "repeats": N_("Was a stretch sent again, digit for digit or with noise? Both copies laid over one another."),
        "twins": N_("Do two outlets report one source, as it is or scaled? Pairs whose changes agree."),
        "peers": N_("Which outlet stands apart from its trade? Distributions side by side."),
    },
    "mining_caution": {
        "digits": N_("Instruments round, scale and average, so that honest digits are uneven too: the report says "
                     "how often. Nothing is judged under 30 steps of resolution, and above that one honest series in "
                     "nine is still uneven. Rank by it, never act on it alone."),
        "bunching": N_("A plant that is controlled to the limit bunches as well, but does not leave the bins above "
                       "empty. Where hardly any value comes near the limit nothing can be said."),
        "repeats": N_("Half of the values of a window must change, so that a constant run is none. Batch processes "
                      "repeat themselves honestly: look at the distance and the dates. A copy stretched in time or "
                      "taken from another outlet is not found here."),
        "twins": N_("Changes from sample to sample are compared, not levels: two honest outlets may follow one load. "
                    "Two analysers on one stack are honest twins. A copy with a delay is not found."),
        "peers": N_("Plants of one trade differ in process and permit. A z beyond 3 says that an outlet is unlike its "
                    "trade, not why."),
        "similar": N_("Two episodes of one shape need not have one cause. Where less than half of the values are "
                      "there, only the record counts."),
    },
    "mining_problem": {
        "too_large": N_("This would read too many values. Choose a shorter span, hours, or one outlet "
                        "alone."),
        "mining_timeout": N_("This took too long and was ended. Choose a shorter span, fewer outlets, or hours."),
        "mining_busy": N_("Other reports are being made. Try again in a moment."),
        "outlet_not_found": N_("This outlet is not known to detection yet."),
        "unknown": N_("No outlet in use of this scope monitors the factor."),
        "one_of": N_("Choose an outlet, a trade or the park."),
        "ends_before_start": N_("The end must come after the beginning."),
        "too_long": N_("At most 400 days."),
        "too_early": N_("There is nothing before the year 2000."),
        "no_time": N_("From and to must be dates."),
        "unavailable": N_("The readings cannot be reached for now."),
        "upstream_unreachable": N_("The detection service does not answer for now."),
    },
}  # fmt: skip
