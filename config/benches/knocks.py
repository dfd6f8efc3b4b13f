"""Requests a second of the web server as ``manage.py up`` runs it: two workers, WSGI.

Eight connections that stay open ask as fast as they are answered. Anything but a 2xx ends it all.
Doors are warmed up before any is measured, because a server that has just started plans each
statement anew, and they are measured in turns, so that a noise of the machine hits them alike.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.conf import settings
from rich.console import Console

from config import running, supervisor
from config.benches import scratch

CONNECTIONS: Final = 8
WARM_UP_S: Final = 2.0
TURNS: Final = 4
ANSWER_S_MAX: Final = 15.0
HOST: Final = "127.0.0.1"

# Makes the next request, headers and all.
type Asks = Callable[[], bytes]


class Refused(Exception):
    """The server answered something else than success: then the figure would mean nothing."""


def rates(port: int, doors: Mapping[str, Asks], *, seconds: int) -> dict[str, float]:
    """Requests a second that each door answers."""
    answered_by = dict.fromkeys(doors, 0)
    for asks in doors.values():
        answered(port, asks, seconds=WARM_UP_S)
    for _ in range(TURNS):
        for figure, asks in doors.items():
            answered_by[figure] += answered(port, asks, seconds=seconds / TURNS)
    return {figure: count / seconds for figure, count in answered_by.items()}


def request(path: str, *, headers: Mapping[str, str], content: bytes) -> bytes:
    """Write a POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextlib.contextmanager
def server(name: str, **more: str) -> Iterator[int]:
    """Run the web server on a free port, with ``more`` in its environment, until the end.

    Raises supervisor.RunsAlready.
    """
    port = running.free_port()
    url = f"http://{HOST}:{port}"
    environment = scratch.environment(name) | {
        "DJANGO_SETTINGS_MODULE": "config.benches.settings",
        "SITE_URL": url,
        "ALLOWED_HOSTS": HOST,
        **more,
    }
    with supervised(url) as here:
        web = running.web(port=port, environ=environment)
        here.start(web)
        running.wait_for(f"{url}/livez", program=web.name, supervisor=here)
        try:
            yield port
        except Refused as refusal:
            refusal.add_note(here.log_of(web.name).read_text(errors="replace")[-4_000:])
            raise


@contextlib.contextmanager
def supervised(address: str) -> Iterator[supervisor.Supervisor]:
    """A supervisor of the bench's own: however the bench ends, no program is left for long.

    One that was killed with -9 leaves them to the next, which ends them first. Raises
    supervisor.RunsAlready: two benches at once would measure each other.
    """
    data = settings.CARAT_DATA_DIR / "bench"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with supervisor.supervised(
        data=data, folder=settings.BASE_DIR, address=address, say=Console(stderr=True).print
    ) as here:
        yield here


def answered(port: int, asks: Asks, *, seconds: float) -> int:
    """Ask for some seconds; how many requests were answered in them."""
    ends = time.monotonic() + seconds
    return sum(_at_once(lambda: _knock(port, asks, ends=ends)))


def answer_all(port: int, requests: list[bytes]) -> None:
    """Ask these, as fast as they are answered."""
    left = iter(requests)

    def ask_some() -> int:
        with _line(port) as line:
            for one in left:
                _ask(line, one)
        return 0

    _at_once(ask_some)


def _at_once(knock: Callable[[], int]) -> list[int]:
    counts: list[int] = []
    failures: list[Exception] = []

    def try_to() -> None:
        try:
            counts.append(knock())
        except Exception as failure:  # noqa: BLE001 - raised again where the figure is made
            failures.append(failure)

    knocking = [threading.Thread(target=try_to) for _ in range(CONNECTIONS)]
    for thread in knocking:
        thread.start()
    for thread in knocking:
        thread.join()
    if failures:
        raise Refused(str(failures[0])) from failures[0]
    return counts


def _knock(port: int, asks: Asks, *, ends: float) -> int:
    """Ask one by one over one connection; how many were answered in time."""
    count = 0
    with _line(port) as line:
        while time.monotonic() < ends:
            _ask(line, asks())
            count += time.monotonic() < ends
    return count


def _line(port: int) -> socket.socket:
    line = socket.create_connection((HOST, port), timeout=ANSWER_S_MAX)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _ask(line: socket.socket, request: bytes) -> None:
    """Send a request and read its answer to the end. Raises Refused unless it is a 2xx."""
    line.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(line)
    head, _, content = answer.partition(b"\r\n\r\n")
    fields = dict(
        field.lower().split(b": ", 1) for field in head.split(b"\r\n")[1:] if b": " in field
    )
    length = int(fields.get(b"content-length", b"0"))
    while len(content) < length:
        content += _more(line)
    if head.split(b" ", 2)[1][:1] != b"2":
        raise Refused(f"{head.splitlines()[0].decode()}: {content.decode(errors='replace')[:500]}")


def _more(line: socket.socket) -> bytes:
    read = line.recv(65_536)
    if not read:
        raise Refused("The server closed the connection.")
    return read
