"""What every template knows without its view saying so: brand, theme, language."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language

from tenancy.context import current_broker
from ui.theme import Brand

THEME_COOKIE = "theme"
THEMES = ("light", "dark")
HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the context of a broker's page."""
    brand = Brand.of(current_broker())
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    language = get_language() or "en"
    return {
        "brand": brand,
        "brand_css": reverse("brand_css", args=[brand.digest]),
        "ui_theme": chosen if chosen in THEMES else "",
        "language": language,
        "html_lang": HTML_LANG.get(language, language),
    }
