"""Who signs in to the simulated server, and what they may see and do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FORBIDDEN_STATUS = 403
NO_PERMISSION = 8


@dataclass(frozen=True, slots=True)
class Manager:
    """A manager login. `forbidden` maps a command's path to how it is refused: retcode 8, or HTTP 403 as some do."""

    login: int
    password: str = field(repr=False)
    group_masks: str = "*"
    forbidden: Mapping[str, int] = field(default_factory=dict)


def parse_forbidden(switches: list[str]) -> dict[str, int]:
    """Read `PATH` (retcode 8) or `PATH=403`.

    :raises ValueError: another form."""
    result = {}
    for switch in switches:
        path, _, how = switch.partition("=")
        if not path.startswith("/api/") or how not in ("", str(NO_PERMISSION), str(FORBIDDEN_STATUS)):
            raise ValueError(f"What is forbidden must be like /api/user/add or /api/user/add=403, not {switch!r}.")
        result[path] = int(how or NO_PERMISSION)
    return result
