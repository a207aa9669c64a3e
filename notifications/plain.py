"""Text as it may stand in a header, a row or a list. Pure."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """Return the text without line ends and other control characters: it cannot end a header, and PostgreSQL takes
    it."""
    return " ".join(_CONTROL.sub(" ", text).split())
