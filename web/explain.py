"""Explanations, which the services keep as a code with parameters, as sentences in the reader's language."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from web import formats
from web.i18n import N_, gettext
from web.sentences import SENTENCES

ISO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
UNKNOWN = N_("%(code)s %(facts)s")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int | float):
        return formats.number(value, 3)
    if isinstance(value, str) and ISO_TIME.match(value):
        return formats.short_time(datetime.fromisoformat(value))
    if isinstance(value, list):
        return gettext(", ").join(_text(item) for item in value)
    return str(value)


class _Facts(dict[str, str]):
    """Parameters as text; one that is missing shows as a dash, since old records may lack it."""

    def __missing__(self, key: str) -> str:
        return formats.NONE


def explain(code: str, params: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The sentence of a code; a code of a newer service is shown with its parameters, not hidden."""
    facts = _Facts({key: _text(value) for key, value in {**(params or {}), **more}.items() if value is not None})
    sentence = SENTENCES.get(code)
    if sentence is None:
        listed = gettext(", ").join(f"{key} {value}" for key, value in facts.items())
        return gettext(UNKNOWN) % {"code": code, "facts": f"({listed})" if listed else ""}
    return gettext(sentence) % facts
