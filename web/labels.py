"""Names of codes in the reader's language: states, roles, causes, colours. Unknown codes show as they are."""

from collections.abc import Mapping
from enum import Enum

from web.detection_words import TABLES as DETECTION_TABLES
from web.i18n import N_, current_language, gettext, pgettext
from web.mining_words import TABLES as MINING_TABLES
from web.packet_words import TABLES as PACKET_TABLES
from web.registry_words import TABLES as REGISTRY_TABLES
from web.threshold_words import TABLES as THRESHOLD_TABLES
from web.trial_words import TABLES as TRIAL_TABLES

Table = Mapping[str, str]

TABLES: dict[str, Table] = {
    "hook": {
        "ingest.device.state.v1": N_("State of a data logger"), "ingest.mark.changed.v1": N_("Mark changed"),
        "ingest.qa.recorded.v1": N_("Quality-assurance record"), "ingest.command.changed.v1": N_("Command to a logger"),
        "ingest.means.changed.v1": N_("Means computed anew"), "ingest.outlet.changed.v1": N_("Outlet changed"),
        "ingest.enterprise.changed.v1": N_("Enterprise changed"), "ingest.hook.test.v1": N_("Test message"),
    },
    "delivery": {"waiting": N_("Waiting"), "delivered": N_("Delivered"), "given_up": N_("Given up")},
    "CaseState": {
        "screening": N_("Screening"), "false_alarm": N_("False alarm"), "covered_by_mark": N_("Covered by a mark"),
        "merged": N_("Merged"), "inquiry_sent": N_("Inquiry sent"), "acknowledged": N_("Acknowledged"),
        "overdue": N_("Reply overdue"), "replied": N_("Enterprise replied"), "analysing": N_("Under analysis"),
        "returned": N_("Returned for more"), "simplified": N_("Closed, simplified"),
        "key_verification": N_("Key verification"), "rectifying": N_("Rectifying"),
        "direct_lead": N_("Handed over as a lead"), "withdrawn": N_("Withdrawn"), "closed": N_("Closed"),
    },
    "SuppressionState": {
        "proposed": N_("Awaits approval"), "approved": N_("Approved"), "refused": N_("Refused"),
        "revoked": N_("Revoked"), "expired": N_("Expired"),
    },
    "SuppressionReason": {
        "planned_work": N_("Planned work"), "device_replaced": N_("Device is being replaced"),
        "treatment_rebuilt": N_("Treatment plant is being rebuilt"),
        "rule_being_retuned": N_("Rule is being retuned"), "known_harmless": N_("Known and harmless"),
        "other": N_("Other, see note"),
    },
    "suppression_problem": {
        "own_proposal": N_("You proposed this yourself: another person must approve it."),
        "window_over": N_("Its time is over."), "ends_before_start": N_("The end must come after the beginning."),
        "over": N_("The end must lie ahead."), "too_long": N_("It lasts longer than a suppression may."),
        "too_far": N_("It begins too far ahead."), "missing": N_("Tell the reason in words."),
        "unknown": N_("This is not known here."),
    },
    "Severity": {"A": N_("High"), "B": N_("Medium"), "C": N_("Low")},
    "Nature": {
        "N1": N_("Exceedance"), "N2": N_("Data quality"), "N3": N_("Device or link"), "N4": N_("Suspected fraud"),
        "N5": N_("Contradicts the process"), "N6": N_("Missed duty"),
    },
    "Frequency": {"first": N_("First time"), "repeated": N_("Repeated"), "chronic": N_("Chronic")},
    "AnomalyState": {"open": N_("Continuing"), "closed": N_("Ended")},
    "Medium": {"water": N_("Water"), "gas": N_("Gas")},
    "ReadingKind": {
        "realtime": N_("Real-time values"), "minute": N_("Minute values"), "hour": N_("Hour means"),
        "day": N_("Day means"),
    },
    "RateUnit": {"day": N_("By day"), "month": N_("By month"), "quarter": N_("By quarter")},
    "MeanState": {
        "valid": N_("Valid mean"), "idle": N_("Stopped, by flag"), "stopped": N_("Stopped, by mark"),
        "mark": N_("Invalid by mark"), "flag": N_("Invalid by flag"), "few": N_("Too few valid values"),
        "missing": N_("Missing"),
    },
    "Why": {
        "period_end": N_("on schedule"), "late_data": N_("late data"), "correction": N_("data corrected"),
        "mark_change": N_("mark changed"), "rule_change": N_("made again"),
    },
    "lost": {
        "missing": N_("missing minutes"), "flag": N_("flag"), "mark": N_("by mark"), "stopped": N_("stopped minutes"),
        "negative": N_("negative"), "few": N_("too few"), "working_state": N_("no working state"),
    },
    "rule": {
        "EX-H": N_("hour mean over the limit"), "EX-D": N_("day mean over the limit"),
        "RANGE": N_("outside the measuring range"), "CONST": N_("constant value"), "MISS": N_("missing data"),
        "SPIKE": N_("spike"), "NEG": N_("negative value"), "ZERO": N_("zero value"),
        "TEMP850": N_("furnace below 850 °C"), "EX-TREND": N_("nearing the limit"),
        "HUG": N_("hugging the limit"), "STEP": N_("shift of level"), "LOWVAR": N_("low variance"),
        "CAL": N_("check overdue"),
        "CAL-FAIL": N_("check failed"),
        "PARAM": N_("parameter changed without entry"),
        "DAS": N_("sent and recomputed mean differ"),
        "LATE-MARK": N_("mark late"),
        "BUDGET": N_("budget of marks nearly used"),
        "FLAG-RATE": N_("many flagged hours"),
        "CLOCK": N_("clock off"),
        "CONV": N_("converted value does not follow"), "MASS": N_("mass does not follow"),
        "PARTS": N_("part above the whole"), "O2-HIGH": N_("oxygen of air while running"), "DILUTE": N_("dilution"),
        "STOP-RUN": N_("marked stopped but running"), "MON-OFF": N_("monitor off while producing"),
        "GAP": N_("emission against load"), "GAP-FLOW": N_("flow against load"), "TREAT-OFF": N_("treatment off"),
        "BUNCH": N_("bunching below the limit"),
        "CAP": N_("cut off at the top"),
        "FLAG-ABUSE": N_("marks when it suits"),
        "DIGIT": N_("last digits"),
        "PARAM-DATA": N_("parameter changed"),
        "RANDOM": N_("random numbers"),
        "REPLAY": N_("replayed data"),
        "REPLAY-N": N_("replay under noise"),
        "TWINS": N_("one source for two outlets"),
        "ROWS": N_("record repeated"),
        "SMOOTH": N_("smoothed data"),
        "VAR-UP": N_("more noise than usual"),
        "CALM": N_("too calm"),
        "DRIFT": N_("drift of checks"),
        "RATE": N_("rate of change"),
    },
    "CauseCode": {
        "production_change": N_("Change in production"), "treatment_fault": N_("Fault of the treatment plant"),
        "device_fault": N_("Fault of the analyser or logger"), "maintenance": N_("Maintenance"),
        "calibration": N_("Calibration"), "sampling": N_("Fault in sampling"),
        "communication": N_("Fault in communication"), "power": N_("Power failure"),
        "third_party_error": N_("Error of the operator of the station"),
        "true_exceedance": N_("The limit really was exceeded"), "unknown": N_("Cause not known"),
    },
    "ReasonCode": {
        "sensor_artefact": N_("Artefact of the sensor"), "rule_too_tight": N_("Rule too tight"),
        "data_late": N_("Data came late"), "marked_in_time": N_("Marked in time"),
        "same_episode": N_("Same episode"), "minor_first": N_("Minor and first"),
        "cause_proven": N_("Cause proven"), "corrected": N_("Already corrected"), "severe": N_("Severe"),
        "repeated": N_("Repeated"), "contradiction": N_("Evidence contradicts"),
        "incomplete": N_("Evidence incomplete"), "unclear": N_("Answer unclear"), "no_reply": N_("No reply"),
        "random_check": N_("Random check"), "suspected_offence": N_("Suspected offence"),
        "no_finding": N_("Nothing found"),
        "sent_in_error": N_("Sent in error"), "new_facts": N_("New facts"), "other": N_("Other"),
    },
    "EvidenceKind": {
        "photo": N_("Photo"), "video": N_("Video"), "record": N_("Record"), "document": N_("Document"),
        "data": N_("Data"), "screenshot": N_("Screenshot"), "lab_report": N_("Laboratory report"),
    },
    "VisitType": {
        "ai": N_("Administrative inspection"), "ts": N_("Technical service"), "ck": N_("Back-check"),
        "rv": N_("Rectification review"), "em": N_("Emergency visit"),
    },
    "VisitState": {
        "planned": N_("Scheduled"), "started": N_("On site"), "completed": N_("Completed"),
        "cancelled": N_("Cancelled"),
    },
    "FindingSeverity": {"minor": N_("Minor"), "general": N_("General"), "major": N_("Major")},
    "FindingState": {
        "open": N_("To be issued"), "issued": N_("Issued"), "fixing": N_("Being fixed"), "review": N_("In review"),
        "rejected": N_("Sent back"), "overdue": N_("Overdue"), "verified": N_("Verified"), "waived": N_("Waived"),
    },
    "responsible": {
        "enterprise": N_("Enterprise"), "operator": N_("Operator of the station"),
        "both": N_("Enterprise and operator"),
    },
    "clock": {
        "screening": N_("Screening due"), "acknowledge": N_("Acknowledgement due"), "reply": N_("Reply due"),
        "analysis": N_("Judgement due"), "visit": N_("Visit due"), "rectification": N_("Rectification due"),
    },
    "ListState": {"draft": N_("Draft"), "published": N_("Published"), "superseded": N_("Superseded")},
    "block": {
        "B1": N_("Emission"), "B2": N_("Data"), "B3": N_("Response"), "B4": N_("On site"), "B5": N_("Rectification"),
        "B6": N_("Operation and maintenance"), "B7": N_("Public"),
    },
    "view": {
        "decide": N_("To decide"), "open": N_("All open"), "screening": N_("To screen"), "replied": N_("Replied"),
        "due_soon": N_("Due soon"), "overdue": N_("Overdue"), "waiting": N_("Waiting for reply"),
        "fraud": N_("Suspected fraud"), "red": N_("Red enterprises"), "verification": N_("Key verification"),
        "rectifying": N_("Rectifying"), "closed": N_("Closed"),
    },
    "sort": {"priority": N_("Priority"), "due": N_("Time left"), "newest": N_("Newest")},
    "act": {
        "mark_false_alarm": N_("Close as false alarm"), "mark_covered": N_("Covered by a mark"),
        "merge": N_("Merge into another case"), "send_inquiry": N_("Send the inquiry"),
        "acknowledge": N_("Acknowledge receipt"), "reply": N_("Answer"), "start_analysis": N_("Start the analysis"),
        "return_reply": N_("Return for more"), "simplify": N_("Simplified handling"),
        "verify_on_site": N_("Key verification"), "refer": N_("Hand over as a lead"), "withdraw": N_("Withdraw"),
        "reopen": N_("Reopen"), "start_rectification": N_("Start rectification"), "conclude": N_("Conclude"),
        "start": N_("Start the visit"), "complete": N_("Complete the visit"), "cancel": N_("Cancel the visit"),
        "issue": N_("Issue the rectification notice"), "submit_plan": N_("Submit the plan"),
        "submit_evidence": N_("Submit for review"), "verify": N_("Verify and sign off"), "reject": N_("Send back"),
        "extend": N_("Grant an extension"), "waive": N_("Waive"), "escalate": N_("Escalate"),
    },
    "act_hint": {
        "mark_false_alarm": N_("No inquiry needed"), "mark_covered": N_("The enterprise marked it in time"),
        "merge": N_("Same problem"), "send_inquiry": N_("The enterprise must answer"),
        "simplify": N_("File and close"), "verify_on_site": N_("Visit the site"),
        "return_reply": N_("Ask for more, half the time"), "refer": N_("Suspected offence"),
        "start_analysis": N_("Take it on"), "withdraw": N_("With a reason"),
    },
    "timeline": {
        "case.opened": N_("Anomaly became a case"), "case.mark_false_alarm": N_("Closed as false alarm"),
        "case.mark_covered": N_("Covered by a mark"), "case.merge": N_("Merged"),
        "case.send_inquiry": N_("Inquiry sent"), "case.acknowledge": N_("Enterprise acknowledged receipt"),
        "case.reply": N_("Enterprise submitted its answer"), "case.escalate": N_("Deadline passed, escalated"),
        "case.start_analysis": N_("Analysis started"), "case.return_reply": N_("Answer returned for more"),
        "case.simplify": N_("Simplified handling, closed"), "case.verify_on_site": N_("Key verification ordered"),
        "case.refer": N_("Handed over as a lead"), "case.withdraw": N_("Withdrawn"), "case.reopen": N_("Reopened"),
        "case.start_rectification": N_("Rectification started"), "case.conclude": N_("Case closed"),
        "case.rectification_tracked": N_("Rectification tracked"),
        "anomaly.merged": N_("Another anomaly joined"), "anomaly.severity_raised": N_("Risk raised"),
        "evidence.added": N_("File added"), "visit.planned": N_("Visit planned"),
        "visit.start": N_("Visit started"), "visit.complete": N_("Visit completed"),
        "visit.cancel": N_("Visit cancelled"), "finding.issue": N_("Rectification notice issued"),
        "finding.submit_plan": N_("Rectification plan submitted"),
        "finding.submit_evidence": N_("Rectification submitted for review"),
        "finding.verify": N_("Rectification verified"), "finding.reject": N_("Rectification sent back"),
        "finding.extend": N_("Extension granted"), "finding.escalate": N_("Rectification overdue"),
        "finding.waive": N_("Rectification waived"),
    },
    "Role": {
        "enterprise": N_("Enterprise"), "supervisor": N_("Supervisor"), "supervisor_lead": N_("Lead supervisor"),
        "officer": N_("Officer"), "section_head": N_("Section head"), "admin": N_("Administrator"),
        "auditor": N_("Auditor"), "service": N_("System"),
    },
    "PermitClass": {
        "key": N_("Key management"), "simplified": N_("Simplified management"), "registered": N_("Registration"),
    },
    "LinkState": {"online": N_("Online"), "offline": N_("Offline"), "never": N_("Never connected")},
    "CommandState": {
        "awaiting_approval": N_("Awaiting approval"), "queued": N_("Waiting for the device"),
        "sent": N_("Sent to the device"), "accepted": N_("Accepted by the device"), "running": N_("Data coming in"),
        "done": N_("Executed"), "refused": N_("Refused by the device"), "failed": N_("Not executed"),
        "timed_out": N_("No answer"), "cancelled": N_("Cancelled"), "expired": N_("Expired"),
    },
    "CommandOrigin": {
        "person": N_("A person"), "clock_skew": N_("Clock was off"), "clock_request": N_("Device asked for the time"),
        "first_connection": N_("First connection"), "gap": N_("Gap in the data"),
    },
    "command_view": {
        "open": N_("Not over"), "awaiting_approval": N_("To approve"), "over": N_("Over"),
        "all": N_("All"),
    },
    "command_group": {
        "clock": N_("Clock"), "intervals": N_("Intervals and time-outs"), "upload": N_("Start and stop uploads"),
        "history": N_("Fetch history"), "sampling": N_("Sampling"), "calibration": N_("Calibration and checks"),
        "information": N_("Information and parameters"), "access": N_("Access and keys"),
    },
    "command_answer": {
        "9011": N_("Answer to the request"), "9012": N_("Result of execution"), "9013": N_("Notice acknowledged"),
    },
    "command_outcome": {
        "no_result": N_("The device accepted the command and then fell silent."),
        "no_answer": N_("The device did not answer; whether it carried the command out is not known."),
        "never_online": N_("The device did not come online in time."), "cancelled": N_("Cancelled"),
        "refused": N_("The device refused."), "failed": N_("The device could not do it."),
        "success_without_result": N_("The data came; the device sent no result code."), "success": N_("Executed"),
    },
    "MarkState": {
        "proposed": N_("To confirm"), "pending": N_("To review"), "queried": N_("Queried"),
        "accepted": N_("Accepted"), "rejected": N_("Not accepted"), "expired": N_("Expired"),
        "withdrawn": N_("Withdrawn"),
    },
    "MarkKind": {"working_condition": N_("Working condition"), "device": N_("Monitoring device")},
    "MarkEffect": {
        "invalid": N_("Data not valid"), "stopped": N_("No data expected"), "none": N_("No effect on validity"),
        "valid": N_("Data valid"),
    },
    "MarkSource": {
        "auto": N_("From the logger's flags"), "manual": N_("Entered by hand"),
        "proposed": N_("Proposed by a supervisor"),
    },
    "mark_act": {
        "confirm": N_("Confirm"), "correct": N_("Correct"), "finish": N_("Set the end"), "answer": N_("Answer"),
        "withdraw": N_("Withdraw"), "accept": N_("Accept"), "query": N_("Ask back"), "reject": N_("Do not accept"),
    },
    "mark_event": {
        "added": N_("Handed in"), "proposed": N_("Proposed"), "flagged": N_("Made of flags"),
        "follow": N_("Followed the data"),
        "confirm": N_("Confirmed"), "correct": N_("Corrected"), "finish": N_("End set"), "answer": N_("Answered"),
        "withdraw": N_("Withdrawn"), "accept": N_("Accepted"), "query": N_("Queried"), "reject": N_("Not accepted"),
        "merged": N_("Merged"), "evidence_added": N_("File added"), "expire": N_("Expired"), "revoke": N_("Flags gone"),
    },
    "QaKind": {
        "zero": N_("Zero calibration"), "span": N_("Span calibration"), "standard_check": N_("Standard sample check"),
        "linearity": N_("Linearity"), "comparison": N_("Comparison test"),
    },
    "QaState": {
        "never": N_("Never done"), "overdue": N_("Overdue"), "failed": N_("Failed, test again"), "soon": N_("Due soon"),
        "done": N_("Done"),
    },
    "QaSource": {"portal": N_("Portal"), "api": N_("Interface"), "hj212": "HJ 212"},
    "service": {
        "ingest": N_("Data and registry"), "detection": N_("Detection"), "casework": N_("Casework"),
        "grading": N_("Grading"), "identity": N_("Identity"),
    },
}  # fmt: skip

