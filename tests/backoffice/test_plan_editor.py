"""The plan editor: what is typed is kept, each error stands beside its cell, and what is read in words is published."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from lxml import html

from access.models import AuditEvent
from commissions.models import Plan, PlanDraft, PlanVersion
from commissions.services import publish_plan_version
from commissions.terms import parse_terms, terms_as_dict, terms_hash
from crm.scenarios.world import terms_of
from tenancy.context import broker_context
from tenancy.models import Broker
from tests.backoffice.conftest import OPENED, SYSTEM
from tests.backoffice.pages import errors, facts, heading, messages, rows, text_of, tree
from tests.backoffice.test_plans import TERMS, make_plan
from tests.backoffice.test_sheet import versions
from tests.commissions.test_terms import WHOLE

pytestmark = pytest.mark.integration

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def plan(broker: object) -> Plan:
    return make_plan("master", TERMS)


def editor_of(plan: Plan) -> str:
    return f"/office/plans/{plan.pk}/publish/"


def inputs(answer: Any) -> dict[str, str]:
    """Return what a browser would send of the editor's form, without its buttons."""
    form = tree(answer).xpath("//form[@hx-post]")[0]
    said = {}
    for box in form.xpath(".//input[@name]|.//select[@name]|.//textarea[@name]"):
        if box.xpath("ancestor::template") or (box.get("type") == "checkbox" and box.get("checked") is None):
            continue
        if box.tag == "select":
            said[box.get("name")] = (box.xpath("./option[@selected]") or box.xpath("./option"))[0].get("value")
        else:
            said[box.get("name")] = box.get("value") if box.tag == "input" else (box.text or "").lstrip("\n")
    return {name: text or "" for name, text in said.items()}


def typed(office: Browser, plan: Plan, **changes: str) -> Any:
    """Open the editor, change some inputs and press the button (default: check)."""
    said = {**inputs(office.get(editor_of(plan))), "do": "preview", **changes}
    return office.post(editor_of(plan), said)


def beside(answer: Any) -> dict[str, str]:
    """Return input → the sentence that stands beside it and that it names as its description."""
    found = {}
    for box in tree(answer).xpath("//*[@aria-invalid='true']"):
        note = tree(answer).xpath("//*[@id=$id]", id=box.get("aria-describedby").split()[-1])[0]
        found[box.get("name")] = text_of(note)
    return found


def publish(office: Browser, plan: Plan) -> Any:
    page = office.get(f"{editor_of(plan)}preview/")
    seen = tree(page).xpath("//form//input[@name='seen']/@value")[-1]
    return office.post(f"{editor_of(plan)}preview/", {"seen": seen}, follow=True)


def latest(plan: Plan) -> PlanVersion:
    return PlanVersion.objects.filter(plan=plan).order_by("-pk")[0]


def test_the_editor_shows_the_version_in_force_as_a_grid(office: Browser, plan: Plan) -> None:
    shown = inputs(office.get(editor_of(plan)))

    lines = [{name: shown[f"line-{n}-{name}"] for name in ("kind", "name", "base")} for n in range(4)]
    assert lines == [
        {"kind": "any", "name": "", "base": "per_lot"},
        {"kind": "symbol_group", "name": "metals", "base": "per_lot"},
        {"kind": "any", "name": "", "base": "commission"},
        {"kind": "symbol", "name": "XAUUSD", "base": "spread"},
    ]
    assert (shown["column-1"], shown["level-1"]) == ("real\\raw", "2")
    assert [shown[f"cell-{n}"] for n in ("0-0-0", "0-1-0", "1-0-0", "2-0-1", "3-0-0")] == [
        "9",
        "1.5",
        "12.5",
        "40",
        "10",
    ]
    assert PlanDraft.objects.count() == 0


