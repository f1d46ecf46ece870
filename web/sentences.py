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
    "several.missing": N_(
        "%(factors)s factors of the outlet fell silent together: %(count)s records in %(hours)s h;"
        " mostly the link or the logger."
    ),
    "several": N_(
        "%(factors)s factors of the outlet show this together: %(count)s readings in %(hours)s h;"
        " mostly the device or the sampling."
    ),
    "spike": N_(
        "The value leapt to %(observed)s %(unit)s and back; the recent median is %(reference)s; %(count)s readings."
    ),
    "negative": N_(
        "The value %(observed)s %(unit)s is further below zero than the %(reference)s that zero drift explains;"
        " %(count)s readings over %(hours)s h."
    ),
    "zero": N_(
        "The value stayed at zero for %(longest_hours)s h; it is %(reference)s %(unit)s on average; %(count)s readings."
    ),
    "trend": N_(
        "The hourly mean has risen to %(observed)s %(unit)s, %(ratio)s times the limit of %(reference)s,"
        " in %(hours)s h."
    ),
    "hugging": N_(
        "The week's mean %(observed)s %(unit)s hugs the limit of %(reference)s with hardly any spread;"
        " %(count)s hours out of %(hours)s."
    ),
    "shift": N_("The median of 24 h went from %(reference)s to %(observed)s %(unit)s."),
    "conversion": N_(
        "The converted value %(observed)s %(unit)s should be %(reference)s by the measured one and oxygen;"
        " %(count)s readings over %(hours)s h."
    ),
    "mass": N_(
        "The mass %(observed)s %(unit)s should be %(reference)s by concentration and flow;"
        " %(count)s readings over %(hours)s h."
    ),
    "parts": N_(
        "The values %(observed)s and %(reference)s %(unit)s contradict each other, a part above the whole;"
        " %(count)s readings over %(hours)s h."
    ),
    "oxygen": N_(
        "Oxygen reached %(observed)s %(unit)s while production ran (air has 20.9); %(count)s readings over %(hours)s h."
    ),
    "dilution": N_(
        "Oxygen was %(observed)s %(unit)s where the load lets expect about %(reference)s, and no pollutant had risen;"
        " %(count)s readings over %(hours)s h."
    ),
    "stop_run": N_(
        "While marked as stopped, the source ran at %(observed)s of its usual level (a stop is below %(reference)s);"
        " %(count)s readings over %(hours)s h."
    ),
    "monitor_off": N_(
        "No pollutant was seen while power use or load was %(observed)s of the usual"
        " (running is %(reference)s or more); %(count)s readings over %(hours)s h."
    ),
    "flow_load": N_(
        "The flow %(observed)s %(unit)s should be about %(reference)s by the load; %(count)s readings over %(hours)s h."
    ),
    "gap": N_(
        "The concentration %(observed)s %(unit)s should be about %(reference)s by the load;"
        " %(count)s readings over %(hours)s h."
    ),
    "treatment": N_(
        "Treatment used %(observed)s %(unit)s where production lets expect about %(reference)s;"
        " %(count)s readings over %(hours)s h."
    ),
    "flat": N_(
        "For %(longest_hours)s h all values lay within %(observed)s %(unit)s of each other (band %(reference)s),"
        " though not constant."
    ),
    "rate": N_(
        "A step of %(observed)s %(unit)s from one reading to the next, where %(reference)s is allowed;"
        " %(count)s leaps in %(hours)s h."
    ),
    "furnace": N_(
        "The lowest five-minute mean of the furnace is %(observed)s %(unit)s, under %(reference)s;"
        " %(count)s means in %(hours)s h."
    ),
    "calibration": N_("A check due every %(reference)s days is %(hours)s h overdue."),
    "quality_check": N_("The error of the check is %(observed)s, allowed are %(reference)s."),
    "parameter": N_(
        "A parameter of the analyser went from %(reference)s to %(observed)s, and the dossier has no entry of it."
    ),
    "mean_gap": N_("The hour mean sent is %(observed)s %(unit)s, the minutes give %(reference)s; %(count)s hours."),
    "late_mark": N_("A mark is %(observed)s h late."),
    "mark_budget": N_("%(observed)s of the %(reference)s h that may be marked in a year are used."),
    "flag_rate": N_(
        "The share of hours flagged as maintenance, calibration or fault this month is %(observed)s, the "
        "bound %(reference)s."
    ),
    "clock": N_("The clock of the logger is off by %(observed)s s, allowed are %(reference)s s."),
    "bunching": N_(
        "%(observed)s hours lie just below the limit where the distribution explains %(reference)s; "
        "%(count)s readings about the limit."
    ),
    "status_abuse": N_(
        "%(observed)s of %(count)s marks began right after values near or over the limit; "
        "%(reference)s would by chance."
    ),
    "cap": N_(
        "%(observed)s %% of the values stand exactly at the highest, %(reference)s (%(count)s readings), "
        "with nothing above."
    ),
    "digits": N_("Chi-square of the last digits is %(observed)s (bound %(reference)s); %(count)s readings."),
    "memory": N_(
        "Steps are %(observed)s times the spread (bound %(reference)s), as of unrelated numbers; %(count)s readings."
    ),
    "noise": N_("The median erratic movement is %(observed)s, %(reference)s allowed; %(count)s readings."),
    "noisy_replay": N_(
        "The steps are like those of an older stretch, %(observed)s of 1 (bound %(reference)s); %(count)s readings."
    ),
    "replay": N_("%(count)s hours equal those %(observed)s hours before to the digit (fewer than %(reference)s may)."),
    "rows": N_("All factors stand exactly as %(observed)s hours before."),
    "smoothness": N_("The roughness fell to %(observed)s (at least %(reference)s is allowed); %(count)s readings."),
    "twins": N_(
        "The steps are those of another outlet of the trade, %(observed)s of 1 (bound %(reference)s); "
        "%(count)s readings."
    ),
    "tampering": N_(
        "The level fell at once by %(observed)s in logarithm (bound %(reference)s), the fluctuation went on as before."
    ),
    "calm": N_(
        "Values scatter by %(observed)s %% of their level (bound by what was ever usual %(reference)s "
        "%%), without a course; %(count)s readings."
    ),
    "drift": N_("The errors of checks drift; their latest median is %(observed)s, one check may err by %(reference)s."),
}

