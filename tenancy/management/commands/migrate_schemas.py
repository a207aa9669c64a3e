"""Bring public, the template and every broker's schema to the code's migrations."""

from typing import Any

from django.core.management.base import BaseCommand

from tenancy.services import migrate_all


class Command(BaseCommand):
    help = "Migrate the public schema, the template and every broker that lags; renews the brokers' grants."

    def handle(self, *_args: Any, **options: Any) -> None:
        changed = migrate_all(verbosity=max(0, options["verbosity"] - 1))
        self.stdout.write(f"{len(changed)} schemas migrated" if changed else "All schemas are up to date")
