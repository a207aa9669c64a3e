"""What tests read from a page: the cells of its table, and the sentences of its errors, as people see them."""

from django.http import HttpResponse
from django.test import Client as Browser
from lxml import html


def text_of(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def tree(response: HttpResponse) -> html.HtmlElement:
    return html.fromstring(response.content.decode())


def rows(response: HttpResponse, *, table: int = 0) -> list[list[str]]:
    """Return the text of each cell of a table's body, row by row."""
    body = tree(response).xpath("//table")[table].xpath("./tbody/tr")
    return [[text_of(cell) for cell in row.xpath("./td|./th")] for row in body]


def errors(response: HttpResponse) -> list[str]:
    """Return the sentences that say what is wrong."""
    found = tree(response).xpath("//*[@role='alert' or contains(concat(' ', @class, ' '), ' err ')]")
    return [text_of(element) for element in found]


def heading(response: HttpResponse) -> str:
    return text_of(tree(response).xpath("//h1")[0])


def messages(response: HttpResponse) -> list[str]:
    return [text_of(element) for element in tree(response).xpath("//*[@id='toasts']/*")]


def facts(response: HttpResponse, title: str) -> dict[str, str]:
    """Return label → value of the list in the panel with this title."""
    panel = tree(response).xpath("//section[.//h2[normalize-space()=$title]]", title=title)[0]
    names = [text_of(name) for name in panel.xpath(".//dt")]
    return dict(zip(names, [text_of(value) for value in panel.xpath(".//dd")], strict=True))


def fragment(browser: Browser, path: str, **headers: str) -> HttpResponse:
    """Ask as htmx does for a part of a page."""
    return browser.get(path, headers={"HX-Request": "true", "HX-Request-Type": "partial", **headers})
