"""The sentences behind the codes that services keep: why an anomaly, a deadline, a guard, a point."""

from web.i18n import N_

DETECTION = {
    "range.above": N_(
        "The value %(observed)s %(unit)s is above the possible maximum of %(reference)s;"
        " %(count)s readings over %(hours)s h."
    ),
    "range.below": N_(
        "The value %(observed)s %(unit)s is below the possible minimum of %(reference)s;"
        " %(count)s readings over %(hours)s h."
    ),
    "exceedance.above": N_(
        "The highest mean %(observed)s %(unit)s is %(ratio)s times the limit of %(reference)s;"
        " %(count)s means over the limit in %(hours)s h."
    ),
    "exceedance.below": N_(
        "The lowest mean %(observed)s %(unit)s is under the lower limit of %(reference)s;"
        " %(count)s means in %(hours)s h."
    ),
    "constant": N_(
        "The value %(observed)s %(unit)s did not change for %(longest_hours)s h (within %(reference)s);"
        " %(count)s readings."
    ),
    "missing": N_(
        "%(count)s records are missing; the longest stretch of %(longest_hours)s h"
        " brought %(observed)s of %(reference)s."
    ),
    "missing.backfilled": N_("Records were overdue and were all delivered later."),
    "spike": N_(
        "The value leapt to %(observed)s %(unit)s and back; the recent median is %(reference)s; %(count)s readings."
    ),
}

SENTENCES: dict[str, str] = {**DETECTION}
