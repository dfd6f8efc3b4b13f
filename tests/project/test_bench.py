"""The bench measures wherever there is a server, migrated or not, and leaves nothing running."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection, transaction

from accounts import valkey
from config.benches import rooms, talking
from config.management.commands import bench
from gifts.models import RoomEvent, Sending
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room

SERVING = """
import sys, time, django
from pathlib import Path
from django.conf import settings
django.setup()
from config.benches import knocks
settings.CARAT_DATA_DIR = Path(sys.argv[1])
with knocks.server("no_database_is_asked") as port:
    print(port, flush=True)
    time.sleep(60)
"""


def test_the_machine_is_described_without_any_database_of_carat() -> None:
    described = bench.machine()  # without the db fixture: Django's own connection would refuse

    for setting in ("server_version=", "fsync=", "synchronous_commit=", "shared_buffers="):
        assert setting in described


@contextmanager
def serving(data: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A bench whose web server runs, and its port."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, str(data)], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        yield program, int(program.stdout.readline())
        program.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.proof
def test_a_bench_takes_its_web_workers_with_it_and_those_that_one_killed_at_once_left(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as (killed, left):
        killed.kill()
        killed.wait(30)
        assert answers(left), "the control: there is something to end"

    with serving(tmp_path) as (told, port):
        assert (answers(left), answers(port)) == (False, True)

        told.send_signal(signal.SIGTERM)
        told.wait(30)

    assert not answers(port)


@pytest.mark.proof
def test_a_room_is_measured_with_all_its_viewers_and_nothing_is_left_of_it(
    committed: str, tmp_path: Path, settings: Any
) -> None:
    kept_before = set(valkey.client().scan_iter("carat:*"))
    settings.CARAT_DATA_DIR = tmp_path
    fans = [make_user(f"fan{number}") for number in range(5)]
    with transaction.atomic():
        for fan in fans:
            give_coins(fan, 10_000)
    room = make_room(make_creator("bob"))
    place = connection.settings_dict
    environ = os.environ | {
        "DATABASE_URL": f"postgresql://{place['USER']}@/{committed}?host={place['HOST']}",
        "REDIS_URL": site.REDIS_URL,
        "BROKER_URL": site.BROKER_URL,
        "SECRET_KEY": site.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(site.ENCRYPTION_KEYS),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    figures = rooms.figures(
        environ=environ,
        room_id=room.pk,
        payers=range(fans[0].pk, fans[-1].pk + 1),
        viewers=10,
        seconds=2,
        say=lambda _words: None,
    )

    asked = {name for name in rooms.MEANINGS if not name.startswith("cpu_")}
    assert asked <= figures.keys() <= rooms.MEANINGS.keys()
    assert (figures["viewers"], figures["lost"], figures["hot_lost"]) == (10, 0, 0)
    assert figures["twice"] == 0
    assert figures["resumed"] > 0
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
    assert 0 < figures["floor_p50_ms"] <= figures["floor_p95_ms"]
    assert figures["hot_sent_per_s"] <= figures["hot_offered_per_s"] == 200
    assert RoomEvent.objects.filter(room=room).count() == Sending.objects.filter(room=room).count()
    assert set(valkey.client().scan_iter("carat:*")) <= kept_before


def test_an_event_that_a_viewer_never_had_is_counted_as_lost() -> None:
    """The control: what the bench says of a stream that skips a number and sends one twice."""
    frames = [(1, 2), (2, 3), (5, 5)]
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as lines:
        threading.Thread(target=stream_to_two, args=(server, frames, lines), daemon=True).start()
        with talking.partner("config.benches.viewing", os.environ) as viewers:
            viewers.tell(
                host="127.0.0.1", port=server.getsockname()[1], paths=["/"] * 2, after=0,
                hangs_up=False,
            )  # fmt: skip
            assert viewers.hear() == {"open": 2}
            viewers.tell(upto=5, parts={"all": [(0, 5)], "end": [(4, 5)]})
            heard = viewers.hear()

    assert (heard["all"]["lost"], heard["all"]["delivered"]) == (2, 8)
    assert (heard["end"]["lost"], heard["end"]["delivered"]) == (0, 2)
    assert heard["counts"] == {"let_go": 0, "hung_up": 0, "twice": 2}


def stream_to_two(server: socket.socket, frames: list[tuple[int, int]], lines: ExitStack) -> None:
    for line in [lines.enter_context(server.accept()[0]) for _ in range(2)]:
        line.recv(4_096)
        line.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for first, last in frames:
            at = "2026-01-01T00:00:00+00:00"
            numbers = range(first, last + 1)
            texts = ",".join(f'{{"number":{number},"at":"{at}"}}' for number in numbers)
            message = f"id: {last}\ndata: [{texts}]\n\n".encode()
            line.sendall(b"%x\r\n%b\r\n" % (len(message), message))


def test_a_machine_that_holds_too_few_connections_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (256, 1_024))

    with pytest.raises(rooms.TooFewFiles, match="ask for fewer than 824 viewers"):
        rooms.allow_files(5_200)
