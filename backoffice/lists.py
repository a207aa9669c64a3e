"""Keyset lists: newest first by (time, id), so that a page costs the same however deep it lies."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from ui.paging import Cursor, Page, page_of

SIZE = 50
Row = TypeVar("Row", bound=Model)


def read_text(values: QueryDict, name: str, *, most: int) -> str:
    """Return a short text of an address, trimmed; PostgreSQL refuses NUL, so it is taken out."""
    return values.get(name, "").replace("\x00", "").strip()[:most]


def newest_first(rows: QuerySet[Row], *, time: str, before: str, size: int = SIZE) -> Page[Row]:
    """Return a page of the rows, ordered by the column `time`, then id, newest first. One statement."""
    cursor = Cursor.parse(before) if before else None
    if cursor:
        rows = rows.filter(Q(**{f"{time}__lte": cursor.at}) & (Q(**{f"{time}__lt": cursor.at}) | Q(pk__lt=cursor.id)))
    found = list(rows.order_by(f"-{time}", "-pk")[: size + 1])
    return page_of(found, size=size, place=lambda row: Cursor(getattr(row, time), row.pk), before=cursor)


def latest(rows: QuerySet[Row], *, time: str, before: str, size: int = SIZE) -> Page[Row]:
    """Return a page of rows that are never backdated, by id alone: the primary key is the index. One statement."""
    cursor = Cursor.parse(before) if before else None
    if cursor:
        rows = rows.filter(pk__lt=cursor.id)
    found = list(rows.order_by("-pk")[: size + 1])
    return page_of(found, size=size, place=lambda row: Cursor(getattr(row, time), row.pk), before=cursor)
