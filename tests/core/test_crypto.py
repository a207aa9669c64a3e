"""The field cipher: a sealed value opens at its own place only, and never turns into garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.crypto import SealBroken, seal, unseal

pytestmark = pytest.mark.unit
PLACE = ("schema_a", "mt_server", "password", "row 1")


@given(st.text())
def test_a_sealed_text_opens_at_its_place(plain: str) -> None:
    assert unseal(seal(plain, place=PLACE), place=PLACE) == plain


def test_the_same_text_is_never_sealed_the_same() -> None:
    assert seal("Password1", place=PLACE) != seal("Password1", place=PLACE)


@pytest.mark.parametrize("part", range(4))
def test_a_value_moved_to_another_place_does_not_open(part: int) -> None:
    elsewhere = tuple("x" if i == part else value for i, value in enumerate(PLACE))

    with pytest.raises(SealBroken):
        unseal(seal("Password1", place=PLACE), place=elsewhere)


@pytest.mark.parametrize("damage", [lambda s: s[:-2], lambda s: s.replace("v1", "v2"), lambda s: "", lambda s: s + "A"])
def test_a_damaged_value_does_not_open(damage) -> None:
    with pytest.raises(SealBroken):
        unseal(damage(seal("Password1", place=PLACE)), place=PLACE)


def test_an_older_key_still_opens_and_the_newest_seals(settings) -> None:
    settings.KEEL_FIELD_KEY = "old"
    sealed_before = seal("Password1", place=PLACE)
    settings.KEEL_FIELD_KEY = "new,old"
    sealed_now = seal("Password1", place=PLACE)

    opened = unseal(sealed_before, place=PLACE)
    settings.KEEL_FIELD_KEY = "new"

    assert (opened, unseal(sealed_now, place=PLACE)) == ("Password1", "Password1")
    with pytest.raises(SealBroken):
        unseal(sealed_before, place=PLACE)
