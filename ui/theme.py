"""A broker's brand as CSS custom properties; contrast holds by construction, whatever colour the broker picked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tenancy.models import Broker
from ui.colour import WHITE, Oklch, Rgb, contrast, from_oklch, mix, to_oklch, with_contrast

INK = Rgb(15, 18, 25)
PAGE_LIGHT = Rgb.from_hex("#f5f6f8")  # base-200 of the light theme
PANEL_DARK = Rgb.from_hex("#161a22")  # base-100 of the dark theme
FILL_RATIO = 4.5  # WCAG AA for the text on a button
DARK_FILL_RATIO = 2.6  # a button against a dark panel


@dataclass(frozen=True, slots=True)
class Brand:
    """What a broker may set: no free CSS."""

    name: str
    mark: str
    primary_color: str
    radius: str

    @classmethod
    def of(cls, broker: Broker) -> "Brand":
        return cls(name=broker.name, mark=broker.mark, primary_color=broker.primary_color, radius=broker.radius)

    @property
    def css(self) -> str:
        return stylesheet(self.primary_color, self.radius)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.css.encode()).hexdigest()[:12]


@lru_cache(maxsize=256)
def stylesheet(primary_color: str, radius: str) -> str:
    """Return the brand's style sheet: radii once, colours for light, dark and automatic."""
    primary = Rgb.from_hex(primary_color)
    light, dark = _declarations(light_tokens(primary)), _declarations(dark_tokens(primary))
    radii = _declarations({"radius-field": radius, "radius-box": f"calc({radius} + .125rem)"})
    return (
        f":root{{{radii}}}:root,[data-theme=light]{{{light}}}[data-theme=dark]{{{dark}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme]){{{dark}}}}}\n"
    )


def light_tokens(primary: Rgb) -> dict[str, str]:
    """Return the brand's colours on light ground."""
    content = _readable_on(primary)
    fill = with_contrast(primary, content, FILL_RATIO, darker=content == WHITE)
    text = with_contrast(primary, mix(primary, PAGE_LIGHT, 0.12), 4.7, darker=True)
    lightness, chroma, hue = to_oklch(primary)
    bars = (
        Oklch(max(0.45, min(0.60, lightness)), chroma, hue),
        Oklch(0.73, chroma * 0.62, hue),
        Oklch(0.87, chroma * 0.30, hue),
    )
    return _tokens(fill, content, text, bars)


def dark_tokens(primary: Rgb) -> dict[str, str]:
    """Return the brand's colours on dark ground."""
    fill = with_contrast(primary, PANEL_DARK, DARK_FILL_RATIO, darker=False)
    content = WHITE if contrast(fill, WHITE) >= FILL_RATIO else INK
    fill = with_contrast(fill, content, FILL_RATIO, darker=content == WHITE)
    text = with_contrast(primary, mix(primary, PANEL_DARK, 0.16), 4.8, darker=False)
    _, chroma, hue = to_oklch(primary)
    bars = (Oklch(0.70, max(chroma * 0.9, 0.09), hue), Oklch(0.52, chroma * 0.7, hue), Oklch(0.38, chroma * 0.45, hue))
    return _tokens(fill, content, text, bars)


def _readable_on(fill: Rgb) -> Rgb:
    """Return the text colour for a fill: white where it can be read, else ink."""
    if contrast(fill, WHITE) < FILL_RATIO <= contrast(fill, INK):
        return INK
    return WHITE


def _tokens(fill: Rgb, content: Rgb, text: Rgb, bars: tuple[Oklch, Oklch, Oklch]) -> dict[str, str]:
    first, second, third = (from_oklch(bar).hex() for bar in bars)
    return {
        "color-primary": fill.hex(),
        "color-primary-content": content.hex(),
        "brand-text": text.hex(),
        "chart-1": first,
        "chart-2": second,
        "chart-3": third,
    }


def _declarations(values: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())
