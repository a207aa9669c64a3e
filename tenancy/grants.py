"""What a broker's database role may do, table by table, from each model's `db_access`."""

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from core.types import DbAccess
from tenancy.names import EXTENSIONS_SCHEMA, OWNER_ROLE, role_of


def broker_models() -> list[type[models.Model]]:
    """Return the models whose tables live in each broker's schema, many-to-many tables included."""
    labels = {app.rsplit(".", 1)[-1] for app in settings.TENANT_APPS}
    return [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in labels and m._meta.managed]


def grant_sql(schema_name: str) -> str:
    """Return the statements that give the schema's role exactly its rights, and nobody else any."""
    role = role_of(schema_name)
    lines = [
        f'REVOKE ALL ON ALL TABLES IN SCHEMA "{schema_name}" FROM "{role}"',
        f'GRANT USAGE ON SCHEMA "{schema_name}" TO "{role}"',
        f'GRANT USAGE ON SCHEMA "{EXTENSIONS_SCHEMA}" TO "{role}"',
        f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "{schema_name}" TO "{role}"',
        f'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "{schema_name}" TO "{role}"',
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{OWNER_ROLE}" IN SCHEMA "{schema_name}" '
        f'GRANT USAGE, SELECT ON SEQUENCES TO "{role}"',
        f'GRANT SELECT ON "{schema_name}"."django_migrations" TO "{role}"',
    ]
    for model in broker_models():
        access: DbAccess = getattr(model, "db_access", DbAccess.FULL)
        lines.append(f'GRANT {access.value} ON "{schema_name}"."{model._meta.db_table}" TO "{role}"')
        lines += [
            f'GRANT UPDATE ("{column}") ON "{schema_name}"."{model._meta.db_table}" TO "{role}"'
            for column in getattr(model, "db_updatable", ())
        ]
    return ";\n".join(lines)


def apply_grants(schema_name: str) -> None:
    """Give a schema's role its rights anew; runs under the owner's login."""
    with connection.cursor() as cursor:
        cursor.execute(grant_sql(schema_name))


def apply_public_grants() -> None:
    """Let the application's login read the list of brokers and hosts, and nothing else in public."""
    with connection.cursor() as cursor:
        cursor.execute(
            "GRANT USAGE ON SCHEMA public TO crm_app;"
            "GRANT SELECT ON public.tenancy_broker, public.tenancy_host, public.django_migrations TO crm_app"
        )
