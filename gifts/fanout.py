"""Hands a room's events to everyone who watches it from this process.

Promises: each viewer gets every number after the one they begin with, once and in order, or is let
go and comes back with the last they have. A room is read once for all its viewers, and each event
is written once for all of them. A viewer who does not keep up is let go, and holds nobody back.
Watching holds no database connection.

All of it lives in one event loop; reads of PostgreSQL run in threads that give theirs back.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.db import DatabaseError, connections

from accounts import valkey
from gifts import passes, queries, room_log

# How long events wait for each other. A message costs a viewer's process about 20 microseconds,
# however many events are in it: the more viewers, the longer the frames, and where a frame brings
# so many gifts that nobody sees which was first, the longest.
FRAME_S: Final = 0.02
FRAME_S_PER_VIEWER: Final = 0.000_02
FRAME_S_MAX: Final = 0.1
HOT_EVENTS: Final = 8
FRAMES_WAITING_MAX: Final = 64  # of one viewer, some seconds of a hot room
WAIT_S: Final = 5.0
REST_S: Final = 0.5  # after Valkey was away
HEARTBEAT_S: Final = 15.0
LOOK_AGAIN_S: Final = 30.0
COUNT_S: Final = 3.0
COUNT_OLD_S: Final = 15.0
HEARTBEAT: Final = b":\n\n"
CLOSED: Final = b"event: closed\ndata: \n\n"

# One entry of a room's stream in Valkey: its number and its text.
type Entry = tuple[int, bytes]

log = structlog.get_logger(__name__)


def frame(entries: Sequence[Entry]) -> bytes:
    """Write some events as one message; its id is the last number."""
    texts = b",".join(text for _, text in entries)
    return b"id: %d\ndata: [%b]\n\n" % (entries[-1][0], texts)


class Viewer:
    """One open page. ``user_id`` is None for strangers, and an overlay's key for overlays."""

    __slots__ = ("_frames", "_is_over", "_news", "user_id")

    def __init__(self, *, user_id: passes.Who) -> None:
        self.user_id = user_id
        self._frames: list[bytes] = []
        self._news: asyncio.Future[None] | None = None  # while somebody waits for a message
        self._is_over = False

    def give(self, more: bytes) -> bool:
        """Put a message in line. False: there are too many, and the viewer was let go."""
        if len(self._frames) >= FRAMES_WAITING_MAX:
            self.let_go()
            return False
        self._frames.append(more)
        self._wake()
        return True

    def let_go(self, last: bytes = b"") -> None:
        """End it after what is in line and one last message."""
        if last:
            self._frames.append(last)
        self._is_over = True
        self._wake()

    async def take(self) -> bytes:
        """Wait for what is in line; nothing when it is over."""
        if not self._frames and not self._is_over:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        taken = b"".join(self._frames)
        self._frames.clear()
        return taken

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Channel:
    """One room as this process shows it: one reader, many viewers."""

    def __init__(self, room_id: UUID) -> None:
        self.room_id = room_id
        self.viewers: set[Viewer] = set()
        self.number = 0  # the last that was handed out
        self.watching = b""  # what was last told of how many watch
        self.peak = 0
        self._key = room_log.stream_of(room_id)
        self._valkey: Any = valkey.waiting_client(wait_s=WAIT_S)
        self._work: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Find out where the room is, and begin to read and to look after its viewers."""
        self.number = await _aside(room_log.last_number, room_id=self.room_id)
        self._work = [
            asyncio.create_task(work)
            for work in (self._read(), self._beat(), self._look_again(), self._count())
        ]

    async def close(self) -> None:
        """End all of it, and let the viewers go."""
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        for viewer in self.viewers:
            viewer.let_go()
        with contextlib.suppress(redis.RedisError):
            await self._valkey.hdel(f"{self._key}:viewers", _me())
        await self._valkey.aclose()

    async def since(self, number: int, *, upto: int) -> bytes:
        """Give what came after a number, up to another, from Valkey or else from the log."""
        entries = await self._kept(number, upto)
        if len(entries) != upto - number:
            entries = await _aside(_logged, self.room_id, number, upto)
        return frame(entries) if entries else b""

    async def _kept(self, number: int, upto: int) -> list[Entry]:
        try:
            found = await self._valkey.xrange(self._key, f"{number + 1}-0", f"{upto}-0")
        except redis.RedisError:
            return []
        return [_entry(one) for one in found]

    async def _read(self) -> None:
        while True:
            try:
                await self._read_on()
            except Exception as error:  # noqa: BLE001 - whatever is away, the room goes on with it
                log.warning("room not read", room_id=str(self.room_id), error=type(error).__name__)
                await asyncio.sleep(REST_S)

    async def _read_on(self) -> None:
        found = await self._valkey.xread(
            {self._key: f"{self.number}-0"}, count=room_log.PAGE, block=int(WAIT_S * 1000)
        )
        if found:
            entries = [_entry(one) for one in found[0][1]]
            await self._hand_out(entries)
            await asyncio.sleep(self._frame_s(len(entries)))

    async def _hand_out(self, entries: list[Entry]) -> None:
        upto = entries[-1][0]
        if len(entries) != upto - self.number:  # Valkey has lost some of it
            entries = await _aside(_logged, self.room_id, self.number, upto)
        self.number = upto
        self._tell(frame(entries))

    def _tell(self, message: bytes) -> None:
        gone = [viewer for viewer in self.viewers if not viewer.give(message)]
        self.viewers.difference_update(gone)

    def _frame_s(self, count: int) -> float:
        """How long the next events wait for each other, after a frame of so many."""
        if count >= HOT_EVENTS:
            return FRAME_S_MAX
        return min(FRAME_S + len(self.viewers) * FRAME_S_PER_VIEWER, FRAME_S_MAX)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._tell(HEARTBEAT)

    async def _look_again(self) -> None:
        """Let go of those who may not watch any more, asked about all at once."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            people = {viewer.user_id for viewer in self.viewers}
            try:
                allowed = await _aside(queries.who_may_watch, room_id=self.room_id, people=people)
            except Exception as error:  # noqa: BLE001 - a database that is away closes no room
                log.warning("viewers not looked at", error=type(error).__name__)
                continue
            for viewer in [one for one in self.viewers if one.user_id not in allowed]:
                viewer.let_go(CLOSED)
                self.viewers.discard(viewer)

    async def _count(self) -> None:
        """Tell everyone how many watch, over all processes. A process that died is not counted."""
        await asyncio.sleep(FRAME_S_MAX)  # whoever opened the room is there then
        while True:
            with contextlib.suppress(redis.RedisError, OSError, DatabaseError):
                count = await self._watching()
                if count > self.peak:
                    await _aside(room_log.note_viewers, room_id=self.room_id, count=count)
                    self.peak = count
                told = b"event: viewers\ndata: %d\n\n" % count
                if told != self.watching:
                    self.watching = told
                    self._tell(told)
            await asyncio.sleep(COUNT_S)

    async def _watching(self) -> int:
        key, now = f"{self._key}:viewers", time.time()
        await self._valkey.hset(key, _me(), f"{len(self.viewers)}:{now:.0f}")
        await self._valkey.expire(key, room_log.KEPT_FOR_S)
        parts = [count.decode().split(":") for count in await self._valkey.hvals(key)]
        return sum(int(count) for count, at in parts if now - float(at) < COUNT_OLD_S)