DEADLINES = {
    "screening_hours": N_("to be screened within %(hours)s h"),
    "screening_minutes": N_("to be screened within %(minutes)s min"),
    "screening_next_workday": N_("to be screened by %(at)s of the next working day"),
    "acknowledge_minutes": N_("receipt to be acknowledged within %(minutes)s min"),
    "acknowledge_hours": N_("receipt to be acknowledged within %(hours)s h"),
    "reply_hours": N_("answer within %(hours)s h"),
    "reply_returned_hours": N_("further answer within %(hours)s h, half of the first span"),
    "analysis_hours": N_("judgement within %(hours)s h"),
    "analysis_workdays": N_("judgement within %(workdays)s working day(s)"),
    "visit_hours": N_("visit within %(hours)s h"),
    "visit_workdays": N_("visit within %(workdays)s working day(s)"),
    "rectification_days": N_("rectification within %(days)s days"),
    "rectification_extended_days": N_("rectification within %(days)s days, extended by %(extra)s"),
}

GUARDS = {
    "severity_a_needs_officer": N_("High risk: only an officer of the bureau may close it in a simplified way."),
    "severity_b_needs_lead": N_("Medium risk: a lead supervisor or an officer must close it."),
    "unknown_cause_needs_analysis": N_("The enterprise does not know the cause: start the analysis first."),
    "returned_twice": N_("It was returned twice already."),
    "screener_may_not_refer": N_("Who screened a case may not hand it over as a lead."),
    "already_acknowledged": N_("Receipt was acknowledged already."),
    "reopen_window_over": N_("It can be reopened within 72 hours only."),
    "inspection_needs_officer": N_("Only officers of the bureau carry out this kind of visit."),
    "guide_may_not_verify": N_("Who guided the rectification may not verify it."),
    "extended_already": N_("It was extended once already."),
}

REFUSALS = {
    "illegal_transition": N_("The state does not allow this any more. It is shown as it is now."),
    "evidence_closed": N_("The case is closed and takes no more files."),
    "case_full": N_("The case holds as many files as it may."),
    "no_draft": N_("There is no draft of this quarter."),
    "already_published": N_("This list is published already."),
    "quarter_not_begun": N_("This quarter has not begun."),
    "not_in_list": N_("The enterprise is not in the list."),
    "grey_not_overridable": N_("Grey cannot be moved: there are not enough data."),
    "override_too_far": N_("A colour can be moved by one level only."),
    "override_unchanged": N_("That is the colour already."),
    "override_against_rule": N_("A rule stands against this colour."),
    "note_required": N_("Before the quarter ends a note is needed."),
    "four_eyes": N_("Who moved a colour may not publish the list."),
}

