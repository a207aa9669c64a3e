"""Symbols that get their group: the deals judged before then are judged again, as if it had been known.

A symbol is put into a group once (trading.services.classify_symbol), as a lot factor is set once; so the result does
not depend on when staff got to it."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F

from access.types import Actor
from commissions.judging.queueing import queue, touched_in_symbols
from core import jobs
from trading.models import DealCursor, Symbol, SymbolGroup
from trading.symbols import classify_symbols as put_into_group


@transaction.atomic
def classify_symbols(*, symbol_ids: Collection[int], group: SymbolGroup, actor: Actor, now: datetime) -> int:
    """Put symbols into a group, all or none; return how many. A job queues what was judged without it.

    :raises NotFound: one of them does not exist. :raises SymbolIsClassified: one of them is in another group."""
    count = put_into_group(symbol_ids=symbol_ids, group=group, actor=actor, now=now)
    ids = sorted(set(symbol_ids))
    jobs.enqueue("commissions.queue_symbol_deals", key=f"symbols:{now.isoformat()}:{ids[0]}", now=now, symbol_ids=ids)
    return count


@transaction.atomic
def queue_symbol_deals(*, symbol_ids: Collection[int]) -> None:
    """Queue the judged deals of these symbols.

    Moves the cursors of their servers, so that a batch that was computed before the change is dropped, not written."""
    servers = Symbol.objects.filter(pk__in=symbol_ids).order_by("server_id").values_list("server_id", flat=True)
    for server_id in sorted(set(servers)):
        cursor = DealCursor.objects.select_for_update().filter(pk=server_id).first()
        if cursor is None:
            continue
        DealCursor.objects.filter(pk=server_id).update(version=F("version") + 1)
        queue(touched_in_symbols(symbol_ids, server_id=server_id, judged_id=cursor.judged_id))
