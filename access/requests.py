"""What the doors need to know of a request's origin."""

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """Return the address that the request came from.

    `X-Forwarded-For` counts only as far as our own proxies wrote it (KEEL_PROXIES, how many stand before us)."""
    proxies = getattr(settings, "KEEL_PROXIES", 0)
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    if proxies and len(forwarded) >= proxies:
        return forwarded[-proxies]
    return request.META.get("REMOTE_ADDR") or None
