"""All pages; the proxy comes last because its paths are the widest."""

from web import proxy
from web.pages import (
    account,
    anomalies,
    approvals,
    audit,
    browser,
    cases,
    commands,
    files,
    grades,
    hooks,
    info,
    inquiries,
    objects,
    public,
    rectifications,
    triage,
    visits,
)

ROUTERS = (
    account.router,
    triage.router,
    cases.router,
    commands.router,
    visits.router,
    rectifications.router,
    inquiries.router,
    grades.router,
    public.router,
    browser.router,
    objects.router,
    anomalies.router,
    files.router,
    approvals.router,
    hooks.router,
    audit.router,
    info.router,
    proxy.router,
)
