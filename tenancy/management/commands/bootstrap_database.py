"""Create the logins and the database on a PostgreSQL, as its administrator."""

import os
from typing import Any

import psycopg2
from django.core.management.base import BaseCommand, CommandError

from tenancy.bootstrap import prepare_server


class Command(BaseCommand):
    help = (
        "Create the logins crm_app and crm_migrate, the database and its extensions. Needs KEEL_ADMIN_DATABASE_URL "
        "(an administrator's login), DATABASE_URL and DATABASE_OWNER_URL. Repeatable."
    )
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        urls = {
            name: os.environ.get(name, "") for name in ("KEEL_ADMIN_DATABASE_URL", "DATABASE_URL", "DATABASE_OWNER_URL")
        }
        missing = [name for name, url in urls.items() if not url]
        if missing:
            raise CommandError(f"Set {', '.join(missing)} in the environment first.")
        try:
            prepare_server(
                admin_url=urls["KEEL_ADMIN_DATABASE_URL"],
                app_url=urls["DATABASE_URL"],
                owner_url=urls["DATABASE_OWNER_URL"],
            )
        except (psycopg2.Error, ValueError) as error:
            raise CommandError(str(error).strip()) from error
        self.stdout.write("The database is ready.")
