"""Run by Alembic, on the connection that :mod:`app.migrate` holds its lock with."""

from alembic import context

from app import models

context.configure(connection=context.config.attributes["connection"], target_metadata=models.Todo.metadata)
with context.begin_transaction():
    context.run_migrations()
