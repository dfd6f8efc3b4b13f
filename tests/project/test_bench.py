"""The bench measures wherever there is a server, migrated or not, and leaves nothing running."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.management.commands import bench

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
