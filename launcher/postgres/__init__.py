"""PostgreSQL 18 on this machine, or somebody else's given by address."""

from launcher.postgres.databases import (
    DatabaseServer,
    ExternalPostgres,
    create_database,
    drop_database,
    server_version,
)
from launcher.postgres.server import EmbeddedPostgres, PostgresError, temporary_server

__all__ = [
    "DatabaseServer",
    "EmbeddedPostgres",
    "ExternalPostgres",
    "PostgresError",
    "create_database",
    "drop_database",
    "server_version",
    "temporary_server",
]
