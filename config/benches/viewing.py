"""Everybody who watches, in one process: as many open streams as there are paths to ask for.

It costs as little as it can, for it runs on the machine it measures: all viewers of a room get the
same bytes, so each distinct read is understood once, and an arrival is a number that grows. Viewers
do as a browser does: who is let go comes back with the last number they have. Now and then one
hangs up by itself; what it missed is counted as missing until it has it, but not as late.

The first line of its input says whom to ask, the second what to report once all have come so far.
"""

import contextlib
import gc
import json
import random
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

TICKS: Final = 4_000  # a second, in which arrivals are told apart
READ_BYTES: Final = 262_144
OPEN_WITHIN_S: Final = 60.0
ALL_WITHIN_S: Final = 30.0
HANGS_UP_EACH_S: Final = 0.5
NAP_S: Final = 0.001  # more is there to read at once: half the processor time, a little pessimism


class Frame:
    """Events that came together, and how many viewers had them when."""

    __slots__ = ("ats", "first", "is_timed", "last", "ticks")

    def __init__(self, events: Sequence[tuple[int, float]], *, is_timed: bool) -> None:
        self.first = events[0][0]
        self.last = events[-1][0]
        self.ats = [at for _, at in events]
        self.is_timed = is_timed
        self.ticks: dict[int, int] = {}


class Viewer:
    """One open stream."""

    __slots__ = ("_path", "_rest", "_room", "is_late", "is_open", "last", "line")

    def __init__(self, room: "Audience", path: str, last: int) -> None:
        self._room = room
        self._path = path
        self.last = last
        self.is_late = False  # by their own doing: until they have caught up
        self.is_open = False
        self.come()

    def come(self) -> None:
        """Ask for the stream, from the last number on."""
        self._rest = b""
        self.line = socket.create_connection(self._room.place, timeout=OPEN_WITHIN_S)
        self.line.sendall(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._room.place[0]}\r\n"
            f"Last-Event-ID: {self.last}\r\n\r\n".encode()
        )
        self.line.setblocking(False)  # noqa: FBT003 - how the standard library has it
        self._room.selector.register(self.line, selectors.EVENT_READ, self)

    def go(self) -> None:
        """Hang up."""
        self._room.selector.unregister(self.line)
        self.line.close()
        self.is_open = False

    def read(self) -> None:
        """Take what has come."""
        try:
            raw = bytes(self._room.buffer[: self.line.recv_into(self._room.buffer)])
        except BlockingIOError:
            return
        except OSError:
            raw = b""
        tick = int(time.time() * TICKS)
        known = None if self._rest else self._room.known.get(raw)
        if known is None:
            self._understand(raw, tick)
            return
        for frame in known:
            if frame.first == self.last + 1:
                self.last = frame.last
                frame.ticks[tick] = frame.ticks.get(tick, 0) + 1
            else:
                self._take_odd(frame, tick)

    def _understand(self, raw: bytes, tick: int) -> None:
        """Read what nobody had yet, or what did not come whole."""
        is_whole = self.is_open and not self._rest
        self._rest += raw
        if raw and not self.is_open and not self._has_head():
            return
        bodies, self._rest, is_over = _unchunked(self._rest)
        frames = [frame for body in bodies for frame in self._room.frames_of(body, self)]
        if is_whole and not self._rest and not self.is_late:
            self._room.known[raw] = frames
        for frame in frames:
            self._take_odd(frame, tick)
        self.is_late = self.is_late and not frames
        if is_over or not raw:
            self._room.let_go += 1
            self.go()
            self.come()

    def _has_head(self) -> bool:
        head, found, rest = self._rest.partition(b"\r\n\r\n")
        if not found:
            return False
        if head.split(b" ", 2)[1] != b"200":
            sys.exit(f"A viewer was not let in: {self._rest[:500]!r}")
        self._rest, self.is_open = rest, True
        return True

    def _take_odd(self, frame: Frame, tick: int) -> None:
        """Take what may begin before, or after, what comes next."""
        if frame.first <= self.last:
            kept = [
                (frame.first + place, at)
                for place, at in enumerate(frame.ats)
                if frame.first + place > self.last
            ]
            self._room.twice += len(frame.ats) - len(kept)
            if not kept:
                return
            frame = Frame(kept, is_timed=frame.is_timed)
            self._room.frames.append(frame)
        self.last = frame.last
        frame.ticks[tick] = frame.ticks.get(tick, 0) + 1


