"""Names and the base model that every part of ingest's wire uses."""

from enum import StrEnum
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, field_validator

Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=120)]


class Wire(BaseModel):
    """What we send and take: unknown fields are refused, so that a typing error is not lost in silence."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: object) -> object:
        """PostgreSQL keeps no NUL and no half of a surrogate pair; said here it is the caller's fault, not ours."""
        if isinstance(value, str):
            try:
                encoded = value.encode()
            except UnicodeEncodeError:
                raise ValueError("the text is not valid Unicode") from None
            if b"\x00" in encoded:
                raise ValueError("the character NUL is not allowed")
        return value


class Medium(StrEnum):
    """What an outlet discharges."""

    WATER = "water"
    GAS = "gas"


class ReadingKind(StrEnum):
    """Averaging of a reading; HJ 212 commands 2011, 2051, 2061, 2031."""

    REALTIME = "realtime"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


def enterprise_uuid(code: str) -> UUID:
    """The id of an enterprise by its code, the same in every system that knows the code."""
    return uuid5(NAMESPACE_URL, f"sanse:enterprise:{code}")


def outlet_uuid(enterprise_code: str, code: str) -> UUID:
    """The id of an outlet by the codes of enterprise and outlet."""
    return uuid5(NAMESPACE_URL, f"sanse:outlet:{enterprise_code}:{code}")
