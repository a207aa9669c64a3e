"""The database of this checkout: logins and schemas brought to the code's state."""

import os
from collections.abc import Mapping

from house.checkout import Checkout
from house.commands import run_quietly
from house.progress import step
from house.records import hash_of_files, is_stamped, write_stamp

STAMPS = ("database", "demo-filled")


def forget_database(checkout: Checkout) -> None:
    """Remove the stamps that speak of a database that is gone."""
    for name in STAMPS:
        (checkout.state / name).unlink(missing_ok=True)


def ensure_database(checkout: Checkout, environment: Mapping[str, str]) -> None:
    """Make logins, database and schemas, and migrate. Skipped while code and own cluster are the same."""
    ours = not os.environ.get("DATABASE_URL")
    apps = [path.parent for path in checkout.root.glob("*/apps.py")]
    sources = [app / part for app in apps for part in ("migrations", "models.py", "models", "permissions.py", "sql")]
    address = environment.get("DATABASE_OWNER_URL", "")
    wanted = hash_of_files([*sources, checkout.root / "tenancy", checkout.root / "crm" / "settings.py"], extra=address)
    stamp = checkout.state / "database"
    if ours and is_stamped(stamp, wanted):
        return
    with step("Database"):
        if "KEEL_ADMIN_DATABASE_URL" in environment:
            _manage(checkout, environment, "bootstrap_database")
        _manage(checkout, environment, "migrate_schemas")
    write_stamp(stamp, wanted)


def _manage(checkout: Checkout, environment: Mapping[str, str], command: str) -> None:
    run_quietly(
        [checkout.python, "manage.py", command],
        doing=f"manage.py {command}",
        log=checkout.logs / f"{command}.log",
        environment=environment,
        directory=checkout.root,
    )
