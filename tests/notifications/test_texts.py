"""Every kind can be written in every language, and names what it declares."""

from pathlib import Path

import pytest
from django.conf import settings
from django.utils.functional import Promise

from notifications.enums import Channel, Outcome
from notifications.kinds import KINDS
from notifications.rendering import HIDDEN, House, in_app_text, language_for, render, render_hidden
from notifications.words import WORDS, in_words
from tenancy.models import Broker

pytestmark = pytest.mark.unit

HOUSE = House(name="Aurora & Sons", color="#4f46e5", address="https://portal.example.com")
FOLDER = Path(settings.BASE_DIR) / "templates" / "notifications"


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.parametrize("code", sorted(KINDS))
def test_kind_says_all_it_declares(code: str, language: str) -> None:
    kind = KINDS[code]
    params = {name: f"<{name}-value>" for name in kind.params}

    found = render_hidden(kind=code, language=language, name="Maria & Co", params=params, house=HOUSE)

    said = {
        Channel.MAIL: (found.subject, found.text, found.html),
        Channel.SMS: (found.sms,),
        Channel.IN_APP: (found.in_app,),
    }
    for channel, texts in said.items():
        assert all(texts) == (channel in kind.channels), channel
    for name in kind.params:
        assert f"<{name}-value>" in found.text + found.in_app
    assert "&amp;" not in found.subject + found.text + found.sms + found.in_app
    assert "<" not in "".join(found.html.split("<")[:1])
    assert all(f"<{name}-value>" not in found.html for name in kind.params)
    if kind.secrets:
        assert HIDDEN in found.text + found.sms
    if Channel.MAIL in kind.channels:
        assert "Aurora &amp; Sons" in found.html
        assert "src=" not in found.html  # nothing is fetched when it is read


def test_every_folder_of_templates_is_a_kind() -> None:
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == sorted(KINDS)


def test_secrets_never_stand_in_subject_or_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, kind in KINDS.items():
        params = dict.fromkeys(kind.params, "x")
        secrets = {name: f"secret-{name}" for name in kind.secrets}
        found = render(kind=code, language="en", name="Maria", params=params, secrets=secrets, house=HOUSE)
        assert "secret-" not in found.subject + found.in_app, code


@pytest.mark.parametrize(
    ("wanted", "own", "expected"),
    [("zh-hant", "zh-hans", "zh-hant"), ("", "zh-hans", "zh-hans"), ("fr", "zh-hans", "zh-hans"), ("fr", "xx", "en")],
)
def test_language_is_the_recipients_then_the_brokers(wanted: str, own: str, expected: str) -> None:
    assert language_for(wanted, broker=Broker(default_language=own)) == expected


def test_a_kind_of_another_release_is_shown_by_its_code() -> None:
    assert in_app_text(kind="from_the_future", params={}) == "from_the_future"


def test_every_code_has_its_sentence() -> None:
    assert all(isinstance(words, Promise) for words in WORDS.values())
    assert in_words("") == ""
    assert in_words("accepted") == "The server accepted it."
    assert Outcome.LOST.value in WORDS
