"""All routes of casework."""

from services.casework.routes import cases, evidence, works

ROUTERS = (cases.router, works.router, evidence.router)
