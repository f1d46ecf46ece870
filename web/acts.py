"""Reading the form of an act on a case: from what a person typed to what casework takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form
from pydantic import ValidationError

from shared.clock import PARK_ZONE
from shared.contracts.casework import AllowedEvent, CaseAct, CaseEvent, ReasonCode
from web.i18n import gettext

DECISIONS = (
    "send_inquiry", "simplify", "verify_on_site", "return_reply", "mark_false_alarm", "mark_covered", "merge",
    "refer",
)  # fmt: skip
"""Events offered beside the queue, in this order; the others are on the case page."""
ENTERPRISE_EVENTS = frozenset({"reply", "acknowledge"})


class FormError(Exception):
    """Some fields are not right: field name → what is wrong with it, in the reader's language."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = dict(errors)


@dataclass(frozen=True)
class ActForm:
    """The fields of an act as typed."""

    event: Annotated[str, Form(max_length=40)] = ""
    version: Annotated[str, Form(max_length=10)] = ""
    reason_code: Annotated[str, Form(max_length=40)] = ""
    reason: Annotated[str, Form(max_length=4000)] = ""
    into: Annotated[str, Form(max_length=40)] = ""
    text: Annotated[str, Form(max_length=4000)] = ""
    visit_at: Annotated[str, Form(max_length=30)] = ""


Typed = Annotated[ActForm, Depends()]


def parse_local_time(text: str) -> datetime:
    """A time of a `datetime-local` field, which is Beijing time; `ValueError` where it is none."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=PARK_ZONE) if at.tzinfo is None else at


def local_time(at: datetime) -> str:
    """A moment as a `datetime-local` field takes it."""
    return at.astimezone(PARK_ZONE).strftime("%Y-%m-%dT%H:%M")


def parse_version(text: str) -> int:
    """The version a form belongs to."""
    if not text.isdigit():
        raise FormError({"version": gettext("Open the page again: the form does not say its version.")})
    return int(text)


def _missing(form: ActForm, needs: Sequence[str]) -> dict[str, str]:
    given = {"reason_code": form.reason_code, "reason": form.reason.strip(), "into": form.into.strip(),
             "text": form.text.strip(), "visit_at": form.visit_at}  # fmt: skip
    return {name: gettext("This is needed for the decision.") for name in needs if name in given and not given[name]}


def parse_act(form: ActForm, allowed: Sequence[AllowedEvent]) -> CaseAct:
    """The act, checked against what casework says it needs; casework itself decides whether it may be done."""
    chosen = next((item for item in allowed if item.event == form.event), None)
    if chosen is None:
        raise FormError({"event": gettext("Choose what is to be done.")})
    errors = _missing(form, chosen.needs)
    visit_at = None
    if form.visit_at and "visit_at" in chosen.needs:
        try:
            visit_at = parse_local_time(form.visit_at)
        except ValueError:
            errors["visit_at"] = gettext("Give date and time.")
    if errors:
        raise FormError(errors)
    code = form.reason_code if form.reason_code and _fits(form.reason_code, chosen) else None
    try:
        return CaseAct(
            event=CaseEvent(form.event),
            reason_code=ReasonCode(code) if code else None,
            reason=form.reason.strip(),
            into=form.into.strip() or None if "into" in chosen.needs else None,
            text=form.text.strip() if form.event == CaseEvent.SEND_INQUIRY else "",
            visit_at=visit_at,
        )
    except (ValidationError, ValueError) as error:
        raise FormError({"event": str(error)}) from error


def _fits(code: str, chosen: AllowedEvent) -> bool:
    return not chosen.reason_codes or code in {item.value for item in chosen.reason_codes}


def decisions(allowed: Sequence[AllowedEvent]) -> list[AllowedEvent]:
    """The decisions to choose from beside the queue, in the usual order."""
    by_event = {item.event: item for item in allowed}
    return [by_event[event] for event in DECISIONS if event in by_event]


def reason_options(allowed: Sequence[AllowedEvent]) -> list[tuple[str, list[ReasonCode]]]:
    """Reasons by event, for a grouped select that also works without scripts."""
    return [(item.event, item.reason_codes) for item in allowed if item.reason_codes and not item.blocked]


def needed(allowed: Sequence[AllowedEvent], field: str) -> str:
    """Events that need a field, separated by spaces, as app.js reads them."""
    return " ".join(item.event for item in allowed if field in item.needs)
