"""The form of a command to a device: which are offered, what was typed, what was wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.clients.ingest import IngestClient
from shared.contracts.ingest import DeviceOut, EnterpriseOut, OutletOut, ReadingKind
from shared.contracts.ingest.commands import CommandKindOut, GapsOut, ParameterOut, ParameterType
from shared.errors import NotFoundError
from web.acts import FormError, local_time, parse_local_time
from web.formats import time_or_text
from web.i18n import gettext
from web.labels import name_of
from web.session import Viewer

KIND_OF_HISTORY = {"fetch_minutes": ReadingKind.MINUTE, "fetch_hours": ReadingKind.HOUR}
USUAL_SPAN = {"fetch_minutes": timedelta(hours=24), "fetch_hours": timedelta(days=7), "read_log": timedelta(days=1)}
DAYS = timedelta(days=7)
LONGEST_PREVIEW = {ReadingKind.MINUTE: timedelta(days=8), ReadingKind.HOUR: timedelta(days=100)}


@dataclass(frozen=True)
class Target:
    """A device with its outlet and enterprise."""

    device: DeviceOut
    outlet: OutletOut
    enterprise: EnterpriseOut

    def filled(self, kind: CommandKindOut, given: Mapping[str, str], now: datetime) -> dict[str, str]:
        """Values to show in the form: what was typed or named by a link, else what is usual."""
        usual = {"since": local_time(now - USUAL_SPAN.get(kind.code, DAYS)), "until": local_time(now)}
        if self.outlet.factors:
            usual["factor"] = self.outlet.factors[0].factor
        values = {}
        for parameter in kind.parameters:
            name = parameter.name
            required = usual.get(name, "") if parameter.required else ""
            values[name] = given.get(name, parameter.default or required)
        return values

    async def gaps(
        self, ingest: IngestClient, kind: CommandKindOut, given: Mapping[str, str], now: datetime
    ) -> GapsOut | None:
        """What is missing in the span of a fetch of history; None for other commands and spans that cannot be read."""
        reading = KIND_OF_HISTORY.get(kind.code)
        values = self.filled(kind, given, now)
        if reading is None:
            return None
        try:
            since, until = parse_local_time(values["since"]), parse_local_time(values["until"])
        except ValueError:
            return None
        if not timedelta() < until - since <= LONGEST_PREVIEW[reading]:
            return None
        return await ingest.list_gaps(self.outlet.id, reading, since, until)


async def find_target(ingest: IngestClient, outlet_id: UUID, mn: str) -> Target:
    """The device of an outlet with this MN; its first one where none is named."""
    outlet = await ingest.get_outlet(outlet_id)
    devices = (await ingest.list_devices(outlet_id=outlet_id)).items
    device = next((item for item in devices if item.mn == mn), None if mn else next(iter(devices), None))
    if device is None:
        raise NotFoundError("this outlet has no such logger", mn=mn)
    return Target(device, outlet, await ingest.get_enterprise(outlet.enterprise_id))


def kinds_for(target: Target, kinds: Sequence[CommandKindOut], viewer: Viewer) -> list[CommandKindOut]:
    """Commands that the device's edition knows and the person may give."""
    roles = {role.value for role in viewer.principal.roles}
    return [kind for kind in kinds if target.device.edition in kind.editions and roles & set(kind.roles)]


def read_params(kind: CommandKindOut, typed: Mapping[str, str]) -> dict[str, str | int | float]:
    """Parameters as ingest takes them; local times become ISO 8601. Raises `FormError` for what cannot be read."""
    params: dict[str, str | int | float] = {}
    errors: dict[str, str] = {}
    for parameter in kind.parameters:
        text = typed.get(parameter.name, "").strip()
        if not text:
            continue
        if parameter.type is ParameterType.TIME:
            try:
                text = parse_local_time(text).isoformat()
            except ValueError:
                errors[parameter.name] = gettext("Give date and time.")
        params[parameter.name] = text
    if errors:
        raise FormError(errors)
    return params


def shown_params(kind: CommandKindOut, params: Mapping[str, object]) -> list[tuple[ParameterOut, str]]:
    """Parameters of a command in the catalogue's order, each value in the reader's words."""
    shown = []
    for parameter in kind.parameters:
        if parameter.name in params:
            text = time_or_text(params[parameter.name])
            choice = next((item for item in parameter.choices if item.value == text), None)
            name = name_of(choice) if choice else ""
            shown.append((parameter, f"{text} {name}" if name not in {"", text} else text))
    return shown


def param_errors(kind: CommandKindOut, names: set[str]) -> dict[str, str]:
    """What is wrong with parameters that ingest refused, in the reader's language; and with a missing reason."""
    said = {parameter.name: _said(parameter) for parameter in kind.parameters if parameter.name in names}
    if "reason" in names:
        said["reason"] = gettext("Say why: this command changes what is measured.")
    return said


def _said(parameter: ParameterOut) -> str:
    bounds = {"least": parameter.least, "most": parameter.most}
    match parameter.type:
        case ParameterType.INTEGER:
            return gettext("A whole number from %(least)s to %(most)s.") % bounds
        case ParameterType.TIME:
            return gettext("The end must come after the beginning, and the span must not be too long.")
        case ParameterType.SECRET | ParameterType.TEXT:
            return gettext("%(least)s to %(most)s characters; none of ; , = & # may stand in it.") % bounds
    return gettext("Choose one of the list.")
