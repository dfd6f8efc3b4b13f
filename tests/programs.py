"""The site and its relay as programs of their own, for tests that need a stream or a crash."""

import contextlib
import os
import socket
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

from django.conf import settings
from django.db import connection

from tests.standin import ROOT
from tests.streams import wait_until


class Programs:
    """The site with its streams, and the relay, each killed and started as a test likes."""

    def __init__(self, database: str, tmp_path: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://localhost:{self.port}"
        place = connection.settings_dict
        self._environment = os.environ | {
            "SITE_URL": self.url,
            "DATABASE_URL": f"postgresql://{place['USER']}@/{database}?host={place['HOST']}",
            "REDIS_URL": settings.REDIS_URL,
            "BROKER_URL": settings.BROKER_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "DJANGO_SETTINGS_MODULE": "tests.e2e.site_settings",
            "DATABASE_POOL_MAX": "4",
        }
        self._log = tmp_path / "programs.log"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        argv = {
            "stream": [
                "-m", "granian", "config.asgi:application", "--interface", "asginl",
                "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            ],
            "relay": ["manage.py", "relay"],
        }[name]  # fmt: skip
        with self._log.open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *argv], cwd=ROOT, env=self._environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def await_pages(self) -> None:
        """Wait until the site answers."""

        def answers() -> bool:
            try:
                with urlopen(f"{self.url}/livez", timeout=5) as answer:
                    return bool(answer.status == HTTPStatus.OK)
            except OSError:
                return False

        wait_until(answers, seconds=60)

    def kill(self, name: str) -> None:
        """End it and its children as a crash would."""
        program = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, 9)
        program.wait(10)

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)
