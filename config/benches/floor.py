"""The least that showing a room can cost: what comes over Valkey, written to every connection.

An ASGI program without Django and without anything that a room promises: nobody is let in or sent
away, nothing is numbered, caught up with, counted or kept back. ``FLOOR_KEY`` names the stream.
"""

import asyncio
import os
from typing import Any, Final

import redis.asyncio

PAGE: Final = 500
WAIT_S: Final = 5
HEADERS: Final = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]

_lines: set[asyncio.Queue[bytes]] = set()
_reading: list[asyncio.Task[None]] = []


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer with all that comes from now on."""
    if not _reading:
        _reading.append(asyncio.create_task(_read()))
    line: asyncio.Queue[bytes] = asyncio.Queue()
    _lines.add(line)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await line.get(), "more_body": True})
    finally:
        _lines.discard(line)


async def _read() -> None:
    client: Any = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=WAIT_S + 1)
    key, last = os.environ["FLOOR_KEY"], b"$"
    while True:
        found = await client.xread({key: last}, count=PAGE, block=WAIT_S * 1000)
        if found:
            entries = found[0][1]
            last = entries[-1][0]
            texts = b",".join(fields[b"e"] for _, fields in entries)
            message = b"id: %b\ndata: [%b]\n\n" % (last.split(b"-")[0], texts)
            for line in _lines:
                line.put_nowait(message)
