"""Valkey, the doorbell: connections that give up at once, for nothing that matters waits for it.

Promise: nothing is kept in it that PostgreSQL does not have; whoever uses it goes on without it.
"""

from functools import cache
from typing import Any, Final

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S: Final = 0.25


@cache
def client() -> redis.Redis:
    """One pool for each process. A Valkey that does not answer at once is away."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


def waiting_client(*, wait_s: float) -> Any:
    """Open a client for one event loop, which may wait so long for news. Close it there."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=wait_s + 1, socket_connect_timeout=1
    )
