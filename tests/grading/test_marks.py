"""Marks of ingest in the list: asked over HTTP, frozen with the rest, every point linked."""

from shared.contracts.ingest import outlet_uuid
from shared.contracts.ingest.marks import MarkFact, MarkFacts, MarkOutcome
from tests.grading.conftest import QUARTER, World
from tests.grading.makers import an_id, at


async def test_marks_cost_points_that_lead_to_them(world: World) -> None:
    firm = await world.enterprise("E-001")
    await world.enterprise("E-002")
    facts = [
        MarkFact(
            mark_id=an_id(outcome), no=f"M{place:06d}", outlet_id=outlet_uuid("E-001", "W1"), code="device_fault",
            since=at(3), due_at=at(4, 12), submitted_at=None if outcome is MarkOutcome.MISSING else at(5),
            outcome=outcome, untrue=outcome is MarkOutcome.ON_TIME,
        )
        for place, outcome in enumerate(MarkOutcome)
    ]  # fmt: skip
    world.marks = [
        MarkFacts(enterprise_id=firm, due=3, on_time=1, late=1, missing=1, untrue=1, marks=facts, overruns=[])
    ]  # fmt: skip
    await world.catch_up()
    drafted = await world.officer.draft_list(QUARTER)
    rows = {row.enterprise_code: row for row in drafted.rows}
    blocks = {code: next(block for block in row.blocks if block.code == "B2") for code, row in rows.items()}

    assert (blocks["E-001"].score, blocks["E-002"].score) == (12.67, 20.0)
    assert [(cause.kind, cause.code, cause.ref, cause.points) for cause in blocks["E-001"].causes] == [
        ("mark", "mark_late", str(an_id("late")), -2.67), ("mark", "mark_missing", str(an_id("missing")), -2.66),
        ("mark", "mark_untrue", str(an_id("on_time")), -2.0),
    ]  # fmt: skip
    world.marks = []
    again = await world.officer.draft_list(QUARTER)
    assert next(row for row in again.rows if row.enterprise_code == "E-001").p != rows["E-001"].p
