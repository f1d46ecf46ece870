"""The data area (数据区) of every command in types: read it from a packet, write it into frames.

Values as Python has them: aware UTC datetimes, times of day, ints, floats, text. What a command may carry stands in
`tables/forms.yaml`. Uploads on the way to the store go through `upload.to_upload`, which forgives more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.ingest.hj212.codec import forms as table
from services.ingest.hj212.codec.commands import Role, role_of
from services.ingest.hj212.codec.encode import EncodeError, Sender, frames_of
from services.ingest.hj212.codec.forms import BOTH, LOGGER, PLATFORM, Form, Kind
from services.ingest.hj212.codec.packet import Edition, Packet
from services.ingest.hj212.codec.typed import Typed, read_value, write_value


class FactorContent(NamedTuple):
    """Values behind one factor code (or info code, or SBn). subject: the PolId it was sent under (3019, 3020)."""

    factor: str
    values: tuple[tuple[str, Typed], ...]
    subject: str | None = None


class Content(NamedTuple):
    """What a command says.

    sender: platform or logger. params: fields in order, repeated ones too; items: factors. unexpected: what the form
    has no place for, as text, kept and never lost. misspelt: right names of fields that were written otherwise.
    """

    cn: str
    edition: Edition
    sender: str
    params: tuple[tuple[str, Typed], ...] = ()
    items: tuple[FactorContent, ...] = ()
    unexpected: tuple[tuple[str, str], ...] = ()
    misspelt: tuple[str, ...] = ()

    def param(self, name: str) -> Typed:
        """The first value of a field, or None."""
        return next((value for key, value in self.params if key == name), None)

    def all(self, name: str) -> tuple[Typed, ...]:
        """All values of a field that may be repeated."""
        return tuple(value for key, value in self.params if key == name)


class ContentError(ValueError):
    """A data area that does not say what its command needs. `code` is stable, `field` names the place.

    Codes: `unknown_command`, `unknown_form`, `missing_field`, `missing_factor`, `bad_value`.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


def read_content(packet: Packet, *, sender: str | None = None) -> Content:
    """Read a packet's data area in types.

    sender: `platform` or `logger` where the way it came tells; else judged by what it carries, as `role_of` does. A
    command of another edition is read by the forms of that one. Raises ContentError.
    """
    form = _form_for(packet.cn, packet.edition, sender or _sender_of(packet))
    reading = _Reading(form, packet.edition)
    for key, text, _ in packet.fields:
        reading.take(key, text)
    if form.reply and packet.edition is Edition.V2005 and reading.stray.get("QN"):
        reading.params.insert(0, ("QN", reading.stray.pop("QN")))
    reading.check()
    return Content(
        packet.cn, packet.edition, form.sender if form.sender != BOTH else sender or LOGGER, tuple(reading.params),
        tuple(FactorContent(code, tuple(values), subject) for code, values, subject in reading.items),
        tuple(reading.unexpected) + tuple(reading.stray.items()), tuple(reading.misspelt),
    )  # fmt: skip


def write_content(
    content: Content,
    sender: Sender,
    *,
    qns: Iterable[str] = (),
    ack_wanted: bool = False,
    late: bool = False,
    cp_limit: int | None = None,
) -> list[bytes]:
    """Frames that say `content`, in the form of its edition; several where it has too many factors for one.

    `sender.edition` is that of the content. Raises EncodeError where a field is missing or a value not allowed.
    """
    try:
        form = _form_for(content.cn, content.edition, content.sender)
        _check_params(form, content)
        prefix = _params_text(form, content)
        items = _items_text(form, content)
    except ContentError as error:
        raise EncodeError(str(error)) from error
    return frames_of(
        sender, content.cn, prefix, items, qns=qns, ack_wanted=ack_wanted, late=late, cp_limit=cp_limit
    )  # fmt: skip


def _sender_of(packet: Packet) -> str:
    return PLATFORM if role_of(packet) in (Role.REQUEST, Role.NOTIFY) and packet.cn != "1013" else LOGGER


def _form_for(cn: str, edition: Edition, sender: str) -> Form:
    known = table.forms().get(cn)
    if known is None:
        raise ContentError("unknown_command", "CN", f"CN {cn} is in no edition")
    fitting = [form for form in known if form.sender in (sender, BOTH)]
    for form in fitting:
        if edition.value in form.editions:
            return form
    if not fitting:
        raise ContentError("unknown_form", "CN", f"a {sender} does not send CN {cn}")
    return fitting[-1]


