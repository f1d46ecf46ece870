"""Explanations, which the services keep as a code with parameters, as sentences in the reader's language."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from shared.contracts.grading import Colour
from web import formats
from web.i18n import N_, current_language, gettext
from web.labels import label
from web.sentences import SENTENCES

ISO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
ISO_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
UNKNOWN = N_("%(code)s %(facts)s")
SHARES = frozenset({"tvr", "least", "share"})
COLOURS = frozenset({"previous", "by_risk", "from", "to"})
KINDS = ("rule", "what")
"""Parameters that tell variants of one code apart."""


def _number(key: str, value: float) -> str:
    if key in SHARES:
        return formats.percent(value, 1)
    return formats.number(value, 3)


def _words(text: str) -> str:
    if ISO_TIME.match(text):
        return formats.short_time(datetime.fromisoformat(text))
    if ISO_DAY.match(text):
        return formats.day(date.fromisoformat(text))
    return text


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int | float):
        return _number(key, value)
    if isinstance(value, list):
        return gettext(", ").join(_text(key, item) for item in value)
    if key in COLOURS and value in set(Colour):
        return label(Colour(value))
    return _words(str(value))


class _Facts(dict[str, str]):
    """Parameters as text; one that is missing shows as a dash, since old records may lack it."""

    def __missing__(self, key: str) -> str:
        return formats.NONE


def _facts(params: Mapping[str, Any]) -> _Facts:
    facts = _Facts({key: _text(key, value) for key, value in params.items() if value is not None})
    suffix = "_en" if current_language.get() == "en" else "_zh"
    for key in list(facts):
        if key.endswith(suffix):
            facts[key.removesuffix(suffix)] = facts[key] or facts.get(key.removesuffix(suffix) + "_zh", "")
    return facts


def _sentence(code: str, params: Mapping[str, Any]) -> str | None:
    variants = [f"{code}.{params[kind]}" for kind in KINDS if kind in params]
    return next((SENTENCES[key] for key in (*variants, code) if key in SENTENCES), None)


def is_known(code: str) -> bool:
    """Whether there is a sentence for a code."""
    return code in SENTENCES


def explain(code: str, params: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The sentence of a code; a code of a newer service is shown with its parameters, not hidden."""
    given = {**(params or {}), **more}
    facts, sentence = _facts(given), _sentence(code, given)
    if sentence is None:
        listed = gettext(", ").join(f"{key} {value}" for key, value in facts.items())
        return (gettext(UNKNOWN) % {"code": code, "facts": f"({listed})" if listed else ""}).strip()
    return gettext(sentence) % facts
