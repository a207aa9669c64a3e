"""Who is being looked at: a mark that pages set and workers read, so that what somebody watches is refreshed first.

It lives in Valkey, keyed by the broker's schema, and ends by itself; losing it costs seconds of freshness."""

import logging
import time
from collections.abc import Iterable
from functools import cache

import redis
from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)
WATCHED_SECONDS = 60
_MOST = 2_000


def watch(kind: str, ids: Iterable[int]) -> None:
    """Mark things as looked at, for a minute."""
    until = time.time() + WATCHED_SECONDS
    marks = {str(pk): until for pk in list(ids)[:_MOST]}
    if not marks:
        return
    try:
        with _valkey().pipeline() as pipe:
            pipe.zremrangebyscore(_key(kind), 0, time.time())
            pipe.zadd(_key(kind), marks)
            pipe.expire(_key(kind), WATCHED_SECONDS)
            pipe.execute()
    except redis.RedisError:
        logger.warning("the mark of what is being looked at was lost", extra={"kind": kind})


def watched(kind: str) -> list[int]:
    """Return what was looked at in the last minute; nothing while Valkey is away."""
    try:
        found = _valkey().zrangebyscore(_key(kind), time.time(), "+inf", start=0, num=_MOST)
    except redis.RedisError:
        return []
    return [int(str(pk, "ascii") if isinstance(pk, bytes) else str(pk)) for pk in found]


def _key(kind: str) -> str:
    return f"{connection.schema_name}:watched:{kind}"  # type: ignore[attr-defined]  # django-tenants adds it


@cache
def _valkey() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