@pytest.mark.parametrize("terms", [param.values[0] for param in versions()[::12]])
def test_what_a_scenario_says_goes_through_the_page_unchanged(office: Browser, broker: object, terms: Any) -> None:
    plan = make_plan("scenario", None)
    publish_version(plan, terms)

    assert typed(office, plan).headers["Location"] == f"{editor_of(plan)}preview/"
    publish(office, plan)

    assert [version.hash for version in PlanVersion.objects.filter(plan=plan)] == [terms_hash(terms)] * 2


def publish_version(plan: Plan, terms: Any) -> None:
    publish_plan_version(plan=plan, terms=terms_as_dict(terms), effective_from=OPENED, actor=SYSTEM, now=OPENED)


def test_every_term_goes_through_the_page(office: Browser, broker: object) -> None:
    plan = make_plan("whole", json.loads(json.dumps(WHOLE)))

    typed(office, plan, effective_from="2026-02-01T00:00")
    answer = publish(office, plan)

    assert messages(answer) == ["The version is published. Deals of its time are judged by it in the next round."]
    version, terms = latest(plan), parse_terms(WHOLE)[0]
    assert terms is not None
    assert (version.effective_from, version.published_by) == (FEBRUARY, "dana.kim@aurora.example")
    assert version.hash == terms_hash(terms)
    assert PlanDraft.objects.count() == 0


def test_the_words_are_read_before_publishing(office: Browser, plan: Plan) -> None:
    typed(office, plan, **{"cell-0-0-0": "8", "effective_from": "2026-02-01T00:00", "min_hold_seconds": "30"})
    answer = office.get(f"{editor_of(plan)}preview/")

    assert heading(answer) == "New version of Master"
    assert rows(answer)[2][1] == "8 USD per lotlevel 2: 1.5 USD per lot"
    assert facts(answer, "Conditions, as the IB reads them")["Shortest holding time"] == "At least 30 seconds."
    assert facts(answer, "Publish")["Holds from"] == "2026-02-01 00:00"
    notes = [text_of(one) for one in tree(answer).xpath("//*[@role='note']//*[contains(@class, 'text-xs')]")]
    assert notes == [
        "This moment is in the past: deals made since then are judged again, and the differences are booked as new"
        " lines.",
        "No symbol group is called metals.", "No symbol is called XAUUSD.", "No MT group is called real\\raw.",
    ]  # fmt: skip
    assert PlanVersion.objects.filter(plan=plan).count() == 1


def test_each_error_stands_beside_its_cell_and_nothing_is_lost(office: Browser, plan: Plan) -> None:
    wrong = {
        "cell-1-0-0": "twelve", "line-0-currency": "", "cell-2-0-1": "140", "cell-0-1-0": "-1", "cap_amount": "5",
        "upline_same_rank": "200", "effective_from": "soon",
    }  # fmt: skip

    answer = typed(office, plan, **wrong)

    assert answer.status_code == 422
    assert beside(answer) == {
        "cell-1-0-0": "“twelve” is not a number. Write a number as text, like \"12.50\".",
        "line-0-currency": "An amount needs its currency.",
        "cell-2-0-1": "140 is over 100 percent. A share cannot be more than the whole.",
        "cell-0-1-0": "-1 is below zero. Rates, shares and amounts cannot be negative.",
        "cap_currency": "An amount needs its currency.",
        "upline_same_rank": "200 is over 100 percent. A share cannot be more than the whole.",
        "effective_from": "Enter a valid date/time.",
    }  # fmt: skip
    assert "7 inputs need a correction." in errors(answer)
    assert {name: inputs(answer)[name] for name in wrong} == wrong
    reloaded = inputs(office.get(editor_of(plan)))
    assert {name: reloaded[name] for name in wrong} == wrong
    assert office.get(f"{editor_of(plan)}preview/").headers["Location"] == f"{editor_of(plan)}?check=1"
    assert beside(office.get(editor_of(plan), {"check": "1"})) == beside(answer)
    assert PlanVersion.objects.filter(plan=plan).count() == 1


