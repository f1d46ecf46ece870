"""Forms of the registry: what a stored thing looks like in fields, and what the fields say."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.ingest import FactorOut, LimitIn, LimitOut, OutletFactor, OutletOut, ReadingKind
from web.acts import FormError
from web.dossier_view import read_fields
from web.field_words import DATE, NUMBER, contract_errors
from web.i18n import gettext
from web.refusals import refusal

M = TypeVar("M", bound=BaseModel)
Typed = dict[str, str]
ROW = ("factor", "unit", "span_low", "span_high", "resolution")
BLANK = dict.fromkeys(ROW, "")
MOST_ROWS = 100
INTERVALS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
"""Minutes between minute readings that divide the hour (MinInterval of HJ 212)."""
LIMIT_KINDS = (ReadingKind.HOUR, ReadingKind.DAY)


def shown(value: Any) -> str:
    """A stored value as a field holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def typed_of(thing: BaseModel, names: Collection[str]) -> Typed:
    """Stored fields as typed ones."""
    return {name: shown(getattr(thing, name)) for name in names if hasattr(thing, name)}


def typed_in(form: FormData) -> Typed:
    """The fields as typed, files left out."""
    return {key: value for key, value in form.items() if isinstance(value, str)}


def read(model: type[M], form: Mapping[str, str], **fixed: Any) -> M:
    """The contract that a form fills; `fixed` is not the form's to say. Raises `FormError`."""
    given = {**read_fields(model, form, fixed), **fixed}
    try:
        made = model.model_validate(given)
    except ValidationError as error:
        raise FormError(contract_errors(error)) from error
    endless = {name: gettext(NUMBER) % {"value": given[name]} for name in given if _endless(getattr(made, name))}
    if endless:
        raise FormError(endless)
    return made


def _endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def filled(typed: Mapping[str, str]) -> Typed:
    """Typed fields for a template: one that was not sent is empty."""
    return defaultdict(str, typed)


# --- factors of an outlet ---


def rows_in(form: FormData) -> list[Typed]:
    """Rows of factors as typed."""
    columns = [[str(value) for value in form.getlist(name)][:MOST_ROWS] for name in ROW]
    return [dict(zip(ROW, cells, strict=True)) for cells in zip(*columns, strict=False)]


def rows_of(outlet: OutletOut) -> list[Typed]:
    """Stored factors as rows."""
    return [typed_of(item, ROW) for item in outlet.factors]


def read_rows(
    rows: Sequence[Typed], catalogue: Mapping[str, FactorOut], known: Collection[str]
) -> tuple[list[OutletFactor], dict[str, str]]:
    """The factors that rows tell of, and errors by `field-row`; empty rows count for nothing.

    A factor is given by its code or its name; `known` are codes the outlet has already.
    """
    factors, errors = [], {}
    for index, row in enumerate(rows):
        if not any(text.strip() for text in row.values()):
            continue
        code = code_of(row["factor"], catalogue, known)
        if not code:
            errors[f"factor-{index}"] = gettext("This is not a factor: %(value)s") % {"value": row["factor"] or "–"}
            continue
        unit = row["unit"].strip() or (catalogue[code].unit if code in catalogue else "")
        try:
            factors.append(read(OutletFactor, {**row, "unit": unit}, factor=code))
        except FormError as error:
            errors |= {f"{name}-{index}": text for name, text in error.errors.items()}
    return factors, errors


def code_of(text: str, catalogue: Mapping[str, FactorOut], known: Collection[str] = ()) -> str:
    """The code of a factor by code or name; empty where it is none, or the name has several."""
    text = text.strip()
    if text in catalogue or text in known:
        return text
    named = [item.code for item in catalogue.values() if text.casefold() in {item.name_zh, item.name_en.casefold()}]
    return named[0] if len(named) == 1 else ""


def row_refusal(error: ServiceCallError, rows: Iterable[Typed], catalogue: Mapping[str, FactorOut]) -> dict[str, str]:
    """The service's refusal of the factors, beside the row it is about."""
    code = str(error.context.get("factor", ""))
    places = [index for index, row in enumerate(rows) if code and code_of(row["factor"], catalogue, {code}) == code]
    if not places:
        return {"form": refusal(error)}
    if len(places) > 1:
        return {f"factor-{places[-1]}": gettext("This factor is named twice.")}
    return {f"span_high-{places[0]}": gettext("The span must end above its start.")}


# --- limits ---


@dataclass(frozen=True)
class LimitStart:
    """What a form of a limit begins with: the limit in force, where there is one."""

    factor: str
    averaging: str

    def typed(self, outlet: OutletOut, now: datetime) -> Typed:
        """The fields."""
        start = {"factor": self.factor, "averaging": self.averaging or ReadingKind.HOUR.value,
                 "since": now.astimezone(PARK_ZONE).date().isoformat()}  # fmt: skip
        current = in_force(outlet, self.factor, start["averaging"], now)
        return {**(typed_of(current, ("upper", "lower", "standard")) if current else {}), **start}


def in_force(outlet: OutletOut, factor: str, averaging: str, now: datetime) -> LimitOut | None:
    """The limit of a factor that holds now."""
    held = (
        item
        for item in outlet.limits
        if item.factor == factor and item.averaging.value == averaging
        if item.valid_from <= now and (item.valid_to is None or item.valid_to > now)
    )
    return next(held, None)


def read_limit(form: Mapping[str, str], outlet: OutletOut) -> LimitIn:
    """The limit a form tells of, in the unit of the outlet's factor. Raises `FormError`."""
    units = {item.factor: item.unit for item in outlet.factors}
    factor, since, errors = form.get("factor", ""), form.get("since", ""), {}
    if factor not in units:
        errors["factor"] = gettext("Choose one.")
    if form.get("averaging") not in LIMIT_KINDS:
        errors["averaging"] = gettext("Choose one.")
    try:
        at = datetime.combine(date.fromisoformat(since), time(), PARK_ZONE)
    except ValueError:
        at, errors["since"] = None, gettext(DATE) % {"value": since or "–"}
    try:
        numbers = {name: form.get(name, "") for name in ("upper", "lower", "standard", "averaging")}
        limit = read(LimitIn, {**numbers, "factor": factor or "x"}, outlet_id=outlet.id, unit=units.get(factor, ""),
                     valid_from=at or datetime.fromtimestamp(0, PARK_ZONE), valid_to=None)  # fmt: skip
    except FormError as error:
        errors = {**error.errors, **errors}
    if errors:
        raise FormError(errors)
    return limit


def limit_refusal(error: ServiceCallError) -> dict[str, str]:
    """The service's refusal of a limit, beside its field."""
    field = str(error.context.get("field", ""))
    known = {
        "upper": gettext("Give an upper limit, a lower one or both."),
        "lower": gettext("The lower limit must be below the upper one."),
    }
    return {field: known[field]} if field in known else {"form": refusal(error)}


def parse_owner(text: str) -> UUID:
    """The outlet chosen. Raises `FormError`."""
    try:
        return UUID(text)
    except ValueError as error:
        raise FormError({"outlet_id": gettext("Choose an outlet.")}) from error
