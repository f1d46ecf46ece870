"""From a row of a sheet to the registry's use cases: one adapter a sheet."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.ingest.domain.factors import catalogue, unit_of
from services.ingest.domain.registry import Outlet
from services.ingest.domain.sheets.units import converter
from services.ingest.domain.sheets.values import CellError
from services.ingest.service.dossier import DossierService
from services.ingest.service.registry import RegistryService
from services.ingest.store.registry import RegistryStore
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.ingest import DeviceIn, EnterpriseIn, LimitIn, OutletIn, enterprise_uuid, outlet_uuid
from shared.contracts.ingest.dossier import PARTS, EntryIn, Part

PAST_FIELDS = frozenset(
    {"connected_on", "calibrated_on", "verified_on", "installed_on", "accepted_on", "registered_on", "signed_on",
     "filed_on", "changed_on", "reaccepted_on"}
)  # fmt: skip
"""Days that cannot lie ahead."""
SHEET_OF_PART = {
    Part.PERMIT: "permits", Part.CONTACT: "contacts", Part.ANALYSER: "analysers", Part.OPERATION: "operations",
    Part.POWER_POINT: "power_points", Part.VIDEO: "videos", Part.CHANGE: "changes",
}  # fmt: skip
MODELS: dict[str, type[BaseModel]] = {
    "enterprises": EnterpriseIn, "outlets": OutletIn, "devices": DeviceIn, "limits": LimitIn,
    **{sheet: PARTS[part] for part, sheet in SHEET_OF_PART.items()},
}  # fmt: skip
KEYS: dict[str, tuple[str, ...]] = {
    "enterprises": ("code",), "outlets": ("enterprise", "code", "factor"), "devices": ("mn",),
    "limits": ("enterprise", "outlet", "factor", "averaging", "valid_from"),
    **{
        sheet: (("enterprise", "outlet") if "outlet_id" in PARTS[part].model_fields else ("enterprise",))
        + PARTS[part].KEY
        for part, sheet in SHEET_OF_PART.items()
    },
}  # fmt: skip
Fields = dict[str, Any]


class Places:
    """Enterprises and outlets by their codes, remembered for one import; foreign ones are not known."""

    def __init__(self, store: RegistryStore, caller: Principal) -> None:
        self._store, self._caller = store, caller
        self._outlets: dict[UUID, Outlet] = {}
        self._enterprises: set[UUID] = set()

    async def enterprise(self, code: str) -> UUID:
        """The id of an enterprise."""
        found = enterprise_uuid(code)
        if found not in self._enterprises:
            known = await self._store.find_enterprise(found)
            if known is None or self._caller.tenant not in {None, found}:
                raise CellError(
                    "unknown_enterprise", f"no enterprise has the code {code}", value=code, field="enterprise"
                )
            self._enterprises.add(found)
        return found

    async def outlet(self, fields: Mapping[str, Any]) -> Outlet:
        """The outlet a row names."""
        await self.enterprise(fields["enterprise"])
        found = outlet_uuid(fields["enterprise"], fields["outlet"])
        if found not in self._outlets:
            known = await self._store.find_outlet(found)
            if known is None:
                raise CellError("unknown_outlet", f"the enterprise has no outlet {fields['outlet']}",
                                value=fields["outlet"], field="outlet")  # fmt: skip
            self._outlets[found] = known
        return self._outlets[found]


class Adapter:
    """Puts rows of one sheet into the registry. Absent columns leave what is stored as it is."""

    def __init__(self, sheet: str, services: tuple[RegistryService, DossierService], store: RegistryStore,
                 places: Places, now: datetime) -> None:  # fmt: skip
        self._registry, self._dossier = services
        self._store, self._places, self._now = store, places, now
        self._sheet = sheet
        self.notes: dict[str, int] = {}

    async def put(self, fields: Fields, factors: list[Fields]) -> None:
        """Register or change what the row says; `factors` are those of an outlet's rows."""
        self._check_past(fields)
        doing: dict[str, Callable[[Fields, list[Fields]], Any]] = {
            "enterprises": self._enterprise, "outlets": self._outlet, "devices": self._device, "limits": self._limit,
        }  # fmt: skip
        await doing.get(self._sheet, self._entry)(fields, factors)

    def _check_past(self, fields: Fields) -> None:
        today = self._now.astimezone(PARK_ZONE).date()
        for name in PAST_FIELDS & fields.keys():
            on = fields[name]
            if isinstance(on, date) and on > today:
                raise CellError("future", "this day lies in the future", value=on.isoformat(), field=name)

    async def _enterprise(self, fields: Fields, _factors: list[Fields]) -> None:
        before = await self._store.find_enterprise(enterprise_uuid(fields["code"]))
        kept = _kept(before, EnterpriseIn)
        await self._registry.add_enterprise(EnterpriseIn(**{**kept, **_given(fields, EnterpriseIn)}))

    async def _outlet(self, fields: Fields, factors: list[Fields]) -> None:
        enterprise_id = await self._places.enterprise(fields["enterprise"])
        before = await self._store.find_outlet(outlet_uuid(fields["enterprise"], fields["code"]))
        kept = _kept(before, OutletIn)
        given = {**kept, **_given(fields, OutletIn), "enterprise_id": enterprise_id}
        if factors:
            given["factors"] = factors
        for item in given.get("factors", []):
            _check_code(item["factor"])
        await self._registry.add_outlet(OutletIn(**given))

    async def _device(self, fields: Fields, _factors: list[Fields]) -> None:
        outlet = await self._places.outlet(fields)
        before = await self._store.find_device(fields["mn"])
        if before is not None and before.outlet_id != outlet.id:
            raise CellError("elsewhere", "this MN is registered at another outlet", value=fields["mn"], field="mn")
        kept = _kept(before, DeviceIn)
        await self._registry.add_device(DeviceIn(**{**kept, **_given(fields, DeviceIn), "outlet_id": outlet.id}))

    async def _limit(self, fields: Fields, _factors: list[Fields]) -> None:
        outlet = await self._places.outlet(fields)
        _check_code(fields["factor"])
        wanted = unit_at(outlet, fields["factor"])
        given = {**_given(fields, LimitIn), "outlet_id": outlet.id, "unit": wanted}
        convert = self.convert(fields.get("unit") or wanted, wanted, fields["factor"])
        for name in ("upper", "lower"):
            if given.get(name) is not None:
                given[name] = convert(given[name])
        await self._registry.add_limit(LimitIn(**given))

    async def _entry(self, fields: Fields, _factors: list[Fields]) -> None:
        model: Any = MODELS[self._sheet]
        owner: Fields = {}
        if "outlet_id" in model.model_fields:
            owner["outlet_id"] = (await self._places.outlet(fields)).id
        else:
            owner["enterprise_id"] = await self._places.enterprise(fields["enterprise"])
        given: EntryIn = model(**{**_given(fields, model), **owner})
        stored = await self._dossier.find_like(given)
        if stored is not None:
            given = model(**{**stored, **given.model_dump(include=set(fields) & set(model.model_fields)), **owner})
        await self._dossier.put(given)

    def convert(self, given: str, wanted: str, factor: str) -> Callable[[float], float]:
        """How a value comes into the factor's unit, noted when it is changed; `CellError` where it cannot."""
        found = converter(given, wanted)
        if found is None:
            raise CellError("wrong_unit", f"{factor} is kept in {wanted or '(no unit)'}, not {given}",
                            value=given, unit=wanted, field="unit")  # fmt: skip
        if found is not float:
            note = f"{factor}: {given} → {wanted}"
            self.notes[note] = self.notes.get(note, 0) + 1
        return found


def unit_at(outlet: Outlet, factor: str) -> str:
    """The unit a factor of an outlet is kept in."""
    return next((item.unit for item in outlet.factors if item.factor == factor and item.unit), "") or unit_of(factor)


def _check_code(factor: str) -> None:
    if factor not in catalogue():
        raise CellError("unknown_factor", f"{factor} is not a factor code", value=factor, field="factor")


def _kept(before: Any, model: type[BaseModel]) -> Fields:
    """What is stored, as the fields of a model."""
    return (
        {} if before is None else {name: value for name, value in asdict(before).items() if name in model.model_fields}
    )


def _given(fields: Fields, model: type[BaseModel]) -> Fields:
    """The row's fields of a model; an empty cell means the model's default."""
    return {
        name: value if value is not None else model.model_fields[name].get_default(call_default_factory=True)
        for name, value in fields.items()
        if name in model.model_fields and (value is not None or not model.model_fields[name].is_required())
    }
