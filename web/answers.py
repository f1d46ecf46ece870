"""The enterprise's answer, step by step; what was typed travels in the form until it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from shared.contracts.casework import CauseCode, EvidenceOut, ReplyIn
from web.acts import parse_local_time
from web.i18n import N_, gettext

STEPS = ("cause", "action", "files", "check")
STEP_NAMES = {
    "cause": N_("What happened"), "action": N_("What was done"), "files": N_("Files"), "check": N_("Check and sign"),
}  # fmt: skip
LEAST_STATEMENT = 5
LEAST_ACTIONS = 2
MOST_EVIDENCE = 50


@dataclass(frozen=True)
class Answer:
    """The fields as typed; times are Beijing time as the field gives them."""

    cause_code: str = ""
    began_at: str = ""
    ended_at: str = ""
    statement: str = ""
    actions: str = ""
    signer_name: str = ""
    signer_role: str = ""
    evidence: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, form: FormData) -> "Answer":
        """From a form of any step."""
        texts = {
            name: str(form.get(name, "")).strip()[:4000]
            for name in ("cause_code", "began_at", "ended_at", "statement", "actions", "signer_name", "signer_role")
        }
        return cls(**texts, evidence=tuple(str(item) for item in form.getlist("evidence"))[:MOST_EVIDENCE])

    def with_files(self, kept: list[EvidenceOut]) -> "Answer":
        """With files that casework has taken."""
        return replace(self, evidence=(*self.evidence, *(str(item.id) for item in kept)))

    def hidden(self) -> list[tuple[str, str]]:
        """All fields as pairs, to carry them through the other steps."""
        pairs = [(name, str(value)) for name, value in self.__dict__.items() if name != "evidence"]
        return pairs + [("evidence", item) for item in self.evidence]


def check_step(answer: Answer, step: str) -> Mapping[str, str]:
    """What is wrong in one step: field → text."""
    if step == "cause":
        return _check_cause(answer)
    errors = {}
    if step == "action" and len(answer.actions) < LEAST_ACTIONS:
        errors["actions"] = gettext("Say what was done.")
    if step == "check":
        if not answer.signer_name:
            errors["signer_name"] = gettext("Say who signs.")
        if not answer.signer_role:
            errors["signer_role"] = gettext("Say in which position.")
    return errors


def _check_cause(answer: Answer) -> Mapping[str, str]:
    errors = {}
    if answer.cause_code not in set(CauseCode):
        errors["cause_code"] = gettext("Choose a cause.")
    if len(answer.statement) < LEAST_STATEMENT:
        errors["statement"] = gettext("Describe what happened in at least five characters.")
    for name in ("began_at", "ended_at"):
        if getattr(answer, name) and not _is_time(getattr(answer, name)):
            errors[name] = gettext("Give date and time.")
    if not errors and answer.began_at and answer.ended_at and _is_reversed(answer):
        errors["ended_at"] = gettext("The end lies before the beginning.")
    return errors


def _is_reversed(answer: Answer) -> bool:
    return parse_local_time(answer.began_at) > parse_local_time(answer.ended_at)


def _is_time(text: str) -> bool:
    try:
        parse_local_time(text)
    except ValueError:
        return False
    return True


def first_problem(answer: Answer) -> tuple[str, Mapping[str, str]] | None:
    """The first step with something wrong in it, before the answer is sent."""
    for step in STEPS:
        if errors := check_step(answer, step):
            return step, errors
    return None


def to_reply(answer: Answer) -> ReplyIn:
    """What casework takes; `ValidationError` where a hidden field was tampered with."""
    return ReplyIn(
        cause_code=CauseCode(answer.cause_code),
        began_at=parse_local_time(answer.began_at) if answer.began_at else None,
        ended_at=parse_local_time(answer.ended_at) if answer.ended_at else None,
        statement=answer.statement,
        actions=answer.actions,
        signer_name=answer.signer_name[:60],
        signer_role=answer.signer_role[:60],
        evidence_ids=[UUID(item) for item in answer.evidence],
    )


__all__ = ["STEPS", "STEP_NAMES", "Answer", "ValidationError", "check_step", "first_problem", "to_reply"]
