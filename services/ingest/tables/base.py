"""The base of this service's tables, with its own registry so that services never collide in one process."""

from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base of this service's tables."""


metadata = Table.metadata
TIME = DateTime(timezone=True)