async def may_watch(*, room_id: UUID, who: passes.Who) -> bool:
    """Whether somebody may watch a room now."""
    return who in await _aside(queries.who_may_watch, room_id=room_id, people={who})


class Hub:
    """The rooms that are watched from this process."""

    def __init__(self) -> None:
        self._channels: dict[UUID, asyncio.Task[Channel]] = {}

    async def join(self, *, room_id: UUID, viewer: Viewer) -> tuple[Channel, int]:
        """Add a viewer, who gets all after the number given back; the first one opens the room."""
        while True:
            opening = self._channels.get(room_id)
            if opening is None or (opening.done() and opening.exception() is not None):
                opening = self._channels[room_id] = asyncio.create_task(_opened(room_id))
            channel = await asyncio.shield(opening)
            if self._channels.get(room_id) is opening:  # else it was closed again meanwhile
                channel.viewers.add(viewer)
                return channel, channel.number

    async def leave(self, *, channel: Channel, viewer: Viewer) -> None:
        """Take a viewer away; with the last one the room is closed."""
        channel.viewers.discard(viewer)
        if not channel.viewers and self._channels.pop(channel.room_id, None) is not None:
            await channel.close()


async def _opened(room_id: UUID) -> Channel:
    channel = Channel(room_id)
    await channel.open()
    return channel


def _entry(found: Any) -> Entry:
    number, fields = found
    return int(number.split(b"-")[0]), fields[b"e"]


def _logged(room_id: UUID, number: int, upto: int) -> list[Entry]:
    entries: list[Entry] = []
    while number < upto:
        page = room_log.events_after(room_id=room_id, number=number)
        entries += [(one.number, room_log.text_of(one).encode()) for one in page]
        if not page:
            break
        number = page[-1].number
    return [entry for entry in entries if entry[0] <= upto]


async def _aside[T](read: Any, *facts: Any, **named: Any) -> Any:
    """Read the database in a thread, and give its connection back."""

    def reading() -> Any:
        try:
            return read(*facts, **named)
        finally:
            connections.close_all()

    return await asyncio.to_thread(reading)


def _me() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"
