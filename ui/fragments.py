"""One address, two answers: the whole page, or the part that htmx asked for."""

from django.http import HttpRequest


def is_fragment(request: HttpRequest) -> bool:
    """Say whether only a part of the page is wanted (htmx 4: `HX-Request-Type: partial`)."""
    return bool(request.headers.get("HX-Request-Type") == "partial")
