"""Commands as the contract's models."""

from collections.abc import Sequence
from dataclasses import asdict

from services.ingest.domain.commands.answers import meaning, meaning_of
from services.ingest.domain.commands.catalogue import Kind, Parameter
from services.ingest.domain.commands.life import FINAL
from services.ingest.domain.commands.model import Person
from services.ingest.service.commands import Shown
from services.ingest.store.commands import Line
from shared.contracts.ingest.commands import (
    ChoiceOut,
    CommandDetail,
    CommandKindOut,
    CommandOffer,
    CommandOut,
    CommandPerson,
    ExchangeOut,
    ParameterOut,
)


def _parameter_out(parameter: Parameter) -> ParameterOut:
    choices = [ChoiceOut(value=value, name_zh=zh, name_en=en) for value, (zh, en) in parameter.choices.items()]
    return ParameterOut(
        name=parameter.name, type=parameter.type, name_zh=parameter.zh, name_en=parameter.en, unit=parameter.unit,
        least=parameter.least, most=parameter.most, choices=choices, required=parameter.required,
        default=parameter.default,
    )  # fmt: skip


def kind_out(kind: Kind) -> CommandKindOut:
    """A command on offer."""
    return CommandKindOut(
        code=kind.code, cn=kind.cn, group=kind.group, name_zh=kind.zh, name_en=kind.en, does_zh=kind.does_zh,
        does_en=kind.does_en, source=kind.source, editions=list(kind.editions),
        parameters=[_parameter_out(parameter) for parameter in kind.parameters],
        roles=[role.value for role in kind.roles], dangerous=kind.dangerous, needs_reason=kind.needs_reason,
        needs_approval=kind.needs_approval, repeats=kind.repeats,
    )  # fmt: skip


def _person(person: Person) -> CommandPerson:
    return CommandPerson(**asdict(person))


def _line_out(line: Line) -> ExchangeOut:
    zh, en = ("", "") if line.sent else meaning_of(line.cn, line.note)
    return ExchangeOut(**line._asdict(), meaning_zh=zh, meaning_en=en)


def command_out(shown: Shown) -> CommandOut:
    """A command, its secret left out."""
    command = shown.command
    zh, en = meaning(command)
    kind = command.kind
    return CommandOut(
        id=command.id, number=command.number, device_id=command.device_id, outlet_id=command.outlet_id,
        enterprise_id=command.enterprise_id, **shown.place._asdict(), mn=command.mn,
        code=command.code, cn=kind.cn, name_zh=kind.zh,
        name_en=kind.en, params=dict(command.params), state=command.state, final=command.state in FINAL,
        outcome=command.outcome, return_code=command.return_code, meaning_zh=zh, meaning_en=en,
        reason=command.reason, origin=command.origin, requested_by=_person(command.requested_by),
        requested_at=command.requested_at,
        approved_by=_person(command.approved_by) if command.approved_by else None, approved_at=command.approved_at,
        valid_until=command.valid_until, qn=command.qn, tries=command.tries, sent_at=command.sent_at,
        accepted_at=command.accepted_at, finished_at=command.finished_at, result=list(command.result),
        frames=command.frames, values_arrived=command.values_arrived, version=command.version,
        changed_at=command.changed_at,
        allowed=[CommandOffer(event=offer.event, blocked=offer.blocked) for offer in shown.offers],
    )  # fmt: skip


def command_detail(shown: Shown, lines: Sequence[Line]) -> CommandDetail:
    """A command with its exchange."""
    exchange = [_line_out(line) for line in lines]
    return CommandDetail(**dict(command_out(shown)), exchange=exchange)
