"""Pytest plugin, loaded before Django: has PostgreSQL and Valkey of this checkout up, and says where they are.

`./run test` has done it already; then this does nothing. With plain pytest it keeps them up between runs."""

import os
from pathlib import Path

if not os.environ.get("DATABASE_URL"):
    from house.checkout import find_checkout
    from house.services import keep_services, services

    _checkout = find_checkout().for_tests
    keep_services(_checkout, up=True)
    _up = services(_checkout)
    os.environ.update(_up.__enter__())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ.setdefault("KEEL_DEBUG", "1")
(Path(os.environ.get("KEEL_STATE_DIR") or Path(__file__).parent.parent / ".run") / "static").mkdir(
    parents=True, exist_ok=True
)
