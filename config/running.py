"""Runs the whole site from one command: set it up, start its programs, tell where it is, watch.

The programs: the web server (granian, ASGI), the relay, a Celery worker, Celery's beat, and for a
demo the stand-in and the simulated audience. Servers that are embedded are looked after too: one
that was killed comes back within seconds.

One web server answers everything here, the rooms' event streams too, so it is ASGI. A larger site
serves pages and API by WSGI, about twice as fast (reference/libraries.md, section 6), and the
streams beside them: see the README.
"""

import contextlib
import errno
import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from rich.console import Console

from accounts import roles
from config import database, embedded, seed
from config.processes import Program
from config.supervisor import Supervisor

HOST: Final = "127.0.0.1"
PORT: Final = 8000
WEB_PROCESSES: Final = 2
# Open streams and requests of one process: granian's own bound is 1024 shared by all of them, and
# whoever comes later is not answered.
OPEN_MAX: Final = 10_000
WORKER_PROCESSES: Final = 2
READY_WITHIN_S: Final = 120.0
POLL_S: Final = 0.1

# In what order programs end: who asks before who answers.
AUDIENCE, WEB, WORKER, BEAT, STANDIN = range(5)


class PortTaken(Exception):
    """Something else listens on the port."""


class NotReady(Exception):
    """A program did not come up."""


class Screen:
    """What the operator reads. A terminal that has gone away stops nothing."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def say(self, *words: Any) -> None:
        """Print a line, or anything rich can show."""
        with contextlib.suppress(OSError, ValueError):
            self._console.print(*words)

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Show that something is under way, and how long it took."""
        began = time.monotonic()
        with self._console.status(words) if self._console.is_terminal else contextlib.nullcontext():
            yield
        self.say(f"[green]✓[/] {words} [dim]{time.monotonic() - began:.1f} s[/]")


def check_port(port: int) -> None:
    """Refuse a port that somebody uses. Raises PortTaken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
            raise PortTaken(
                f"Port {port} {why}. Choose another one, like this: --port {port + 10}"
            ) from error


def free_port(*, first: int = 0) -> int:
    """Return ``first`` if it is given and nobody uses it, else any free port."""
    if first:
        with contextlib.suppress(PortTaken):
            check_port(first)
            return first
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def set_up(screen: Screen, *, holds: bool) -> None:
    """Bring the database up to this code: tables, opening rows, roles of staff. As the owner.

    Without ``holds`` it is the demo's, whose payment company takes everything that is seeded.
    """
    with screen.step("Tables"):
        call_command("migrate", verbosity=0, interactive=False)
    with screen.step("Prices, gifts and rates"):
        database.become_owner()
        notice_days = settings.RATE_CARD_NOTICE_DAYS
        seed.seed(holds=holds, notice_days=notice_days, every_method=not holds)
        roles.sync()
    if not settings.EMBEDDED and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        with screen.step("Static files"):
            call_command("collectstatic", verbosity=0, interactive=False)


def web(*, port: int, environ: Mapping[str, str]) -> Program:
    """Pages, API and the rooms' event streams."""
    return Program(
        name="web",
        argv=(
            *(sys.executable, "-m", "granian", "config.asgi:application"),
            *("--interface", "asginl", "--no-ws"),
            *("--host", HOST, "--port", str(port), "--workers", str(WEB_PROCESSES)),
            *("--backpressure", str(OPEN_MAX)),
            *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
        ),
        stops=WEB,
        environ=environ,
    )


def worker(*, environ: Mapping[str, str]) -> Program:
    """What tasks do."""
    return Program(
        name="worker",
        argv=(
            *(sys.executable, "-m", "celery", "-A", "config.celery", "worker"),
            *("--concurrency", str(WORKER_PROCESSES), "--loglevel", settings.LOG_LEVEL),
            *("--without-gossip", "--without-mingle"),
        ),
        stops=WORKER,
        environ=environ,
        stop_within_s=20.0,
    )


def relay(*, environ: Mapping[str, str]) -> Program:
    """What happened, handed on and shown in its room."""
    return Program(
        name="relay", argv=(sys.executable, "manage.py", "relay"), stops=WORKER, environ=environ
    )


def beat(*, data: Path, environ: Mapping[str, str]) -> Program:
    """The timetable. Its memory of when things ran last is no record: it may be lost."""
    return Program(
        name="beat",
        argv=(
            *(sys.executable, "-m", "celery", "-A", "config.celery", "beat"),
            *("--schedule", str(data / "beat"), "--pidfile=", "--loglevel", settings.LOG_LEVEL),
        ),
        stops=BEAT,
        environ=environ,
    )


def standin(*, port: int, data: Path, webhook_url: str, keys: Mapping[str, str]) -> Program:
    """The payment company and the bank that are neither. Its keys go by the environment."""
    return Program(
        name="stand-in",
        argv=(sys.executable, "-m", "config.standin", "--port", str(port)),
        stops=STANDIN,
        environ={
            "STANDIN_BOOK": str(data / "standin.sqlite3"),
            "STANDIN_WEBHOOK_URL": webhook_url,
            "STANDIN_API_KEY": keys["STRIPE_API_KEY"],
            "STANDIN_WEBHOOK_SECRET": keys["STRIPE_WEBHOOK_SECRET"],
            "STANDIN_BANK_KEY": keys["STANDIN_BANK_KEY"],
            "STANDIN_IDENTITY_KEY": keys["STANDIN_IDENTITY_KEY"],
            "STANDIN_WITH_PARENT": "1",
        },
    )


def wait_for(url: str, *, program: str, supervisor: Supervisor) -> None:
    """Return when the address answers without an error. Raises NotReady."""
    address = urlsplit(url)
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and supervisor.is_running(program):
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert address.hostname is not None, "our own addresses have a host"
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
            with contextlib.closing(connection):
                connection.request("GET", address.path or "/")
                if connection.getresponse().status < http.client.BAD_REQUEST:
                    return
        time.sleep(POLL_S)
    log = supervisor.log_of(program)
    raise NotReady(f"{program} did not come up. The end of {log}:\n{_tail(log)}")


def upkeep(screen: Screen) -> Callable[[], None]:
    """Bring back embedded servers that were killed."""

    def look() -> None:
        if settings.EMBEDDED:
            try:
                embedded.ensure(settings.CARAT_DATA_DIR)
            except embedded.EmbeddedError as error:
                screen.say(f"[red]{error}[/]")

    return look


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace")[-2000:]
    return "It left no log."
