"""Domain objects as the wire shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.grading.domain.grades import Grade
from services.grading.domain.lists import GradeList, InForce, ListHead, PublicGrade
from shared.contracts import grading as contract

_HEAD = TypeAdapter(ListHead)


def grade_row(grade: Grade) -> contract.GradeRow:
    """A line; the colour before an override is told by the override's reason."""
    return contract.GradeRow.model_validate(grade, from_attributes=True)


def _head(head: ListHead) -> dict[str, Any]:
    fields: dict[str, Any] = _HEAD.dump_python(head, exclude={"id"})
    return fields


def summary(head: ListHead) -> contract.GradeListSummary:
    """A list without its lines."""
    return contract.GradeListSummary.model_validate(_head(head))


def grade_list(graded: GradeList) -> contract.GradeList:
    """A list with its lines."""
    return contract.GradeList.model_validate(_head(graded.head) | {"rows": [grade_row(row) for row in graded.grades]})


def in_force(held: InForce) -> contract.ColourInForce:
    """A colour in force."""
    return contract.ColourInForce(enterprise_id=held.enterprise_id, colour=held.colour, quarter=held.quarter)


def public_list(
    head: ListHead, published_at: datetime, grades: Sequence[PublicGrade], quarters: Sequence[str]
) -> contract.PublicList:
    """What residents see: colours and shares by block, no objects, no reasons, no scores."""
    return contract.PublicList(
        quarter=head.quarter, version=head.version, interim=head.interim, published_at=published_at,
        counts=dict(head.counts), rows=[_public_row(grade) for grade in grades], quarters=list(quarters),
    )  # fmt: skip


def _public_row(grade: PublicGrade) -> contract.PublicRow:
    return contract.PublicRow(
        enterprise_id=grade.enterprise_id, enterprise_code=grade.enterprise_code, name_zh=grade.name_zh,
        name_en=grade.name_en, trade=grade.trade, colour=grade.colour, previous=grade.previous,
        blocks=dict(grade.shares),
    )  # fmt: skip


def grade_out(
    enterprise_id: UUID,
    held: tuple[InForce, Grade] | None,
    draft: Grade | None,
    history: Sequence[dict[str, Any]],
) -> contract.GradeOut:
    """An enterprise's colour in force, why, the draft where it may be shown, and the past."""
    return contract.GradeOut(
        enterprise_id=enterprise_id,
        quarter=held[0].quarter if held else None,
        colour=held[0].colour if held else contract.Colour.GREY,
        row=grade_row(held[1]) if held else None,
        draft=grade_row(draft) if draft else None,
        history=[contract.GradeHistory.model_validate(past) for past in history],
    )
