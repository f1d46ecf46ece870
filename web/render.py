"""Pages from templates: the whole page, or one block of it for htmx."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from shared.clock import Clock
from shared.logging import request_id
from web import formats, i18n, labels, several, titles
from web.explain import explain
from web.frame import Frame
from web.htmx import FRESH, is_htmx
from web.menu import menu_for
from web.static_files import icon_names, static, vendor

TEMPLATES = Path(__file__).parent / "templates"


def icon(name: str, label: str = "") -> Markup:
    """An icon of the sprite; silent for readers of the page unless it has a label."""
    if name not in icon_names():
        raise KeyError(f"no icon {name!r}: add it to tools/vendor.toml and run tools/vendor.py")
    said = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    href = vendor("lucide-static", "icons.svg")
    return Markup(f'<svg class="i" {said}><use href="{href}#{name}"/></svg>')  # noqa: S704 - name is checked, label escaped


@cache
def build_environment() -> Environment:
    """The one template environment: strict about names, escaping, translating by the request's language."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, i18n.ngettext, newstyle=True, pgettext=i18n.pgettext, npgettext=i18n.npgettext
    )
    environment.filters.update(formats.FILTERS)
    environment.filters.update(
        label=labels.label, trade=labels.trade, pair=lambda code, kind: (code, labels.label(code, kind)),
        lookup=lambda code, names: names.get(code, code),
    )  # fmt: skip
    environment.globals.update(
        icon=icon, static=static, vendor=vendor, remaining=formats.remaining, ago=formats.ago, span=formats.span,
        comma=formats.comma, colon=formats.colon, brackets=formats.brackets,
        label=labels.label, trade=labels.trade, name_of=labels.name_of, explain=explain,
        case_title=titles.case_title, anomaly_text=titles.anomaly_text, who=titles.who, hints=labels.TABLES["act_hint"],
        singles=several.singles, named=several.named,
    )  # fmt: skip
    return environment


def here(request: Request, **changes: str) -> str:
    """Address of the same page with some query parameters changed; language and theme are not carried on."""
    url = request.url.remove_query_params(["lang", "theme"]).include_query_params(**changes)
    return url.path + (f"?{url.query}" if url.query else "")


def _context(request: Request) -> dict[str, Any]:
    settings = request.app.state.settings
    clock: Clock = settings.clock
    language = i18n.current_language.get()
    frame: Frame = getattr(request.state, "frame", None) or Frame()
    viewer = getattr(request.state, "viewer", None)
    return {
        "request": request, "viewer": viewer, "menu": menu_for(viewer, frame.counts, request.url.path),
        "freshness": frame.freshness, "now": clock.now(), "language": language,
        "html_lang": i18n.LANGUAGES[language], "theme": getattr(request.state, "theme", "light"),
        "demo": settings.demo, "version": request.app.version, "here": lambda **changes: here(request, **changes),
        "request_id": request_id.get(), "htmx": is_htmx(request),
    }  # fmt: skip


def render(
    request: Request, template: str, *, block: str | None = None, status: int = 200, **context: Any
) -> HTMLResponse:
    """A page, or for htmx the named block of it. A page without a block is always whole."""
    environment: Environment = request.app.state.templates
    values = {**_context(request), **context}
    if block is not None and is_htmx(request):
        body = render_block(environment, template, block, **values)
    else:
        body = environment.get_template(template).render(**values)
    return HTMLResponse(body, status, FRESH)
