"""The list of all rights: collected once from the `permissions.RIGHTS` of every installed app."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise


@cache
def all_rights() -> dict[str, Promise]:
    """Return every right that a role may hold, with its label, in the order of the codes.

    :raises ImproperlyConfigured: an app declares a code that is not its own."""
    rights: dict[str, Promise] = {}
    for config in apps.get_app_configs():
        if config.name.startswith("django") or find_spec(f"{config.name}.permissions") is None:
            continue
        declared = getattr(import_module(f"{config.name}.permissions"), "RIGHTS", {})
        for code in declared:
            if not code.startswith(f"{config.label}."):
                raise ImproperlyConfigured(f"{config.name}.permissions declares {code}, which is not a code of its own")
        rights |= declared
    return dict(sorted(rights.items()))


def unknown_rights(codes: "set[str] | frozenset[str]") -> list[str]:
    """Return those of the codes that no app declares."""
    return sorted(codes - all_rights().keys())
