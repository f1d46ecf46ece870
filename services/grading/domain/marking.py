"""The mark part of B2 (product E6): marks 标记 not handed in by their deadline, and untrue ones."""

from services.grading.domain.facts import EnterpriseFacts, Mark, Outlet
from services.grading.domain.rules import DataRules
from services.grading.domain.score import Cause, spread
from shared.contracts.ingest.marks import MarkOutcome

CODES = {MarkOutcome.LATE: "mark_late", MarkOutcome.MISSING: "mark_missing"}


def mark_causes(facts: EnterpriseFacts, rules: DataRules) -> list[Cause]:
    """Each late or missing mark among those due costs its share, each untrue one its points besides."""
    if facts.marks is None:
        return [Cause("enterprise", str(facts.enterprise.id), 0.0, "not_assessed", {"what": "marks"})]
    outlets = {outlet.id: outlet for outlet in facts.outlets}
    due = sorted(facts.marks, key=lambda mark: (mark.no, mark.id))
    behind = [mark for mark in due if mark.outcome is not MarkOutcome.ON_TIME]
    parts = spread(-rules.mark_points * len(behind) / len(due), [1.0] * len(behind)) if behind else []
    causes = [
        _cause(mark, points, CODES[mark.outcome], outlets.get(mark.outlet_id))
        for mark, points in zip(behind, parts, strict=True)
    ]
    untrue = [mark for mark in due if mark.untrue]
    return causes + [_cause(mark, -rules.mark_untrue, "mark_untrue", outlets.get(mark.outlet_id)) for mark in untrue]


def _cause(mark: Mark, points: float, code: str, outlet: Outlet | None) -> Cause:
    params = {
        "no": mark.no, "mark": mark.code, "outlet": outlet.code if outlet else "", "since": mark.since.isoformat(),
        "due_at": mark.due_at.isoformat(),
        "submitted_at": mark.submitted_at.isoformat() if mark.submitted_at else None,
    }  # fmt: skip
    return Cause("mark", str(mark.id), points, code, params, mark.since)
