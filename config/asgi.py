"""The whole site for an ASGI server: pages, API, and the rooms' event streams.

Pages and API are WSGI, in threads that stay: Django's own ASGI handler starts a thread for each
request and answered not half as many of them.
"""

from typing import Any, Final, cast

from a2wsgi import WSGIMiddleware

from config import wsgi
from gifts import stream

THREADS: Final = 8  # of each process; what they wait for is the database
pages = WSGIMiddleware(cast("Any", wsgi.application), workers=THREADS)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request; the rooms' streams are not Django's."""
    if stream.takes(scope):
        await stream.application(scope, receive, send)
        return

    async def receive_next() -> Any:
        return await receive()  # the threads ask for a coroutine, which granian's is not

    await pages(_unambiguous(scope), receive_next, send)


def _unambiguous(scope: Any) -> Any:
    """Leave out headers with underscores: WSGI could not tell them from those with hyphens."""
    if scope["type"] != "http":
        return scope
    return scope | {"headers": [pair for pair in scope["headers"] if b"_" not in pair[0]]}