TABLES |= PACKET_TABLES
TABLES |= MINING_TABLES
TABLES.update(REGISTRY_TABLES)
TABLES.update(TRIAL_TABLES)
TABLES.update(DETECTION_TABLES)
TABLES.update(THRESHOLD_TABLES)

TRADES: Table = {
    "electroplating": N_("Electroplating"), "printing_dyeing": N_("Printing and dyeing"),
    "thermal_power": N_("Heat and power"), "pharmaceutical": N_("Pharmaceutical ingredients"),
    "food": N_("Food"), "fine_chemicals": N_("Fine chemicals"), "circuit_boards": N_("Printed circuit boards"),
    "waste_incineration": N_("Waste incineration"), "sewage_works": N_("Sewage works"), "paper": N_("Paper"),
    "cement": N_("Cement"), "brewery": N_("Brewery"), "textile": N_("Textiles"), "electronics": N_("Electronics"),
    "steel": N_("Steel"), "glass": N_("Glass"), "coating": N_("Coating"), "petrochemical": N_("Petrochemicals"),
}  # fmt: skip


def _colour(value: str, form: str) -> str:
    short = {
        "red": pgettext("grade", "Red"), "yellow": pgettext("grade", "Yellow"),
        "green": pgettext("grade", "Green"), "grey": pgettext("grade", "Grey"),
    }  # fmt: skip
    long = {
        "red": pgettext("grade", "Red · key supervision"), "yellow": pgettext("grade", "Yellow · normal supervision"),
        "green": pgettext("grade", "Green · simplified supervision"), "grey": pgettext("grade", "Grey · not yet rated"),
    }  # fmt: skip
    return (long if form == "long" else short).get(value, value)


def label(value: Enum | str, form: str = "") -> str:
    """Name of a code: of an enum member by its class, of a plain string by the table named in `form`."""
    if isinstance(value, Enum):
        code, kind = str(value.value), type(value).__name__
        if kind == "Colour":
            return _colour(code, form)
        kind = form or kind
    else:
        code, kind = value, form
    known = TABLES[kind].get(code)
    return gettext(known) if known else code


def options(kind: str) -> list[tuple[str, str]]:
    """All codes of a table with their names, for a select."""
    return [(code, gettext(text)) for code, text in TABLES[kind].items()]


def trade(code: str) -> str:
    """Name of a trade; a code we do not know is shown as it is."""
    known = TRADES.get(code)
    return gettext(known) if known else code


def name_of(thing: object, field: str = "name") -> str:
    """The Chinese or English one of a pair of fields, Chinese where there is no English."""
    chinese = str(getattr(thing, f"{field}_zh"))
    english = str(getattr(thing, f"{field}_en", ""))
    return (english or chinese) if current_language.get() == "en" else chinese
