"""The translation catalogue: collect the texts of the code, and say what is wrong with their translations.

Done with Django's own template reader and Babel, so that no GNU gettext has to be installed. English is the
source: its texts are the keys, so only the other languages have files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polib
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "_": None,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "gettext_noop": None,
    "HistoryError": None,  # the reader of history files knows no Django; pages translate what it says
    "RowName": None,
}
SKIPPED = frozenset({"tests", "house", "node_modules", "static", "locale", "docs", "bench", "assets"})
PLACEHOLDER = re.compile(r"%\([a-z_0-9]+\)[sd]|%\([a-z_0-9]+\)0?\d*d|%%")
PLURAL_FORMS = "nplurals=1; plural=0;"  # Chinese has one form


@dataclass(slots=True)
class Message:
    """One text of the code and the files that use it."""

    text: str
    plural: str | None
    context: str | None
    files: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str | None, str]:
        return self.context, self.text


def collect(root: Path) -> list[Message]:
    """Return every translatable text of the apps and templates, in the order of its first file."""
    found: dict[tuple[str | None, str], Message] = {}
    for path in source_files(root):
        name = path.relative_to(root).as_posix()
        for message in _messages_of(path):
            kept = found.setdefault(message.key, message)
            kept.plural = kept.plural or message.plural
            kept.files.add(name)
    return sorted(found.values(), key=lambda message: (min(message.files), message.text, message.context or ""))


def catalogue_path(root: Path, language: str) -> Path:
    """Return where the catalogue of a language lies."""
    return root / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"


def source_files(root: Path) -> Iterator[Path]:
    """Yield the files that may hold texts, sorted."""
    for top in sorted(root.iterdir()):
        if top.name.startswith(".") or top.name in SKIPPED or not top.is_dir():
            continue
        for path in sorted(top.rglob("*")):
            if path.suffix == ".html" or (path.suffix == ".py" and "migrations" not in path.parts):
                yield path


def merge(path: Path, messages: Iterable[Message]) -> tuple[int, int]:
    """Bring a catalogue file up to date: new texts without a translation, gone ones dropped; (added, dropped)."""
    catalogue = polib.pofile(str(path), wrapwidth=0) if path.exists() else polib.POFile(wrapwidth=0)
    known = {(entry.msgctxt, entry.msgid): entry for entry in catalogue}
    fresh = polib.POFile(wrapwidth=0)
    fresh.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "MIME-Version": "1.0",
        "Language": path.parents[1].name,
        "Plural-Forms": PLURAL_FORMS,
    }
    added = 0
    for message in messages:
        old = known.pop(message.key, None)
        added += old is None
        fresh.append(_entry(message, old))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(path))
    return added, len(known)


def faults(path: Path, messages: Iterable[Message]) -> list[str]:
    """Return what is wrong with a catalogue, one sentence each: missing, fuzzy, other placeholders, no longer used."""
    if not path.exists():
        return [f"{path.name} does not exist; run collect_messages"]
    entries = {(entry.msgctxt, entry.msgid): entry for entry in polib.pofile(str(path))}
    wrong = []
    for message in messages:
        entry = entries.pop(message.key, None)
        if entry is None:
            wrong.append(f"not collected: {message.text!r} ({min(message.files)})")
        else:
            wrong += _entry_faults(entry)
    return wrong + [f"no longer used: {text!r}" for _, text in entries]


def _entry_faults(entry: polib.POEntry) -> list[str]:
    texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    if entry.fuzzy:
        return [f"fuzzy: {entry.msgid!r}"]
    if not texts or not all(texts):
        return [f"missing: {entry.msgid!r}"]
    allowed = placeholders(entry.msgid_plural or entry.msgid)
    return [f"other placeholders: {entry.msgid!r} -> {text!r}" for text in texts if placeholders(text) != allowed]


def placeholders(text: str) -> list[str]:
    """Return the places of a text that are filled in, sorted."""
    return sorted(PLACEHOLDER.findall(text))


def _entry(message: Message, old: polib.POEntry | None) -> polib.POEntry:
    entry = polib.POEntry(
        msgid=message.text,
        msgid_plural=message.plural or "",
        msgctxt=message.context,
        occurrences=[(name, "") for name in sorted(message.files)],
        flags=["python-format"] if PLACEHOLDER.search(message.text) else [],
    )
    if message.plural:
        entry.msgstr_plural = {0: (old.msgstr_plural.get(0) or "") if old else ""}
    elif old:
        entry.msgstr = old.msgstr
    return entry


def _messages_of(path: Path) -> Iterator[Message]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        lines = templatize(source, origin=str(path)).splitlines()
        source = "\n".join(line.strip() for line in lines)  # the reader of Python minds indentation
    for _line, texts, _comments, context in extract("python", BytesIO(source.encode()), keywords=KEYWORDS):
        singular, plural = texts if isinstance(texts, tuple) else (texts, None)
        if singular:
            yield Message(text=singular, plural=plural, context=context)
