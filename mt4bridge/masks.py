"""Group masks as MT servers write them: "real*,!*test*", `*` any text, `!` takes away. Plain Python."""

from fnmatch import fnmatchcase


def fits(group: str, masks: str) -> bool:
    """Return whether the masks name the group; masks that only take away start from all groups."""
    parts = [part.strip() for part in masks.split(",") if part.strip()]
    wanted = [part for part in parts if not part.startswith("!")] or ["*"]
    unwanted = [part[1:] for part in parts if part.startswith("!")]
    return _any(group, wanted) and not _any(group, unwanted)


def _any(group: str, masks: list[str]) -> bool:
    return any(fnmatchcase(group, mask.replace("[", "[[]").replace("?", "[?]")) for mask in masks)
