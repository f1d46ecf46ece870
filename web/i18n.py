"""Languages: message catalogues, the language of this request, and how it is chosen.

English text is the message id, zh_CN the default language. The catalogue is compiled from its `.po` at
start, so that no built file can fall behind. The current language lives in a ContextVar that the
preferences middleware sets; nothing is installed anew for a request.
"""

from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent / "locale"
DEFAULT = "zh_CN"
LANGUAGES = {"zh_CN": "zh-CN", "en": "en"}
"""Locale to the BCP 47 tag written in `<html lang>`."""
MOST_RANGES = 20

current_language: ContextVar[str] = ContextVar("current_language", default=DEFAULT)


@cache
def catalogue(language: str) -> NullTranslations:
    """Compiled messages of a language; a language without a catalogue shows the English ids."""
    path = LOCALE_DIR / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(message: str) -> str:
    """Text in the language of this request."""
    return catalogue(current_language.get()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Text with the plural form for `number`."""
    return catalogue(current_language.get()).ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Text whose meaning depends on a context, such as the colour of a grade."""
    return catalogue(current_language.get()).pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """`pgettext` with a plural form."""
    return catalogue(current_language.get()).npgettext(context, singular, plural, number)


def N_(message: str) -> str:  # noqa: N802 - the name that extraction looks for
    """Mark a constant for translation; it is translated where it is shown."""
    return message


def locale() -> Locale:
    """Babel's locale of this request."""
    return _locale(current_language.get())


@cache
def _locale(language: str) -> Locale:
    """Read once: Babel looks through all its locales for a name, which every number of a page would pay for."""
    return Locale.parse(language)


def supported(tag: str) -> str | None:
    """Our language for a tag such as `zh-Hans-CN` or `en_US`; None where we have none."""
    primary = tag.strip().replace("_", "-").lower().partition("-")[0]
    return {"zh": "zh_CN", "en": "en"}.get(primary)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def negotiate(query: str | None, cookie: str | None, accept: str) -> str:
    """Language of a request: `?lang=`, then the cookie, then Accept-Language, then the default."""
    for wish in (query, cookie):
        if wish and (language := supported(wish)):
            return language
    ranges = [part.partition(";") for part in accept.split(",")[:MOST_RANGES] if part.strip()]
    wishes = sorted(((_weight(parameters), tag) for tag, _, parameters in ranges), key=lambda wish: -wish[0])
    for weight, tag in wishes:
        if weight > 0 and (language := supported(tag)):
            return language
    return DEFAULT