class _Reading:
    """A data area while it is read."""

    def __init__(self, form: Form, edition: Edition) -> None:
        self.form = form
        self.edition = edition
        self.params: list[tuple[str, Typed]] = []
        self.items: list[tuple[str, list[tuple[str, Typed]], str | None]] = []
        self.unexpected: list[tuple[str, str]] = []
        self.stray: dict[str, str] = {}
        self.misspelt: list[str] = []
        self._names = {slot.name for slot in form.slots} | ({form.trail} if form.trail else set())
        self._subject: str | None = None

    def take(self, key: str, text: str) -> None:
        factor, dash, suffix = key.rpartition("-")
        if dash and suffix in self.form.suffixes:
            self._value(factor, suffix, text)
        elif dash:
            self.unexpected.append((key, text))
        else:
            self._param(key, text)

    def check(self) -> None:
        for slot in self.form.slots:
            if sum(name == slot.name for name, _ in self.params) < slot.least and not self._elsewhere(slot.name):
                raise ContentError("missing_field", slot.name, f"CN {self.form.cn} needs {slot.name}")
        if len(self.items) < self.form.least_items:
            raise ContentError("missing_factor", "CP", f"CN {self.form.cn} names no factor")

    def _elsewhere(self, name: str) -> bool:
        """2005 answers say which request they mean in the data area, others in the header."""
        return name == "QN"

    def _param(self, key: str, text: str) -> None:
        name = table.spellings().get(key, key) if key not in self._names else key
        if name not in self._names:
            if key == "QN":
                self.stray[key] = text
            else:
                self.unexpected.append((key, text))
            return
        if name != key:
            self.misspelt.append(name)
        kind = table.field_kind(name, self.edition)
        value = _read(kind, name, text)
        if name == "PolId":
            self._subject = text
        self.params.append((name, value))

    def _value(self, factor: str, suffix: str, text: str) -> None:
        value = _read(table.suffix_kind(suffix), f"{factor}-{suffix}", text)
        fresh = not self.items or self.items[-1][0] != factor or self.items[-1][2] != self._subject
        if fresh or suffix in (name for name, _ in self.items[-1][1]):
            self.items.append((factor, [], self._subject))
        self.items[-1][1].append((suffix, value))


def _read(kind: Kind | None, name: str, text: str) -> Typed:
    if kind is None:
        return text
    try:
        return read_value(kind, text)
    except ValueError as error:
        raise ContentError("bad_value", name, f"{name}={text[:40]}: {error}") from None


def _check_params(form: Form, content: Content) -> None:
    for slot in form.slots:
        count = len(content.all(slot.name))
        if count < slot.least:
            raise ContentError("missing_field", slot.name, f"CN {content.cn} needs {slot.name}")
        grouped = slot.name == "PolId" and any(item.subject for item in content.items)
        if count > 1 and not slot.many and not grouped:
            raise ContentError("bad_value", slot.name, f"CN {content.cn} takes one {slot.name}")
    if len(content.items) < form.least_items:
        raise ContentError("missing_factor", "CP", f"CN {content.cn} names no factor")
    allowed = {slot.name for slot in form.slots} | {form.trail, "QN"}
    for name, _ in content.params:
        if name not in allowed:
            raise ContentError("bad_value", name, f"CN {content.cn} has no {name}")


def _params_text(form: Form, content: Content) -> str:
    """The fields before the factors. Several PolId stand with their factors instead: they make groups."""
    grouped = len(content.all("PolId")) > 1 and bool(content.items)
    parts = [
        f"{name}={_write(table.field_kind(name, content.edition), name, value)}" for name, value in content.params
        if name != form.trail and not (grouped and name == "PolId")
    ]  # fmt: skip
    if content.edition is Edition.V2005 and form.reply and parts and parts[0].startswith("QN="):
        return ";".join([parts[0], form.joint.join(parts[1:])] if parts[1:] else parts)
    return (";" if content.cn in ("9011", "9012") else form.joint).join(parts)


def _items_text(form: Form, content: Content) -> list[str]:
    trail = "".join(f",{name}={value}" for name, value in content.params if name == form.trail)
    grouped = len(content.all("PolId")) > 1
    texts: list[str] = []
    subject: str | None = None
    for item in content.items:
        text = ",".join(_pair(form, item.factor, suffix, value) for suffix, value in item.values) + trail
        if not grouped:
            texts.append(text)
        elif item.subject == subject and texts:
            texts[-1] += "," + text
        else:
            texts.append(f"PolId={item.subject},{text}")
        subject = item.subject
    return texts


def _pair(form: Form, factor: str, suffix: str, value: Typed) -> str:
    if suffix not in form.suffixes:
        raise ContentError("bad_value", f"{factor}-{suffix}", f"CN {form.cn} has no -{suffix}")
    kind = table.suffix_kind(suffix)
    name = f"{write_value(None, factor)}-{suffix}"
    return f"{name}={_write(kind, name, value)}"


def _write(kind: Kind | None, name: str, value: Typed) -> str:
    try:
        return write_value(kind, value)
    except ValueError as error:
        raise ContentError("bad_value", name, f"{name}: {error}") from None
