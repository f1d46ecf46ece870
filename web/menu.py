"""The side menu: which pages a role uses, and the open work behind each."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.auth import Role
from shared.contracts.casework import CaseCounts
from web.i18n import N_
from web.session import BUREAU, STAFF, SUPERVISORS, Viewer

Count = Callable[[CaseCounts], int]
ENTERPRISE = (Role.ENTERPRISE,)
EVERYBODY = tuple(Role)


@dataclass(frozen=True)
class Entry:
    """A page of the menu, for some roles."""

    label: str
    href: str
    icon: str
    roles: tuple[Role, ...]
    count: Count | None = None


@dataclass(frozen=True)
class Item:
    """An entry as one person sees it."""

    label: str
    href: str
    icon: str
    count: int | None
    current: bool


@dataclass(frozen=True)
class Group:
    """Entries under a heading; the first group has none."""

    heading: str
    items: tuple[Item, ...]


ENTRIES: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry(N_("Anomaly triage"), "/triage", "inbox", SUPERVISORS, lambda n: n.screening + n.replied),
            Entry(N_("Patrol"), "/patrol", "activity", (*STAFF, *ENTERPRISE)),
            Entry(N_("To do"), "/todo", "list-checks", ENTERPRISE, lambda n: n.waiting + n.overdue + n.findings_open),
            Entry(N_("Approvals"), "/approvals", "gavel", BUREAU, lambda n: n.replied),
            Entry(N_("Cases"), "/cases", "clipboard-list", EVERYBODY),
        ),
    ),
    (
        N_("Detection"),
        (
            Entry(N_("Detection rules"), "/rules", "sliders-horizontal", STAFF),
            Entry(N_("Quality of rules"), "/detection/quality", "scale", STAFF),
            Entry(N_("Evaluation"), "/evaluation", "chart-column", STAFF),
            Entry(N_("Suppressions"), "/suppressions", "ban", STAFF),
            Entry(N_("Thresholds"), "/thresholds", "sliders-horizontal", (*STAFF, *ENTERPRISE)),
            Entry(N_("Backtests"), "/backtests", "rotate-ccw", STAFF),
            Entry(N_("Mining bench"), "/mining", "chart-column", STAFF),
        ),
    ),
    (
        N_("Field work and rectification"),
        (
            Entry(N_("Visits"), "/visits", "calendar-check", STAFF, lambda n: n.visits_planned),
            Entry(N_("Rectification"), "/rectifications", "wrench", EVERYBODY, lambda n: n.findings_open),
        ),
    ),
    (
        N_("Objects"),
        (
            Entry(N_("Enterprises and outlets"), "/enterprises", "factory", STAFF),
            Entry(N_("My enterprise"), "/enterprises", "factory", ENTERPRISE),
            Entry(N_("My grade"), "/grade", "scale", ENTERPRISE),
            Entry(N_("Grade lists"), "/grades", "scale", STAFF),
            Entry(N_("Draft list"), "/grades/draft", "file-check", (*BUREAU, Role.SUPERVISOR_LEAD)),
        ),
    ),
    (
        N_("Monitoring data"),
        (
            Entry(N_("Completeness"), "/completeness", "calendar-check", (*STAFF, Role.ENTERPRISE)),
            Entry(N_("Marks"), "/marks", "flag", (*ENTERPRISE, *STAFF)),
            Entry(N_("Quality assurance"), "/quality", "gauge", (*ENTERPRISE, *STAFF)),
            Entry(N_("Devices and links"), "/devices", "zap", EVERYBODY),
            Entry(N_("Commands"), "/commands", "send", (*STAFF, Role.ENTERPRISE)),
            Entry(N_("Quarantine"), "/quarantine", "shield-alert", STAFF),
            Entry(N_("Unknown devices"), "/unknown-devices", "circle-question-mark", STAFF),
        ),
    ),
    (
        N_("Records"),
        (
            Entry(N_("Public list"), "/public", "globe", EVERYBODY),
            Entry(N_("Standards"), "/standards", "file-text", EVERYBODY),
            Entry(N_("Import and export"), "/imports", "upload", (*STAFF, Role.ENTERPRISE)),
            Entry(N_("Webhooks"), "/admin/webhooks", "send", (Role.ADMIN,)),
            Entry(N_("Audit"), "/audit", "scroll-text", (*BUREAU, Role.SUPERVISOR_LEAD, Role.ADMIN, Role.AUDITOR)),
        ),
    ),
)


def _current(path: str) -> str:
    """The menu address that a page belongs to: the longest that its path starts with."""
    addresses = [entry.href for _, entries in ENTRIES for entry in entries]
    owners = [href for href in addresses if path == href or path.startswith(href + "/")]
    return max(owners, key=len, default="")


def menu_for(viewer: Viewer | None, counts: CaseCounts | None, path: str) -> tuple[Group, ...]:
    """The groups a person sees; nobody logged in sees none."""
    if viewer is None:
        return ()
    current = _current(path)
    groups = []
    for heading, entries in ENTRIES:
        items = tuple(
            Item(
                label=entry.label,
                href=entry.href,
                icon=entry.icon,
                count=entry.count(counts) if entry.count and counts else None,
                current=entry.href == current,
            )
            for entry in entries
            if viewer.has(*entry.roles)
        )
        if items:
            groups.append(Group(heading, items))
    return tuple(groups)


START_PAGES: tuple[tuple[tuple[Role, ...], str], ...] = (
    (SUPERVISORS, "/triage"),
    (BUREAU, "/approvals"),
    (ENTERPRISE, "/todo"),
    ((Role.ADMIN, Role.AUDITOR), "/cases"),
)


def start_page(viewer: Viewer | None) -> str:
    """Where somebody begins."""
    if viewer is None:
        return "/public"
    return next((path for roles, path in START_PAGES if viewer.has(*roles)), "/public")
