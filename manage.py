#!/usr/bin/env python3
"""Django's command line; commands that change schemas run under the owner's login."""

import os
import sys

OWNER_COMMANDS = frozenset(
    {
        "migrate",
        "migrate_schemas",
        "create_broker",
        "drop_broker",
        "set_broker_status",
        "scenarios",
        "demo",
        "demo_once",
    }
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ["KEEL_AS_OWNER"] = "1"
    from django.core.management import execute_from_command_line  # noqa: PLC0415 -- settings come first

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
