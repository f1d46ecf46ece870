"""The dossier 一企一档 on pages: sections of enterprise and outlet, forms, versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.dossier import PARTS, EntryOut, LogLine, Part
from web.dossier_view import (
    ENTERPRISE_PARTS,
    OUTLET_PARTS,
    Section,
    inputs,
    log_changes,
    log_title,
    read_form,
    sections,
    shown,
)
from web.field_words import contract_errors
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import label, name_of
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
FORM = "pages/dossier/form.html"
ENTRY = "pages/dossier/entry.html"
WRITERS = (Role.OFFICER, Role.ADMIN)
LOG_LINES = 30
INVALID = 422


@dataclass(frozen=True)
class Dossier:
    """What a page shows of the dossier. `writable` are the parts this person may change."""

    sections: list[Section]
    writable: frozenset[Part]
    log: list[tuple[LogLine, str, list[tuple[str, str, str]]]]


def writable(viewer: Viewer) -> frozenset[Part]:
    """Parts a person may change; the service decides."""
    if viewer.has(*WRITERS):
        return frozenset(Part)
    return frozenset({Part.CONTACT}) if viewer.has(Role.ENTERPRISE) else frozenset()


async def factor_names(viewer: Viewer) -> dict[str, str]:
    """Names of factors by code."""
    return {item.code: name_of(item) for item in await viewer.backends.ingest.list_factors()}


async def enterprise_dossier(viewer: Viewer, enterprise_id: UUID) -> Dossier:
    """Permits and contacts of an enterprise."""
    found = await viewer.backends.ingest.list_entries(part=list(ENTERPRISE_PARTS), enterprise_id=enterprise_id)
    return Dossier(sections(ENTERPRISE_PARTS, found.items, {}), writable(viewer), [])


async def outlet_dossier(viewer: Viewer, outlet_id: UUID, names: Mapping[str, str] | None = None) -> Dossier:
    """Analysers, operation, power-use points, video and the change log of an outlet."""
    ingest = viewer.backends.ingest
    found = await ingest.list_entries(part=list(OUTLET_PARTS), outlet_id=outlet_id)
    lines = await ingest.change_log(outlet_id, limit=LOG_LINES)
    named = names if names is not None else await factor_names(viewer)
    log = [
        (line, log_title(line), [(named.get(name, name), old, new) for name, old, new in log_changes(line)])
        for line in lines
    ]
    return Dossier(sections(OUTLET_PARTS, found.items, named), writable(viewer), log)


@dataclass(frozen=True)
class Owner:
    """Whom an entry belongs to."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None

    def fields(self) -> dict[str, Any]:
        """For the contract."""
        return {"outlet_id": self.outlet_id} if self.outlet_id else {"enterprise_id": self.enterprise_id}

    @property
    def page(self) -> str:
        """Where it is shown."""
        return f"/outlets/{self.outlet_id}" if self.outlet_id else f"/enterprises/{self.enterprise_id}"


Owned = Annotated[Owner, Depends()]


def _owner_of(entry: EntryOut) -> Owner:
    return Owner(None, entry.outlet_id) if entry.outlet_id else Owner(entry.enterprise_id, None)


async def _form(
    request: Request, viewer: Viewer, part: Part, owner: Owner, data: Mapping[str, Any], **more: Any
) -> Response:
    factors: Sequence[tuple[str, str]] = ()
    if part is Part.ANALYSER and owner.outlet_id:
        outlet = await viewer.backends.ingest.get_outlet(owner.outlet_id)
        names = await factor_names(viewer)
        factors = [(item.factor, names.get(item.factor, item.factor)) for item in outlet.factors]
    context: dict[str, Any] = {"part": part, "owner": owner, "fields": inputs(part, data, factors), "errors": {},
                               "entry": None, "status": 200, "reason": "", **more}  # fmt: skip
    return render(request, FORM, **context)


@router.get("/dossier/new")
async def new_entry(request: Request, viewer: SomeViewer, part: Part, owner: Owned) -> Response:
    """An empty form of a part."""
    return await _form(request, viewer, part, owner, {})


@router.post("/dossier/new")
async def add_entry(request: Request, viewer: SomeViewer, part: Part, owner: Owned) -> Response:
    """Register an entry."""
    return await _save(request, viewer, part, owner, None)


@router.get("/dossier/{entry_id}")
async def show_entry(request: Request, viewer: SomeViewer, entry_id: UUID) -> Response:
    """An entry with all its versions and the terms that run."""
    ingest = viewer.backends.ingest
    entry = await ingest.get_entry(entry_id)
    names = await factor_names(viewer)
    versions = [
        (
            item,
            [(label(name, "field"), shown(value, name, PARTS[entry.part], names)) for name, value in item.data.items()],
        )
        for item in await ingest.list_versions(entry_id)
    ]
    may_write = entry.part in writable(viewer)
    return render(request, ENTRY, entry=entry, owner=_owner_of(entry), versions=versions, may_write=may_write)


@router.get("/dossier/{entry_id}/edit")
async def edit_entry(request: Request, viewer: SomeViewer, entry_id: UUID) -> Response:
    """The form of an entry, filled."""
    entry = await viewer.backends.ingest.get_entry(entry_id)
    return await _form(request, viewer, entry.part, _owner_of(entry), entry.data, entry=entry)


@router.post("/dossier/{entry_id}/edit")
async def change_entry(request: Request, viewer: SomeViewer, entry_id: UUID) -> Response:
    """Change an entry. Where its key changed, it is a new one and the old one ends."""
    entry = await viewer.backends.ingest.get_entry(entry_id)
    return await _save(request, viewer, entry.part, _owner_of(entry), entry)


async def _save(request: Request, viewer: Viewer, part: Part, owner: Owner, entry: EntryOut | None) -> Response:
    form = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    reason = form.pop("change_reason", "").strip()[:400]
    try:
        given = read_form(part, form, owner.fields())
        saved = await viewer.backends.ingest.put_entry(given, reason=reason)
        if entry is not None and saved.id != entry.id:
            await viewer.backends.ingest.end_entry(entry.id, reason or gettext("corrected"))
    except ValidationError as error:
        errors = contract_errors(error)
    except ServiceCallError as error:
        if error.status != INVALID:
            raise
        errors = {str(error.context.get("field", "form")): error.message}
    else:
        return redirect(request, owner.page)
    typed = {key: value for key, value in form.items() if value}
    return await _form(request, viewer, part, owner, typed, entry=entry, errors=errors, status=INVALID, reason=reason)


@router.post("/dossier/{entry_id}/end")
async def end_entry(
    request: Request, viewer: SomeViewer, entry_id: UUID,
    reason: Annotated[str, Form(min_length=2, max_length=400)],
) -> Response:  # fmt: skip
    """End an entry; it stays in the history."""
    ended = await viewer.backends.ingest.end_entry(entry_id, reason)
    return redirect(request, _owner_of(ended).page)
