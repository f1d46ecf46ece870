"""B2 to B7 of the score P (product E6). Each point that is missing has its cause."""

from datetime import datetime, timedelta

from services.grading.domain.emission import emission_block
from services.grading.domain.facts import Case, EnterpriseFacts, Finding
from services.grading.domain.marking import mark_causes
from services.grading.domain.rules import DataRules, RectificationRules, ResponseRules, Rules, SiteRules
from services.grading.domain.score import Block, Cause, block, spread
from shared.calendar import Quarter
from shared.contracts.casework import CaseState

WEEK = timedelta(weeks=1)
NO_INQUIRY = frozenset({CaseState.WITHDRAWN, CaseState.MERGED, CaseState.FALSE_ALARM, CaseState.COVERED_BY_MARK})
"""Inquiries that turned out not to be the enterprise's to answer."""


def score_blocks(facts: EnterpriseFacts, quarter: Quarter, moment: datetime, rules: Rules) -> tuple[Block, ...]:
    """B1 to B7 of one enterprise; deadlines are judged at `moment`."""
    return (
        emission_block(facts, quarter, rules.emission),
        data_block(facts, rules.data),
        response_block(facts, moment, rules.response),
        site_block(facts, rules.site),
        rectification_block(facts, quarter, moment, rules.rectification),
        block("B6", rules.maintenance.maximum, [_not_assessed(facts, "om_assessment")]),
        block("B7", rules.public.maximum, [_not_assessed(facts, "public_tips")]),
    )


def data_block(facts: EnterpriseFacts, rules: DataRules) -> Block:
    """B2: rate points by TVR, each outlet bearing its share of the hours lost, and points for marks."""
    marks = mark_causes(facts, rules)
    if facts.tvr is None:
        return block("B2", rules.maximum, [_not_assessed(facts, "readings"), *marks])
    reached = min(1.0, max(0.0, (facts.tvr - rules.rate_from) / (rules.rate_full - rules.rate_from)))
    lost = round(rules.rate_points * (1 - reached), 2)
    short = [each for each in facts.completeness if each.valid < each.expected] if lost else []
    names = {outlet.id: outlet for outlet in facts.outlets}
    parts = spread(-lost, [each.expected - each.valid for each in short])
    causes = []
    for each, points in zip(short, parts, strict=True):
        outlet = names.get(each.outlet_id)
        params = {
            "outlet": outlet.code if outlet else "",
            "outlet_name_zh": outlet.name_zh if outlet else "",
            "outlet_name_en": outlet.name_en if outlet else "",
            "expected": each.expected,
            "received": each.received,
            "valid": each.valid,
            "tvr": round(each.valid / each.expected, 4),
        }
        causes.append(Cause("completeness", str(each.outlet_id), points, "data_incomplete", params))
    return block("B2", rules.maximum, [*causes, *marks])


def response_block(facts: EnterpriseFacts, moment: datetime, rules: ResponseRules) -> Block:
    """B3: late replies among those due, returned among those given, recurrences among all; full without inquiry."""
    asked = sorted((case for case in facts.cases if case.state not in NO_INQUIRY), key=lambda case: case.no)
    due = [case for case in asked if case.is_late(moment) is not None]
    replied = [case for case in asked if case.replied_at is not None]
    late = [case for case in due if case.is_late(moment)]
    returned = [case for case in replied if case.returns]
    again = [case for case in asked if case.recurrence]
    return block(
        "B3",
        rules.maximum,
        [
            *_shares(late, len(due), rules.maximum * rules.on_time, "reply_late"),
            *_shares(returned, len(replied), rules.maximum * rules.first_pass, "reply_returned"),
            *_shares(again, len(asked), rules.maximum * rules.recurrence, "recurrence"),
        ],
    )


def site_block(facts: EnterpriseFacts, rules: SiteRules) -> Block:
    """B4: finding points per visit, so that being visited often is no punishment; full without a visit."""
    visits = [visit for visit in facts.visits if visit.type in rules.visit_types]
    guilty = sorted((visit for visit in visits if visit.points > 0), key=lambda visit: (visit.completed_at, visit.id))
    if not guilty:
        return block("B4", rules.maximum, [])
    found = sum(visit.points for visit in guilty)
    lost = rules.maximum * min(1.0, found / (rules.points_a_visit * len(visits)))
    parts = spread(-lost, [visit.points for visit in guilty])
    return block(
        "B4",
        rules.maximum,
        [
            Cause(
                "visit", str(visit.id), points, "site_findings",
                {"no": visit.no, "findings": visit.findings, "points": visit.points}, visit.completed_at,
            )
            for visit, points in zip(guilty, parts, strict=True)
        ],
    )  # fmt: skip


def rectification_block(facts: EnterpriseFacts, quarter: Quarter, moment: datetime, rules: RectificationRules) -> Block:
    """B5: findings due in the quarter and closed late or not, and whole weeks overdue; full where none was due."""
    findings = sorted(facts.findings, key=lambda finding: finding.no)
    due = [
        finding
        for finding in findings
        if finding.due_at and quarter.start <= finding.due_at < quarter.end
        and finding.was_on_time(moment) is not None
    ]  # fmt: skip
    late = [finding for finding in due if not finding.was_on_time(moment)]
    causes = [
        Cause("finding", str(finding.id), points, "rectification_late", _finding_params(finding), finding.due_at)
        for finding, points in zip(late, _parts(len(late), len(due), rules.maximum), strict=True)
    ]
    for finding in findings:
        if weeks := overdue_weeks(finding, quarter, moment):
            params = {"no": finding.no, "weeks": weeks}
            points = -rules.overdue_week * weeks
            causes.append(Cause("finding", str(finding.id), points, "rectification_overdue", params, finding.due_at))
    return block("B5", rules.maximum, causes)


def overdue_weeks(finding: Finding, quarter: Quarter, moment: datetime) -> int:
    """Whole weeks of the quarter in which the finding was past its deadline and not closed."""
    if finding.due_at is None or (finding.was_on_time(moment) is not False):
        return 0
    begin = max(finding.due_at, quarter.start)
    end = min(finding.verified_at or moment, moment, quarter.end)
    return max(0, (end - begin) // WEEK)


def _parts(count: int, of: int, points: float) -> list[float]:
    """Points lost by each of `count` among `of` that share `points`."""
    return spread(-points * count / of, [1.0] * count) if count else []


def _shares(cases: list[Case], of: int, points: float, code: str) -> list[Cause]:
    return [
        Cause("case", case.no, part, code, _case_params(case, code), case.inquiry_sent_at)
        for case, part in zip(cases, _parts(len(cases), of, points), strict=True)
    ]


def _case_params(case: Case, code: str) -> dict[str, object]:
    if code == "reply_late":
        return {"no": case.no, "reply_by": _text(case.reply_by), "replied_at": _text(case.replied_at)}
    return {"no": case.no, "returns": case.returns} if code == "reply_returned" else {"no": case.no}


def _finding_params(finding: Finding) -> dict[str, object]:
    return {"no": finding.no, "due_at": _text(finding.due_at), "verified_at": _text(finding.verified_at)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _not_assessed(facts: EnterpriseFacts, what: str) -> Cause:
    return Cause("enterprise", str(facts.enterprise.id), 0.0, "not_assessed", {"what": what})
