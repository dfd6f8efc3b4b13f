"""Requests a second through the web server as production runs it: two workers, WSGI.

Eight connections that stay open ask as fast as they are answered. Anything but a 2xx ends it all.
All doors are warmed up before any is measured, because a server that has just started plans each
statement anew, and they are measured in turns, so that a noise of the machine hits them alike.
"""

import contextlib
import json
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from allauth.idp.oidc.models import Client, Token
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import sql

from accounts.models import Consent, Scope
from config.benches import scratch, senders
from gifts.models import GiftVersion
from wallet import ledger

CONNECTIONS: Final = 8
WORKERS: Final = 2
FANS: Final = 2_000
WARM_UP_S: Final = 2.0
TURNS: Final = 4
START_S_MAX: Final = 30.0
ANSWER_S_MAX: Final = 15.0
CAP_COINS: Final = 2_000_000_000
HOST: Final = "127.0.0.1"
SERVICE: Final = "bench"
PATHS: Final = {
    "http": "/api/v1/gift-sends",
    "http_floor": "/bench/floor/",
    "http_bare": "/bench/bare/",
}

type Body = Callable[[], bytes]


class Refused(Exception):
    """The server answered something else than success: then the figure would mean nothing."""


def rates(name: str, seconds: int) -> dict[str, float]:
    """Requests a second of a gift, and of the two doors that it is measured against."""
    token = _prepare(name)
    body = _bodies()
    answered = dict.fromkeys(PATHS, 0)
    with _server(name) as port:
        for path in PATHS.values():
            _answered(port, path, token=token, body=body, seconds=WARM_UP_S)
        for _ in range(TURNS):
            for figure, path in PATHS.items():
                answered[figure] += _answered(
                    port, path, token=token, body=body, seconds=seconds / TURNS
                )
    return {figure: count / seconds for figure, count in answered.items()}


def _prepare(name: str) -> str:
    """Make the table of the floor, and a service that 2,000 fans let send; give its token."""
    role = scratch.posting_role(name)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_insert")
        cursor.execute("CREATE TABLE bench_insert (id uuid PRIMARY KEY, body jsonb NOT NULL)")
        cursor.execute(sql.SQL("GRANT INSERT ON bench_insert TO {}").format(sql.Identifier(role)))
    now = timezone.now()
    service, _ = Client.objects.get_or_create(
        pk=SERVICE,
        defaults={
            "name": "Bench",
            "scopes": Scope.GIFTS_SEND,
            "grant_types": Client.GrantType.CLIENT_CREDENTIALS,
        },
    )
    Consent.objects.bulk_create(
        (
            Consent(
                fan_id=fan_id,
                client=service,
                scope=Scope.GIFTS_SEND,
                daily_cap_coins=CAP_COINS,
                until=now + timedelta(days=1),
            )
            for fan_id in _fans()
        ),
        ignore_conflicts=True,
    )
    token = Token(
        type=Token.Type.ACCESS_TOKEN,
        client=service,
        scopes=Scope.GIFTS_SEND,
        expires_at=now + timedelta(days=1),
    )
    value = secrets.token_urlsafe(64)
    token.set_value(value)
    token.save()
    return value


def _fans() -> range:
    return range(scratch.FIRST_PAYER, scratch.FIRST_PAYER + FANS)


def _bodies() -> Body:
    """Make gifts of a random fan to a random room."""
    rooms = [str(room_id) for room_id in senders.open_rooms(scratch.CREATORS)]
    version = GiftVersion.objects.filter(gift__slug="finger-heart").latest("valid_from").pk
    chance = random.Random(7)  # noqa: S311 - load, not secrets

    def body() -> bytes:
        gift = {
            "fan": chance.choice(_fans()),
            "gift_version": version,
            "quantity": 1,
            "room": chance.choice(rooms),
        }
        return json.dumps(gift).encode()

    return body


@contextlib.contextmanager
def _server(name: str) -> Iterator[int]:
    """Run the web server on a free port of this machine, until the end."""
    with socket.create_server((HOST, 0)) as free:
        port = int(free.getsockname()[1])
    command = [
        *(sys.executable, "-m", "granian", "config.wsgi:application", "--interface", "wsgi"),
        *("--host", HOST, "--port", str(port), "--workers", str(WORKERS), "--no-ws"),
        *("--blocking-threads", str(settings.DATABASE_POOL_MAX), "--log-level", "error"),
    ]
    environment = scratch.environment(name) | {
        "DJANGO_SETTINGS_MODULE": "config.benches.settings",
        "SITE_URL": f"http://{HOST}:{port}",
        "ALLOWED_HOSTS": HOST,
    }
    with tempfile.TemporaryDirectory() as directory:
        said = Path(directory) / "server.log"
        with said.open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 - our own command
                command, env=environment, cwd=settings.BASE_DIR, stdout=log, stderr=log
            )
        try:
            _wait_for(server, port, said)
            yield port
        except Refused as refusal:
            refusal.add_note(said.read_text(errors="replace")[-4_000:])
            raise
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int, said: Path) -> None:
    """Return once every worker can be expected to answer."""
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection((HOST, port), timeout=ANSWER_S_MAX) as line:
                _ask(line, b"GET /livez HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise Refused(f"The web server did not start: {said.read_text(errors='replace')[-4_000:]}")


def _answered(port: int, path: str, *, token: str, body: Body, seconds: float) -> int:
    """Ask for some seconds; how many requests were answered in them."""
    counts: list[int] = []
    failures: list[Exception] = []
    ends = time.monotonic() + seconds

    def knock() -> None:
        try:
            counts.append(_knock(port, path, token=token, body=body, ends=ends))
        except Exception as failure:  # noqa: BLE001 - raised again where the figure is made
            failures.append(failure)

    knocking = [threading.Thread(target=knock) for _ in range(CONNECTIONS)]
    for thread in knocking:
        thread.start()
    for thread in knocking:
        thread.join()
    if failures:
        raise Refused(f"{path}: {failures[0]}") from failures[0]
    return sum(counts)


def _knock(port: int, path: str, *, token: str, body: Body, ends: float) -> int:
    """Ask one by one over one connection; how many were answered in time."""
    answered = 0
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\n"
    )
    with socket.create_connection((HOST, port), timeout=ANSWER_S_MAX) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < ends:
            content = body()
            key = ledger.new_operation_id()
            sizes = f"Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
            _ask(line, head.encode() + sizes.encode() + content)
            answered += time.monotonic() < ends
    return answered


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
