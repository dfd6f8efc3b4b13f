"""The room's event stream: server-sent events for those who watch, resumed where they broke off.

An ASGI application of its own beside Django's: it runs no middleware and asks the database nothing
when a viewer comes. The room's page gave them a pass, signed and for a while; whether they may
still watch is looked at again every half minute (``fanout``). Other sites may not listen.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings

from gifts import fanout, passes

BEHIND_MAX: Final = 2_000  # further behind than this, the page is loaded again
PATH: Final = re.compile(r"/live/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/events/")
RETRY_MS: Final = 1_000
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)
RELOAD: Final = b"event: reload\ndata: \n\n"

type Scope = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class NotLetIn(Exception):
    """Somebody who may not listen here. Carries the status of the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def takes(scope: Scope) -> bool:
    """Whether a request is for a room's events."""
    return scope["type"] == "http" and PATH.fullmatch(scope["path"]) is not None


_hubs: dict[asyncio.AbstractEventLoop, fanout.Hub] = {}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the room's events until the viewer leaves or is let go."""
    try:
        room_id, user_id, after = _read(scope)
        await _check_overlay(room_id, user_id)
    except NotLetIn as refusal:
        await _refuse(send, refusal)
        return
    hub = _hubs.setdefault(asyncio.get_running_loop(), fanout.Hub())
    viewer = fanout.Viewer(user_id=user_id)
    channel, upto = await hub.join(room_id=room_id, viewer=viewer)
    left = asyncio.create_task(_leaving(receive, viewer))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        await _catch_up(send, channel, after=after, upto=upto)
        while message := await viewer.take():
            await send({"type": "http.response.body", "body": message, "more_body": True})
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()
        await hub.leave(channel=channel, viewer=viewer)


async def _catch_up(send: Send, channel: fanout.Channel, *, after: int | None, upto: int) -> None:
    """Send what the viewer missed, up to where they joined; what follows waits in line.

    A page can be ahead of the room as this process knows it: then it leaves out what it has.
    """
    missed = b""
    if after is not None and upto - after > BEHIND_MAX:
        missed = RELOAD
    elif after is not None and upto > after:
        missed = await channel.since(after, upto=upto)
    body = f"retry: {RETRY_MS}\n\n".encode() + channel.watching + missed
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _leaving(receive: Receive, viewer: fanout.Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.let_go()


async def _check_overlay(room_id: UUID, who: passes.Who) -> None:
    """Refuse the pass of an overlay whose address was made anew. Overlays are few: it asks."""
    if isinstance(who, str) and not await fanout.may_watch(room_id=room_id, who=who):
        raise NotLetIn(403, "This overlay has another address now.")


def _read(scope: Scope) -> tuple[UUID, passes.Who, int | None]:
    """Whose request it is, for which room, from which number on. Raises NotLetIn."""
    found = PATH.fullmatch(scope["path"])
    assert found is not None, "the address was looked at first"
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["method"] != "GET":
        raise NotLetIn(405, "Only GET.")
    _check_origin(headers)
    query = parse_qs(scope["query_string"].decode("latin-1"))
    room_id = UUID(found.group(1))
    try:
        user_id = passes.viewer_of(value=query.get("pass", [""])[0], room_id=room_id)
    except passes.BadPass as refusal:
        raise NotLetIn(403, str(refusal)) from None
    given = headers.get(b"last-event-id") or query.get("after", [""])[0]
    if given and not re.fullmatch(r"\d{1,18}", given):
        raise NotLetIn(400, "The number to go on from is not one.")
    return room_id, user_id, int(given) if given else None


def _check_origin(headers: Mapping[bytes, str]) -> None:
    origin = headers.get(b"origin", "")
    site = headers.get(b"sec-fetch-site", "same-origin")
    if (origin and origin != settings.SITE_URL) or site not in ("same-origin", "none"):
        raise NotLetIn(403, "Other sites may not listen.")


async def _refuse(send: Send, refusal: NotLetIn) -> None:
    body = str(refusal).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