def test_typing_keeps_the_draft_without_a_button(office: Browser, plan: Plan) -> None:
    said = inputs(office.get(editor_of(plan)))
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}

    first = office.post(editor_of(plan), {**said, "cell-0-0-0": "7"}, headers=headers)
    second = office.post(editor_of(plan), {**said, "cell-0-0-0": "6"}, headers=headers)  # same window, overtaken

    assert [html.fromstring(each.content.decode()).get("id") for each in (first, second)] == ["draft-state"] * 2
    assert inputs(office.get(editor_of(plan)))["cell-0-0-0"] == "6"
    assert PlanDraft.objects.get().revision == 2


def test_another_window_is_not_overwritten_unseen(office: Browser, plan: Plan) -> None:
    here, there = inputs(office.get(editor_of(plan))), inputs(office.get(editor_of(plan)))
    office.post(editor_of(plan), {**there, "do": "save", "cell-0-0-0": "6"})

    refused = office.post(editor_of(plan), {**here, "do": "save", "cell-0-0-0": "7"})
    quiet = office.post(
        editor_of(plan), {**here, "cell-0-0-0": "7"}, headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )

    sentence = "This draft was changed in another window. What you see here is not saved; save again to keep it."
    assert (refused.status_code, errors(refused)) == (409, [sentence])
    assert sentence in text_of(html.fromstring(quiet.content.decode()))
    assert PlanDraft.objects.get().typed["cell-0-0-0"] == "6"
    assert inputs(refused)["cell-0-0-0"] == "7"
    office.post(editor_of(plan), {**inputs(refused), "do": "save"})
    assert PlanDraft.objects.get().typed["cell-0-0-0"] == "7"


def test_what_was_read_is_what_is_published(office: Browser, plan: Plan) -> None:
    typed(office, plan, **{"cell-0-0-0": "8"})
    seen = tree(office.get(f"{editor_of(plan)}preview/")).xpath("//form//input[@name='seen']/@value")[-1]
    typed(office, plan, **{"cell-0-0-0": "80"})

    answer = office.post(f"{editor_of(plan)}preview/", {"seen": seen})

    assert answer.status_code == 422
    assert PlanVersion.objects.filter(plan=plan).count() == 1


@pytest.mark.parametrize(
    ("button", "jump"), [("add_column", "columns"), ("add_level", "levels"), ("add_line", "rates"), ("save", "rates")]
)
def test_buttons_keep_what_was_typed(office: Browser, plan: Plan, button: str, jump: str) -> None:
    answer = typed(office, plan, **{"do": button, "cell-0-0-0": "x"})

    assert answer.headers["Location"] == f"{editor_of(plan)}#{jump}"
    shown = inputs(office.get(editor_of(plan)))
    assert shown["cell-0-0-0"] == "x"
    assert ("column-2" in shown, shown.get("level-2")) == (
        button == "add_column",
        "3" if button == "add_level" else None,
    )


def test_a_draft_is_thrown_away(office: Browser, plan: Plan) -> None:
    typed(office, plan, **{"do": "save", "cell-0-0-0": "x"})

    answer = office.post(editor_of(plan), {"do": "discard"}, follow=True)

    assert messages(answer) == ["The draft is thrown away."]
    assert (PlanDraft.objects.count(), inputs(office.get(editor_of(plan)))["cell-0-0-0"]) == (0, "9")


def test_a_draft_is_its_authors(office: Browser, plan: Plan, new_staff: Any, as_staff: Any) -> None:
    typed(office, plan, **{"do": "save", "cell-0-0-0": "5"})
    colleague = as_staff(new_staff("colleague@aurora.example"))

    assert inputs(colleague.get(editor_of(plan)))["cell-0-0-0"] == "9"


