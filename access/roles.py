"""The built-in roles as data: patterns over the declared rights. `seed_roles` writes them to a broker. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class BuiltInRole:
    """A role that every broker has. `rights` are patterns, "ib.*" or "*.view_*"; `never` wins over them."""

    code: str
    name: str
    rights: tuple[str, ...]
    never: tuple[str, ...] = ()

    def rights_among(self, known: Iterable[str]) -> list[str]:
        """Return the known codes that this role holds, sorted."""
        return sorted(code for code in known if _fits(code, self.rights) and not _fits(code, self.never))


BUILT_IN_ROLES: tuple[BuiltInRole, ...] = (
    BuiltInRole("owner", "Owner", ("*",)),
    BuiltInRole(
        "finance",
        "Finance",
        ("*.view_*", "ledger.*", "payments.*", "commissions.*", "trading.*_operation"),
        never=("access.*", "mt4bridge.*"),
    ),
    BuiltInRole(
        "risk",
        "Risk",
        ("*.view_*", "trading.*", "mt4bridge.*"),
        never=("access.view_staff",),
    ),
    BuiltInRole(
        "sales",
        "Sales",
        ("clients.*", "ib.*", "*.view_client*", "trading.view_*", "commissions.view_*", "backoffice.view_*"),
        never=("ib.edit_agreement",),
    ),
    BuiltInRole("support", "Support", ("clients.*", "ib.view_*", "trading.view_*", "backoffice.view_*")),
    BuiltInRole("auditor", "Auditor (read only)", ("*.view_*",)),
)


def _fits(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)
