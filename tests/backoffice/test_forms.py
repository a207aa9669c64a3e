"""Forms of the back office: what people type becomes what services take."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from backoffice.forms.ledger import read_place
from backoffice.forms.network import MomentField
from backoffice.forms.plans import JsonForm

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "typed", "moment"),
    [
        ("UTC", "2026-02-01T00:00", datetime(2026, 2, 1, tzinfo=UTC)),
        ("Asia/Hong_Kong", "2026-02-01T00:00", datetime(2026, 1, 31, 16, tzinfo=UTC)),
        ("Asia/Hong_Kong", "2026-02-01 00:00:09", datetime(2026, 1, 31, 16, 0, 9, tzinfo=UTC)),
        ("Europe/Berlin", "2026-07-01T00:00", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("Europe/Berlin", "2026-02-01T00:00", datetime(2026, 1, 31, 23, tzinfo=UTC)),
        ("Asia/Hong_Kong", "2026-02-01T00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("Asia/Hong_Kong", "2026-02-01T00:00+02:00", datetime(2026, 1, 31, 22, tzinfo=UTC)),
        ("UTC", "", None),
    ],
)
def test_moments_are_read_in_the_brokers_zone_unless_they_name_an_offset(
    zone: str, typed: str, moment: datetime | None
) -> None:
    assert MomentField(zone=zone).clean(typed) == moment


@pytest.mark.parametrize("typed", ["tomorrow", "2026-02-30T00:00", "2026-13-01", "\x00"])
def test_what_is_no_moment_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        MomentField(zone="UTC").clean(typed)


def test_a_moment_is_shown_again_in_the_brokers_zone() -> None:
    shown = MomentField(zone="Asia/Hong_Kong").prepare_value(datetime(2026, 1, 31, 16, tzinfo=UTC))

    assert shown == datetime(2026, 2, 1)


@pytest.mark.parametrize(
    ("text", "place"), [("12-3", (12, 3)), ("12", None), ("-3", None), ("a-b", None), ("9" * 20 + "-1", None)]
)
def test_places_of_the_ledger_are_read_strictly(text: str, place: tuple[int, int] | None) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("{", "This is not JSON: look at line 1, column 2."),
        ('{"rates": [],\n "rates": []}', "The key rates stands twice in one table."),
        ('{"a": {"b": 1, "b": 2}}', "The key b stands twice in one table."),
        ("[" * 100_000, "This is nested too deeply."),
        ("", "This field is required."),
    ],
)
def test_json_that_cannot_be_read_says_where(typed: str, sentence: str) -> None:
    form = JsonForm({"terms": typed}, zone="UTC", now=NOW)

    assert form.errors == {"terms": [sentence]}
