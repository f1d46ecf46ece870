"""A service's refusal as words beside the field, or above the form, that it is about."""

from shared.clients.base import ServiceCallError
from web.explain import explain, is_known
from web.i18n import gettext

RETRY_STATUS = frozenset({409, 412, 422})
"""Refusals that the person can answer: somebody was faster, or a field is not right."""
INVALID = 422


def check_invalid(error: ServiceCallError) -> None:
    """Let only a refused form through, to be shown beside its fields; the rest is an error page."""
    if error.status != INVALID:
        raise error


def refusal(error: ServiceCallError) -> str:
    """Why the service refused."""
    if error.code == "stale_version":
        return gettext("Somebody changed this in the meantime. It is shown as it is now; decide again.")
    guard = str(error.context.get("guard", ""))
    if is_known(guard):
        return explain(guard)
    return explain(error.code, error.context) if is_known(error.code) else error.message


def _said(code: str, message: str) -> str:
    known = {
        "missing": gettext("This is needed for the decision."),
        "past": gettext("This time has passed already."),
        "not_allowed": gettext("This reason does not fit the decision."),
        "unknown": gettext("This is not known."),
    }
    return known.get(code, message)


def field_errors(error: ServiceCallError, *, form: str = "event") -> dict[str, str]:
    """Field → what is wrong with it; `form` stands for the whole form where no field is named."""
    listed = error.context.get("errors") or [] if error.status == INVALID else []
    by_field = {
        str(item.get("where", "")).rpartition(".")[2] or form: _said(
            str(item.get("code", "")), str(item.get("message", ""))
        )
        for item in listed
        if isinstance(item, dict)
    }
    return by_field or {form: refusal(error)}
