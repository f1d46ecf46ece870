"""What is wrong with a typed field: a contract's refusal in the reader's language."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from web.i18n import N_, gettext

CODE = N_("Only letters, digits, dots, dashes and underscores.")
PATTERNS = {
    "code": CODE, "trade": CODE, "factor": CODE, "number": CODE, "serial": CODE,
    "mn": N_("Only visible ASCII characters, no spaces."),
    "phone": N_("Only digits, +, brackets, dashes and spaces."),
    "email": N_("Write it as name@example.org."),
    "url": N_("Give a whole address, such as https://example.org/hook"),
}  # fmt: skip
FILL = N_("This must be filled.")
CHOOSE = N_("Choose one.")
NUMBER = N_("This is not a number: %(value)s")
DATE = N_("This is not a date: %(value)s. Write it as 2026-03-01.")
WORDS = {
    "missing": FILL, "float_parsing": NUMBER, "float_type": NUMBER, "finite_number": NUMBER,
    "int_parsing": N_("This is not a whole number: %(value)s"),
    "int_from_float": N_("This is not a whole number: %(value)s"),
    "date_from_datetime_parsing": DATE, "date_parsing": DATE, "date_from_datetime_inexact": DATE,
    "greater_than": N_("This must be more than %(gt)s."), "greater_than_equal": N_("This must be %(ge)s or more."),
    "less_than_equal": N_("This must be %(le)s or less."), "string_too_long": N_("At most %(max_length)s characters."),
    "enum": CHOOSE, "uuid_parsing": CHOOSE, "uuid_type": CHOOSE,
}  # fmt: skip
RULES = {
    "range_high must be above range_low": N_("The span must end above its start."),
    "name the contractor": N_("Name the contractor."),
    "must not be before its beginning": N_("The end must not lie before the beginning."),
}
"""Rules of contracts between fields, by the end of their English words."""


def said(item: Mapping[str, Any]) -> str:
    """One error of a contract in words; a rule of the contract's own speaks for itself."""
    kind = str(item["type"])
    context = {key: str(value).removesuffix(".0") for key, value in item.get("ctx", {}).items()}
    name = str(item["loc"][-1]) if item["loc"] else ""
    if kind == "string_too_short":
        least = context["min_length"]
        return gettext(FILL) if least == "1" else gettext("At least %(least)s characters.") % {"least": least}
    if kind == "string_pattern_mismatch":
        return gettext(PATTERNS.get(name, CHOOSE))
    if kind in WORDS:
        return gettext(WORDS[kind]) % {**context, "value": str(item.get("input", ""))[:60]}
    message = str(item["msg"]).removeprefix("Value error, ")
    known = next((text for end, text in RULES.items() if message.endswith(end)), None)
    return gettext(known) if known else message


def contract_errors(error: ValidationError) -> dict[str, str]:
    """Field → what is wrong with it; `form` for what is wrong with the whole."""
    return {str(item["loc"][0]) if item["loc"] else "form": said(dict(item)) for item in error.errors()}