class Audience:
    """All viewers, and what they had when."""

    def __init__(self, *, host: str, port: int, paths: Sequence[str], after: int) -> None:
        self.place = (host, port)
        self.selector = selectors.DefaultSelector()
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.known: dict[bytes, list[Frame]] = {}  # by what was read at once
        self.bodies: dict[bytes, list[Frame]] = {}
        self.frames: list[Frame] = []
        self.let_go = self.hung_up = self.twice = 0
        self.viewers = [Viewer(self, path, after) for path in paths]

    def open(self) -> None:
        """Wait until all are let in."""
        ends = time.monotonic() + OPEN_WITHIN_S
        while waiting := sum(not viewer.is_open for viewer in self.viewers):
            if time.monotonic() > ends:
                sys.exit(f"{waiting} of {len(self.viewers)} viewers were not answered.")
            self._read()

    def watch(self, *, hangs_up: bool) -> Any:
        """Watch until the next line of input; what it says."""
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        chance = random.Random(7)  # noqa: S311 - load, not secrets
        away: list[tuple[float, Viewer]] = []
        next_s = time.monotonic() + HANGS_UP_EACH_S
        while not self._read():
            now = time.monotonic()
            if hangs_up and now >= next_s:
                next_s = now + HANGS_UP_EACH_S
                viewer = chance.choice([one for one in self.viewers if one.is_open])
                viewer.go()
                viewer.is_late = True
                self.hung_up += 1
                away.append((now + HANGS_UP_EACH_S, viewer))
            while away and away[0][0] <= now:
                away.pop(0)[1].come()
        for _, viewer in away:
            viewer.come()
        self.selector.unregister(sys.stdin)
        return json.loads(sys.stdin.readline() or sys.exit())

    def finish(self, last: int) -> None:
        """Watch until all have come so far, or it takes too long."""
        ends = time.monotonic() + ALL_WITHIN_S
        while any(viewer.last < last for viewer in self.viewers) and time.monotonic() < ends:
            self._read()

    def _read(self) -> bool:
        """Let everyone read who can; whether there is a line of input."""
        is_told = False
        time.sleep(NAP_S)
        for key, _ in self.selector.select(0.05):
            if key.data is None:
                is_told = True
            else:
                key.data.read()
        return is_told

    def frames_of(self, body: bytes, viewer: Viewer) -> list[Frame]:
        """Read a chunk, which holds whole messages here; each is read once for all."""
        if not viewer.is_late and (known := self.bodies.get(body)) is not None:
            return known
        assert body.endswith(b"\n\n"), "neither server here breaks a message off"
        messages = [message for message in body.split(b"\n\n") if b"data: [" in message]
        frames = [_frame(message, is_timed=not viewer.is_late) for message in messages]
        self.frames += frames
        if not viewer.is_late:
            self.bodies[body] = frames
        return frames

    def part(self, spans: Sequence[tuple[int, int]]) -> dict[str, float]:
        """What came of the events in some spans of numbers (after one, up to another)."""
        wanted = {number for after, upto in spans for number in range(after + 1, upto + 1)}
        late: Counter[int] = Counter()
        delivered = frames = 0
        for frame in self.frames:
            numbers = enumerate(frame.ats, start=frame.first)
            ats = [at for number, at in numbers if number in wanted]
            count = sum(frame.ticks.values())
            delivered += count * len(ats)
            frames += count * bool(ats)
            for at in ats if frame.is_timed else ():
                for tick, seen in frame.ticks.items():
                    late[tick - int(at * TICKS)] += seen
        due = len(self.viewers) * len(wanted)
        ranks = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
        found = {name: 1000 * _at(late, rank) / TICKS for name, rank in ranks.items()}
        return found | {"lost": due - delivered, "delivered": delivered, "frames": frames}


def _at(late: Counter[int], rank: float) -> int:
    """Find the least lateness, in ticks, that so large a part does not exceed."""
    left = rank * late.total()
    for ticks in sorted(late):
        left -= late[ticks]
        if left <= 0:
            return ticks
    return 0


def _unchunked(raw: bytes) -> tuple[list[bytes], bytes, bool]:
    """What whole chunks hold, what is left over, and whether the last chunk came."""
    bodies: list[bytes] = []
    while b"\r\n" in raw:
        size, _, rest = raw.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            break
        raw = rest[length + 2 :]
        if not length:
            return bodies, raw, True
        bodies.append(rest[:length])
    return bodies, raw, False


def _frame(message: bytes, *, is_timed: bool) -> Frame:
    events: list[Mapping[str, Any]] = json.loads(message.partition(b"data: ")[2])
    pairs = [(one["number"], datetime.fromisoformat(one["at"]).timestamp()) for one in events]
    return Frame(pairs, is_timed=is_timed)


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    hangs_up = asked.pop("hangs_up")
    audience = Audience(**asked)
    audience.open()
    gc.disable()
    print(json.dumps({"open": len(audience.viewers)}), flush=True)  # noqa: T201 - its answer
    report = audience.watch(hangs_up=hangs_up)
    audience.finish(report["upto"])
    parts = {name: audience.part(spans) for name, spans in report["parts"].items()}
    counts = {name: getattr(audience, name) for name in ("let_go", "hung_up", "twice")}
    print(json.dumps(parts | {"counts": counts}), flush=True)  # noqa: T201 - its answer
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


if __name__ == "__main__":
    main()
