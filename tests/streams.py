"""Those who watch a room, as a browser does: one connection, resumed by number when it breaks."""

import contextlib
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit


class Watcher(threading.Thread):
    """Reads a room's events until told to stop. ``events`` are in the order they came."""

    def __init__(self, address: str, path: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(daemon=True)
        place = urlsplit(address)
        self._place = (place.hostname or "", place.port or 80)
        self._path = path
        self._headers = headers or {}
        self._stop_now = threading.Event()
        self._last = ""
        self.events: list[dict[str, Any]] = []
        self.named: list[tuple[str, str]] = []
        self.statuses: list[int] = []

    def run(self) -> None:
        while not self._stop_now.is_set():
            with contextlib.suppress(OSError):
                self._listen()
            self._stop_now.wait(0.1)

    def stop(self) -> None:
        """Tell it to end; it does within a second."""
        self._stop_now.set()

    @property
    def numbers(self) -> list[int]:
        return [event["number"] for event in self.events]

    def _listen(self) -> None:
        with socket.create_connection(self._place, timeout=1) as line:
            resumed = {"Last-Event-ID": self._last} if self._last else {}
            given = {"Host": f"{self._place[0]}:{self._place[1]}"} | self._headers | resumed
            head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
            line.sendall(f"GET {self._path} HTTP/1.1\r\n{head}\r\n".encode())
            self._read(line)

    def _read(self, line: socket.socket) -> None:
        raw, text, in_body = b"", b"", False
        while not self._stop_now.is_set():
            try:
                more = line.recv(65_536)
            except TimeoutError:
                continue
            if not more:
                return
            raw += more
            if not in_body:
                head, found, rest = raw.partition(b"\r\n\r\n")
                if not found:
                    continue
                self.statuses.append(int(head.split()[1]))
                raw, in_body = rest, True
            chunks, raw, is_over = _unchunked(raw)
            *messages, text = (text + chunks).split(b"\n\n")
            for message in messages:
                self._hear(message.decode())
            if is_over:
                return

    def _hear(self, message: str) -> None:
        fields = dict(part.split(": ", 1) for part in message.split("\n") if ": " in part)
        if "event" in fields:
            self.named.append((fields["event"], fields.get("data", "")))
        elif "data" in fields:
            self.events += json.loads(fields["data"])
            self._last = fields["id"]


def _unchunked(raw: bytes) -> tuple[bytes, bytes, bool]:
    """What whole chunks hold, what is left over, and whether the last chunk came."""
    body = b""
    while b"\r\n" in raw:
        size, _, rest = raw.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            break
        if length == 0:
            return body, b"", True
        body, raw = body + rest[:length], rest[length + 2 :]
    return body, raw, False


def wait_until(true: Any, *, seconds: float = 30) -> None:
    """Await a condition."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come to that in time"
        time.sleep(0.02)
