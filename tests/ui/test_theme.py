"""Brands: whatever colour a broker picks, text stays readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.colour import WHITE, Rgb, contrast, from_oklch, mix, to_oklch
from ui.theme import INK, PAGE_LIGHT, PANEL_DARK, Brand, dark_tokens, light_tokens

pytestmark = pytest.mark.unit

colours = st.builds(Rgb, *[st.integers(0, 255)] * 3)


def test_contrast_of_black_on_white() -> None:
    assert contrast(Rgb(0, 0, 0), WHITE) == pytest.approx(21)


@given(colours)
def test_oklch_comes_back(colour: Rgb) -> None:
    back = from_oklch(to_oklch(colour))

    assert all(abs(a - b) <= 1 for a, b in zip(colour, back, strict=True))


@given(colours)
def test_every_brand_is_readable(primary: Rgb) -> None:
    for tokens in (light_tokens(primary), dark_tokens(primary)):
        fill, content = Rgb.from_hex(tokens["color-primary"]), Rgb.from_hex(tokens["color-primary-content"])
        assert content in (WHITE, INK)
        assert contrast(fill, content) >= 4.5

    light_text = Rgb.from_hex(light_tokens(primary)["brand-text"])
    dark_text = Rgb.from_hex(dark_tokens(primary)["brand-text"])
    assert contrast(light_text, mix(primary, PAGE_LIGHT, 0.12)) >= 4.5
    assert contrast(dark_text, mix(primary, PANEL_DARK, 0.16)) >= 4.5


def test_brand_becomes_custom_properties() -> None:
    brand = Brand(name="Sol", mark="S", primary_color="#facc15", radius="0.25rem")

    assert brand.css.startswith(":root{--radius-field:0.25rem;--radius-box:calc(0.25rem + .125rem);}")
    assert "--color-primary:#facc15;--color-primary-content:#0f1219;" in brand.css
    assert len(brand.digest) == 12


def test_digest_changes_with_the_brand() -> None:
    yellow = Brand(name="Sol", mark="S", primary_color="#facc15", radius="0.25rem")
    red = Brand(name="Sol", mark="S", primary_color="#e11d48", radius="0.25rem")

    assert yellow.digest != red.digest
