"""How a migration reaches the database: the connection is handed over by `adapter.delivery.database.migrate`."""

from __future__ import annotations

from alembic import context

from adapter.delivery.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
