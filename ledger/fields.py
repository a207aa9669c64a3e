"""A column type of PostgreSQL that Django does not know."""

from typing import Any

from django.db import models


class Xid8Field(models.Field):  # type: ignore[type-arg]
    """PostgreSQL's 64-bit transaction number; filled by the database, read as text."""

    description = "PostgreSQL xid8"

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 -- Django's signature
        return "xid8"


class CurrentTransaction(models.Func):
    """The number of the database transaction that runs now (savepoints share it)."""

    function = "pg_current_xact_id"
    arity = 0
    output_field = Xid8Field()
