"""Held rows, many at a time."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from access.types import Actor
from core.errors import NotFound
from trading.models import HeldDeal
from trading.services import ask_release


@transaction.atomic
def ask_releases(*, held_ids: Collection[int], actor: Actor, now: datetime) -> int:
    """Ask for held rows to be read again, all or none; return how many were still held.

    :raises NotFound: one of them does not exist."""
    rows = list(HeldDeal.objects.filter(pk__in=held_ids).order_by("pk"))
    if len(rows) != len(set(held_ids)):
        raise NotFound
    asked = [ask_release(held_deal=row, actor=actor, now=now) for row in rows]
    return sum(row.released_at is None for row in asked)
