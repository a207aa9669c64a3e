"""Why an operation stands where it stands, as a sentence in the reader's language."""

from collections.abc import Mapping

from django.utils.translation import gettext

from mt4bridge.errors import BY_CODE
from mt4bridge.queries import error_in_words
from trading.operations.errors import REASONS


def reason_in_words(code: str, detail: Mapping[str, object]) -> str:
    """Return the sentence of a reason, ours or the bridge's; "" without one, whatever release wrote it."""
    if code in REASONS:
        return gettext(REASONS[code]) % _Lenient(detail)
    return error_in_words(code=code, fields=detail) if code in BY_CODE else ""


class _Lenient(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "?"
