"""What the plan editor posts: who typed it, from which window, and its inputs as they are."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict

from backoffice.forms.plans import EffectiveForm, JsonForm
from backoffice.sheet import errors_by_input, read_sheet, sheet_of, typed_of, write_terms
from backoffice.sheet.types import Sheet
from commissions.errors import fault_sentence
from commissions.terms import Terms, parse_terms, terms_as_dict

JSON = "json"
_NOT_TYPED = frozenset({"csrfmiddlewaretoken", "do", "seen", "window", "editor"})


def typed_in(posted: QueryDict) -> dict[str, str]:
    """Return what was typed: for JSON its text and the moment, else all inputs of the sheet, gaps closed."""
    if posted.get("editor") == JSON:
        return {JSON: posted.get("terms", ""), "effective_from": posted.get("effective_from", "")}
    return typed_of(read_sheet({name: text for name, text in posted.items() if name not in _NOT_TYPED}))


class Reading:
    """What a draft says: its terms when they are right, else what is wrong, by input."""

    def __init__(self, typed: Mapping[str, str], *, zone: str, now: datetime) -> None:
        self.is_json = JSON in typed
        self.when = EffectiveForm({"effective_from": typed.get("effective_from", "")}, zone=zone, now=now)
        self.terms: Terms | None = None
        self.errors: dict[str, list[str]] = {}
        if self.is_json:
            self._read_json(typed)
        else:
            self.sheet: Sheet = read_sheet(typed)
            written = write_terms(self.sheet)
            terms, faults = parse_terms(written.terms)
            self.errors = errors_by_input(written, faults)
            self.terms = None if self.errors else terms
        if not self.when.is_valid():
            self.errors["effective_from"] = [str(error) for error in self.when.errors["effective_from"]]
            self.terms = None

    def _read_json(self, typed: Mapping[str, str]) -> None:
        self.text = typed[JSON]
        form = JsonForm({"terms": self.text}, zone=self.when.fields["effective_from"].zone.key, now=self.when.now)
        if not form.is_valid():
            self.errors = {"terms": [str(error) for error in form.errors["terms"]]}
            return
        self.terms, faults = parse_terms(form.cleaned_data["terms"])
        if faults:
            self.errors = {
                "terms": [f"{f.field}: {fault_sentence(f)}" if f.field else fault_sentence(f) for f in faults]
            }

    @property
    def is_right(self) -> bool:
        return self.terms is not None and not self.errors


def as_json(typed: Mapping[str, str]) -> str:
    """Return what was typed as JSON to go on with, right or wrong."""
    return typed[JSON] if JSON in typed else pretty(write_terms(read_sheet(typed)).terms)


def as_sheet(typed: Mapping[str, str]) -> dict[str, str] | None:
    """Return what was typed as inputs of the sheet; None for JSON that is not right yet."""
    if JSON not in typed:
        return dict(typed)
    try:
        terms, _faults = parse_terms(json.loads(typed[JSON]))
    except (ValueError, RecursionError):
        return None
    return None if terms is None else typed_from(terms_as_dict(terms), typed.get("effective_from", ""))


def typed_from(terms: Mapping[str, Any], effective_from: str = "") -> dict[str, str]:
    """Return the inputs that show these canonical terms."""
    return {**typed_of(sheet_of(terms)), "effective_from": effective_from}


def pretty(terms: Mapping[str, Any]) -> str:
    return json.dumps(terms, indent=2, ensure_ascii=False)
