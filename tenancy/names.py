"""Names in the database: roles, schemas, and the rule for a broker's schema name."""

import re
import secrets

OWNER_ROLE = "crm_owner"
MIGRATE_LOGIN = "crm_migrate"
APP_LOGIN = "crm_app"
EXTENSIONS_SCHEMA = "extensions"
TEMPLATE_SCHEMA = "keel_template"

_SCHEMA_NAME = re.compile(r"^[a-z][a-z0-9_]{2,40}$")


def new_schema_name() -> str:
    """Return an opaque schema name: it shows in the catalogue, so it says nothing of the broker."""
    return f"b{secrets.token_hex(6)}"


def role_of(schema_name: str) -> str:
    """Return the database role of a broker's schema.

    :raises ValueError: the name is not a broker's schema name (it would end in SQL)."""
    if not _SCHEMA_NAME.fullmatch(schema_name):
        raise ValueError(f"{schema_name!r} is not a broker's schema name")
    return f"t_{schema_name}"
