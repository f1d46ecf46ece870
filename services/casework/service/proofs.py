"""Evidence that findings refer to: it must be of the same case and prove one finding only."""

from collections.abc import Sequence
from uuid import UUID

from services.casework.domain.evidence import Evidence
from services.casework.service.desk import Desk
from shared.errors import InvalidError


def _refuse(where: str, code: str, ids: Sequence[UUID], message: str) -> InvalidError:
    return InvalidError(
        message, errors=[{"where": where, "message": f"{message}: {item}", "code": code} for item in ids]
    )


async def check_evidence(
    desk: Desk, case_id: UUID, groups: Sequence[Sequence[UUID]], where: str, *, finding_id: UUID | None = None
) -> dict[UUID, Evidence]:
    """The named files by id; 422 where one is of another case, named twice or proves another finding."""
    named = [item for group in groups for item in group]
    files = {item.id: item for item in await desk.evidence.list_named(case_id, named)}
    if unknown := [item for item in named if item not in files]:
        raise _refuse(where, "evidence_unknown", unknown, "no evidence of this case")
    if twice := sorted({item for item in named if named.count(item) > 1}):
        raise _refuse(where, "evidence_twice", twice, "named twice")
    taken = [item for item in named if files[item].finding_id not in {None, finding_id}]
    if taken:
        raise _refuse(where, "evidence_elsewhere", taken, "proves another finding")
    return files


async def attach(desk: Desk, files: dict[UUID, Evidence], ids: Sequence[UUID], finding_id: UUID) -> None:
    """Let the named files prove the finding."""
    free = [item for item in ids if files[item].finding_id is None]
    if free:
        await desk.evidence.attach(free, finding_id)
