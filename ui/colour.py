"""Colour arithmetic: sRGB, WCAG contrast and OKLCH, for brands that must stay readable.

Sources: WCAG 2.2 (luminance, contrast ratio); Björn Ottosson, "A perceptual color space for image processing"."""

import math
from typing import NamedTuple


class Rgb(NamedTuple):
    """An sRGB colour, each part 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def from_hex(cls, text: str) -> "Rgb":
        return cls(*bytes.fromhex(text.lstrip("#")))

    def hex(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


class Oklch(NamedTuple):
    """Lightness 0 to 1, chroma from 0 (grey), hue in degrees."""

    lightness: float
    chroma: float
    hue: float


WHITE = Rgb(255, 255, 255)


def contrast(first: Rgb, second: Rgb) -> float:
    """Return the WCAG contrast ratio, 1 to 21."""
    bright, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """Return `share` of the first colour over the second, as a tint is drawn."""
    return Rgb(*(round(a * share + b * (1 - share)) for a, b in zip(first, second, strict=True)))


def to_oklch(colour: Rgb) -> Oklch:
    """Convert to OKLCH."""
    r, g, b = (_linear(part) for part in colour)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    lightness = 0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short
    green_red = 1.9779984951 * long - 2.428592205 * medium + 0.4505937099 * short
    blue_yellow = 0.0259040371 * long + 0.7827717662 * medium - 0.808675766 * short
    return Oklch(lightness, math.hypot(green_red, blue_yellow), math.degrees(math.atan2(blue_yellow, green_red)) % 360)


def from_oklch(colour: Oklch) -> Rgb:
    """Convert to sRGB; a colour outside it loses chroma until it fits."""
    chroma = colour.chroma
    while True:
        parts = _oklch_to_linear(Oklch(colour.lightness, chroma, colour.hue))
        if chroma < 0.002 or all(-0.0005 <= part <= 1.0005 for part in parts):
            return Rgb(*(_encode(part) for part in parts))
        chroma *= 0.97


def with_contrast(colour: Rgb, background: Rgb, ratio: float, *, darker: bool) -> Rgb:
    """Move only the lightness until the contrast against `background` reaches `ratio`; the hue stays."""
    lightness, chroma, hue = to_oklch(colour)
    fitted = colour
    while contrast(fitted, background) < ratio and (lightness > 0 if darker else lightness < 1):
        lightness += -0.01 if darker else 0.01
        fitted = from_oklch(Oklch(lightness, chroma, hue))
    return fitted


def _oklch_to_linear(colour: Oklch) -> tuple[float, float, float]:
    green_red = colour.chroma * math.cos(math.radians(colour.hue))
    blue_yellow = colour.chroma * math.sin(math.radians(colour.hue))
    long = (colour.lightness + 0.3963377774 * green_red + 0.2158037573 * blue_yellow) ** 3
    medium = (colour.lightness - 0.1055613458 * green_red - 0.0638541728 * blue_yellow) ** 3
    short = (colour.lightness - 0.0894841775 * green_red - 1.291485548 * blue_yellow) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
    )


def _linear(part: int) -> float:
    share = part / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _encode(part: float) -> int:
    share = 12.92 * part if part <= 0.0031308 else 1.055 * max(part, 0) ** (1 / 2.4) - 0.055
    return round(255 * max(0.0, min(1.0, share)))


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
