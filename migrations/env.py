"""Alembic's entrance: runs on the connection it is handed by `backend.database.migrate`."""

from alembic import context
from sqlalchemy import Connection

from backend.database.metadata import metadata
from backend.database.roles import prepare_database


def run() -> None:
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise SystemExit("Migrations are run with `tidu migrate`.")
    prepare_database(connection)
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


run()