def test_publishing_is_told_in_the_trail(office: Browser, plan: Plan) -> None:
    typed(office, plan, **{"cell-0-0-0": "8"})

    publish(office, plan)

    event = AuditEvent.objects.filter(object_type="plan_version").order_by("-pk")[0]
    assert (event.actor_label, event.after["hash"]) == ("dana.kim@aurora.example", str(latest(plan).hash))


def test_json_is_kept_and_published(office: Browser, plan: Plan) -> None:
    terms = {"rates": TERMS["rates"][:1], "client_rebate": {"percent": "5"}}
    said = {**inputs(office.get(editor_of(plan), {"editor": "json"})), "terms": json.dumps(terms), "do": "preview"}

    answer = office.post(editor_of(plan), said)
    publish(office, plan)

    assert answer.status_code == 302
    assert latest(plan).terms["client_rebate"] == {"percent": "5", "from": "own"}


def test_json_goes_over_into_the_grid_and_back(office: Browser, plan: Plan) -> None:
    said = inputs(office.get(editor_of(plan), {"editor": "json"}))
    terms = {**TERMS, "client_rebate": {"percent": "5"}}
    office.post(editor_of(plan), {**said, "terms": json.dumps(terms), "do": "save"})

    grid = inputs(office.get(editor_of(plan), {"editor": "form"}))
    office.post(editor_of(plan), {**grid, "do": "save"})
    back = json.loads(inputs(office.get(editor_of(plan), {"editor": "json"}))["terms"])

    assert grid["client_percent"] == "5"
    assert parse_terms(back)[0] == parse_terms(terms)[0]


def test_json_faults_are_listed_with_their_place(office: Browser, plan: Plan) -> None:
    terms = {"rates": [{"any": True, "rate": "5"}], "tiers": {"measure": "moons", "steps": []}, "colour": "red"}

    answer = office.post(editor_of(plan), {"editor": "json", "terms": json.dumps(terms), "do": "preview"})

    assert answer.status_code == 422
    assert sorted(error.partition(":")[0] for error in errors(answer)) == [
        "colour", "rates[0].base", "tiers.measure", "tiers.steps",
    ]  # fmt: skip
    assert inputs(office.get(editor_of(plan)))["terms"] == json.dumps(terms)
    assert PlanVersion.objects.filter(plan=plan).count() == 1


@pytest.mark.parametrize("terms", ["[]", "null", "5", '"x"', "{", '{"a": 1, "a": 2}', "[" * 20_000])
def test_json_that_is_no_table_is_refused_and_kept(office: Browser, plan: Plan, terms: str) -> None:
    answer = office.post(editor_of(plan), {"editor": "json", "terms": terms, "do": "preview"})

    assert (answer.status_code, len(errors(answer))) == (422, 1)
    assert inputs(office.get(editor_of(plan), {"editor": "form"}))["terms"] == terms


def test_a_large_plan_fits(office: Browser, plan: Plan) -> None:
    said = {f"column-{c}": f"group-{c}" for c in range(1, 9)}
    for line in range(150):
        said |= {f"line-{line}-kind": "symbol", f"line-{line}-name": f"S{line}", f"line-{line}-base": "per_lot",
                 f"line-{line}-currency": "USD"}  # fmt: skip
        said |= {f"cell-{line}-0-{column}": "1" for column in range(9)}

    answer = office.post(editor_of(plan), {**said, "editor": "form", "upline_mode": "none", "do": "preview"})

    assert answer.status_code == 302
    assert len(rows(office.get(f"{editor_of(plan)}preview/"))) == 150


def test_another_brokers_plan_and_draft_are_not_there(office: Browser, plan: Plan, other_broker: Broker) -> None:
    with broker_context(other_broker):
        make_plan("first", TERMS)
        theirs = make_plan("theirs", TERMS)

    assert theirs.pk != plan.pk
    assert office.get(editor_of(theirs)).status_code == 404


def test_scenario_terms_are_what_the_page_tests_play() -> None:
    assert len(versions()) > 60
    assert terms_of({"effective_from": 1, "rates": []}) == {"rates": []}
