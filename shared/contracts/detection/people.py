"""Who did something."""

from pydantic import AwareDatetime

from shared.contracts.ingest import Wire


class PersonOut(Wire):
    """Who did something, and when; the service itself is `system`. English names are empty where there are none."""

    subject: str
    name: str
    organisation: str
    at: AwareDatetime
    name_en: str = ""
    organisation_en: str = ""
