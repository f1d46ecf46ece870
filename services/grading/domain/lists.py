"""The three-colour list 三色清单 of a quarter: drafts, overrides, publication, and the colour in force."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.grading.domain.colours import LEVELS
from services.grading.domain.grades import Grade, in_order
from services.grading.domain.score import Reason
from shared.calendar import Quarter
from shared.contracts.grading import Colour, ListState
from shared.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError


class ListNotFoundError(NotFoundError):
    """No such list."""


class NoDraftError(ConflictError):
    """There is no draft to change or publish; it may have been published in the meantime."""

    code = "no_draft"


class AlreadyPublishedError(ConflictError):
    """The quarter has a published list; a correction is a new draft."""

    code = "already_published"


class QuarterNotBegunError(ConflictError):
    """A list of a quarter in the future."""

    code = "quarter_not_begun"


class NotInListError(NotFoundError):
    """The enterprise has no line in this draft."""

    code = "not_in_list"


class GreyNotOverridableError(ConflictError):
    """Grey says that data are missing: nobody's judgement changes that."""

    code = "grey_not_overridable"


class OverrideTooFarError(InvalidError):
    """More than one level from the computed colour."""

    code = "override_too_far"


class OverrideUnchangedError(ConflictError):
    """The enterprise has this colour already."""

    code = "override_unchanged"


class OverrideAgainstRuleError(ConflictError):
    """A veto or a rule against green stands: the colour cannot be made better."""

    code = "override_against_rule"


class NoteRequiredError(InvalidError):
    """Publication before the quarter's end without a note."""

    code = "note_required"


class FourEyesError(ForbiddenError):
    """Who moved an enterprise by hand may not publish the same list."""

    code = "four_eyes"


@dataclass(frozen=True)
class ListHead:
    """A list without its lines."""

    id: UUID
    quarter: str
    version: int
    state: ListState
    interim: bool
    computed_at: datetime
    digest: str
    rules: str
    counts: Mapping[Colour, int]
    published_at: datetime | None = None
    published_by: str | None = None
    note: str = ""


@dataclass(frozen=True)
class GradeList:
    """A list with its lines."""

    head: ListHead
    grades: tuple[Grade, ...]


@dataclass(frozen=True)
class PublicGrade:
    """What residents see of a line: the colour and the share of each block reached, 0 to 1; grey has none."""

    enterprise_id: UUID
    enterprise_code: str
    name_zh: str
    name_en: str
    trade: str
    colour: Colour
    previous: Colour | None
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Override:
    """A colour set by hand: from the computed colour by one level, with reason and person."""

    id: UUID
    quarter: str
    enterprise_id: UUID
    from_colour: Colour
    to_colour: Colour
    reason: str
    actor: str
    actor_name: str
    made_at: datetime


@dataclass(frozen=True)
class InForce:
    """The colour of an enterprise that holds until the next list; no quarter where none was published."""

    enterprise_id: UUID
    colour: Colour = Colour.GREY
    quarter: str | None = None


def count_colours(grades: Iterable[Grade]) -> dict[Colour, int]:
    """Enterprises by colour, every colour named."""
    counted = Counter(grade.colour for grade in grades)
    return {colour: counted[colour] for colour in Colour}


def check_has_begun(quarter: Quarter, now: datetime) -> None:
    """A list needs at least the first full hour of its quarter."""
    if now < quarter.start:
        raise QuarterNotBegunError(f"{quarter} has not begun", quarter=str(quarter))


def find_grade(grades: Iterable[Grade], enterprise_id: UUID) -> Grade:
    """The line of an enterprise; raises `NotInListError`."""
    for grade in grades:
        if grade.enterprise_id == enterprise_id:
            return grade
    raise NotInListError("this enterprise is not in the draft", enterprise_id=str(enterprise_id))


def check_can_override(grade: Grade, to: Colour) -> None:
    """At most one level from the computed colour, never from or to grey, never better against a rule."""
    if Colour.GREY in {grade.computed, to}:
        raise GreyNotOverridableError("grey follows from missing data and cannot be set or lifted by hand")
    if to is grade.colour:
        raise OverrideUnchangedError(f"the enterprise is {to} already", colour=to.value)
    distance = LEVELS.index(to) - LEVELS.index(grade.computed)
    if abs(distance) > 1:
        raise OverrideTooFarError(
            f"from {grade.computed} an override goes one level at most, not to {to}",
            field="colour", computed=grade.computed.value,
        )  # fmt: skip
    against = {"veto"} | ({"cannot_be_green"} if to is Colour.GREEN else set())
    standing = sorted({reason.params["rule"] for reason in grade.reasons if reason.code in against})
    if distance < 0 and standing:
        raise OverrideAgainstRuleError(f"this stands against {to}: {', '.join(standing)}", rules=standing)


def overridden(grade: Grade, override: Override) -> Grade:
    """The line with the colour set by hand; setting the computed colour takes an earlier override back."""
    reasons = tuple(reason for reason in grade.reasons if reason.code != "override")
    if override.to_colour is grade.computed:
        return replace(grade, colour=grade.computed, reasons=reasons, overridden_by=None)
    reason = Reason("override", _override_params(override))
    return replace(grade, colour=override.to_colour, reasons=(*reasons, reason), overridden_by=override.actor_name)


def carry_over(grades: Sequence[Grade], overrides: Iterable[Override]) -> tuple[tuple[Grade, ...], list[Override]]:
    """Apply the overrides of the draft before to a new one; those that no longer fit are given back as lapsed.

    An override fits while the computed colour is the one it was made from and no rule stands against it.
    """
    by_enterprise = {override.enterprise_id: override for override in overrides}
    lapsed, lines = [], []
    for grade in grades:
        override = by_enterprise.pop(grade.enterprise_id, None)
        if override is None:
            lines.append(grade)
        elif _fits(grade, override):
            lines.append(overridden(grade, override))
        else:
            lapsed.append(override)
            note = Reason("override_lapsed", _override_params(override))
            lines.append(replace(grade, reasons=(*grade.reasons, note)))
    return in_order(lines), [*lapsed, *by_enterprise.values()]


def _fits(grade: Grade, override: Override) -> bool:
    if grade.computed is not override.from_colour:
        return False
    try:
        check_can_override(grade, override.to_colour)
    except OverrideAgainstRuleError:
        return False
    return True


def _override_params(override: Override) -> dict[str, Any]:
    return {
        "from": override.from_colour.value,
        "to": override.to_colour.value,
        "reason": override.reason,
        "by": override.actor_name,
        "at": override.made_at.isoformat(),
    }


def publish(head: ListHead, *, by: str, actor: str, note: str, at: datetime, overrides: Iterable[Override]) -> ListHead:
    """The published head. Before the quarter's end a note is needed and the list is interim."""
    if actor in {override.actor for override in overrides}:
        raise FourEyesError("who moved an enterprise by hand may not publish the same list; a second person must")
    interim = at < Quarter.parse(head.quarter).end
    if interim and not note.strip():
        raise NoteRequiredError(
            f"{head.quarter} has not ended: say in the note why the list is published now", field="note"
        )
    return replace(
        head, state=ListState.PUBLISHED, interim=interim, published_at=at, published_by=by, note=note.strip()
    )


def changed(before: Mapping[UUID, InForce], after: Mapping[UUID, InForce]) -> list[InForce]:
    """Enterprises whose colour in force changed, as it is now; grey where a list names them no longer."""
    everybody = sorted(before.keys() | after.keys())
    now = [after.get(each, InForce(each)) for each in everybody]
    return [each for each in now if before.get(each.enterprise_id, InForce(each.enterprise_id)).colour != each.colour]