GRADES = {
    "exceeding_days": N_("%(outlet)s %(outlet_name)s: %(days)s days over the limit (%(no)s)"),
    "exceeding_hours": N_("%(outlet)s %(outlet_name)s: %(hours)s hours over the limit (%(no)s)"),
    "data_incomplete": N_(
        "%(outlet)s %(outlet_name)s: %(valid)s of %(expected)s hours valid (%(received)s received), %(tvr)s"
    ),
    "reply_late": N_("Case %(no)s: answered %(replied_at)s, due %(reply_by)s"),
    "reply_returned": N_("Case %(no)s: answer returned, times: %(returns)s"),
    "recurrence": N_("Case %(no)s: the problem came back"),
    "site_findings": N_("Visit %(no)s: %(findings)s problems, %(points)s points"),
    "rectification_late": N_("Rectification %(no)s: due %(due_at)s, verified %(verified_at)s"),
    "rectification_overdue": N_("Rectification %(no)s: %(weeks)s weeks overdue"),
    "mark_late": N_("Mark %(no)s (%(outlet)s): handed in %(submitted_at)s, due %(due_at)s"),
    "mark_missing": N_("Mark %(no)s (%(outlet)s): not handed in, due %(due_at)s"),
    "mark_untrue": N_("Mark %(no)s (%(outlet)s): found untrue"),
    "not_assessed.marks": N_("Marks are not assessed yet: full points"),
    "not_assessed.readings": N_("No readings to assess: full points"),
    "not_assessed.om_assessment": N_("Operation and maintenance is not assessed yet: full points"),
    "not_assessed.public_tips": N_("Opinions of residents are not assessed yet: full points"),
    "not_assessed": N_("Not assessed yet: full points"),
    "veto.overdue_majors": N_("Red at once: %(count)s major problems overdue (%(findings)s)."),
    "veto.exceeding_days": N_("Red at once: %(days)s exceeding days in %(month)s, the limit is %(limit)s."),
    "cannot_be_green.overdue_rectification": N_("Not green: %(count)s rectifications overdue (%(findings)s)."),
    "cannot_be_green.tvr": N_("Not green: data rate %(tvr)s, at least %(least)s is needed."),
    "hysteresis": N_(
        "By the risk index %(risk)s it would be %(by_risk)s; coming from %(previous)s it needs less than %(needs)s."
    ),
    "insufficient_data.not_connected": N_("Not yet connected."),
    "insufficient_data.connected_less_than_quarter": N_("Connected since %(connected_on)s, less than a full quarter."),
    "insufficient_data.no_readings": N_("No reading has come."),
    "insufficient_data.no_outlets": N_("No outlet is registered."),
    "insufficient_data": N_("Not enough data."),
    "override": N_("Moved from %(from)s to %(to)s by %(by)s: %(reason)s"),
    "override_lapsed": N_("An earlier move from %(from)s to %(to)s by %(by)s no longer applies."),
    "imported": N_("Taken over from before: %(note)s"),
    "key_unit": N_("key unit %(points)s"),
    "toxic": N_("toxic substances %(points)s"),
    "near_homes": N_("near homes %(points)s"),
    "large_flow": N_("large flow %(points)s"),
    "simplified_permit": N_("simplified permit %(points)s"),
}

MARKS = {
    "mark.late": N_("Later than the deadline: it will count as late in the grade."),
    "mark.wastes_budget": N_(
        "The source is marked as stopped in this time: the mark would use up the budget for nothing."
    ),
    "mark.budget_warning": N_("80 percent or more of the yearly budget will be used."),
    "mark.budget_over": N_("The yearly budget will be overrun."),
    "mark.signs_of_running": N_("Readings of this time say that the source was running."),
    "mark.too_short": N_("Shorter than 15 minutes, also with the marks it touches."),
    "mark.window_over": N_("Data as old as this can no longer be marked."),
    "mark.in_the_future": N_("A mark may not reach into the future; leave the end open while it lasts."),
    "mark.ends_before_start": N_("The end lies before the beginning."),
    "mark.contradiction": N_("Contradicts %(no)s %(name)s"),
    "mark.same_code": N_("Overlaps %(no)s of the same kind"),
    "window_over": N_("The time for corrections is over."),
    "from_flags": N_("The logger's flags say so: correct it instead of withdrawing it."),
    "has_ended": N_("It has an end already."),
    "evidence_missing": N_("The evidence this kind of mark needs is not there yet."),
}

SENTENCES: dict[str, str] = {**DETECTION, **DEADLINES, **GUARDS, **REFUSALS, **GRADES, **MARKS}
"""Code → English sentence with named parameters; `code.rule` is looked up before `code`."""

SOURCES = (N_("platform default"), N_("Jiangsu's feedback limits of 4 h and 48 h, mapped to severity by default"))
"""Where a clock's length comes from, as casework names it; a law's own name is shown as it is."""
