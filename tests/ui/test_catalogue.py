"""The translation catalogue: collecting, merging, finding faults."""

from pathlib import Path

import polib
import pytest

from ui.catalogue import collect, faults, merge, placeholders

pytestmark = pytest.mark.unit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    app = tmp_path / "portal"
    app.mkdir()
    (app / "views.py").write_text(
        "from django.utils.translation import gettext as _, ngettext, pgettext\n"
        '_("Rebates")\nngettext("%(n)s row", "%(n)s rows", 2)\npgettext("month", "May")\n'
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        "<c-panel title=\"{% trans 'Rebates' %}\">"
        "\n    <p>\n  {% blocktrans with name=n %}Hello {{ name }}{% endblocktrans %}</p></c-panel>"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text('_("only in a test")\n')
    return tmp_path


def catalogue(project: Path) -> Path:
    return project / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_collect_reads_python_and_templates_once_each(project: Path) -> None:
    found = [(m.text, m.plural, m.context, sorted(m.files)) for m in collect(project)]

    assert found == [
        ("%(n)s row", "%(n)s rows", None, ["portal/views.py"]),
        ("May", None, "month", ["portal/views.py"]),
        ("Rebates", None, None, ["portal/views.py", "templates/page.html"]),
        ("Hello %(name)s", None, None, ["templates/page.html"]),
    ]


def test_merge_keeps_translations_and_drops_what_is_gone(project: Path) -> None:
    path = catalogue(project)
    merge(path, collect(project))
    written = polib.pofile(str(path))
    written.find("Rebates").msgstr = "返佣"
    written.append(polib.POEntry(msgid="Gone", msgstr="没了"))
    written.save()

    assert merge(path, collect(project)) == (0, 1)
    assert {entry.msgid: entry.msgstr for entry in polib.pofile(str(path))} == {
        "%(n)s row": "", "May": "", "Rebates": "返佣", "Hello %(name)s": "",
    }  # fmt: skip


def test_faults_name_what_is_wrong(project: Path) -> None:
    path = catalogue(project)
    merge(path, collect(project))
    written = polib.pofile(str(path))
    written.find("Rebates").msgstr = "返佣"
    written.find("Hello %(name)s").msgstr = "您好"
    written.find("May").msgstr = "五月"
    written.find("May", msgctxt="month").flags.append("fuzzy")
    written.find("%(n)s row").msgstr_plural = {0: "%(n)s 行"}
    written.append(polib.POEntry(msgid="Gone", msgstr="没了"))
    written.save()

    assert faults(path, collect(project)) == [
        "fuzzy: 'May'",
        "other placeholders: 'Hello %(name)s' -> '您好'",
        "no longer used: 'Gone'",
    ]


def test_a_missing_catalogue_is_a_fault(project: Path) -> None:
    assert faults(catalogue(project), []) == ["django.po does not exist; run collect_messages"]


def test_placeholders_are_compared_as_a_set_of_places() -> None:
    assert placeholders("%(a)s of %(b)02d, 100%%") == placeholders("100%% %(b)02d %(a)s")
    assert placeholders("%(a)s") != placeholders("%(b)s")
