"""Programs of a bench that are asked and answer by lines of JSON. They end when the bench does:
then nobody holds the other end of their input.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings


class Silent(Exception):
    """A program of the bench ended without an answer; what it said is on standard error."""


class Partner:
    """One program."""

    def __init__(self, module: str, process: subprocess.Popen[str]) -> None:
        self._module = module
        self._process = process
        self.pid = process.pid

    def tell(self, **facts: Any) -> None:
        """Say a line; what it does on it goes on beside us."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `hear` tells
            self._process.stdin.write(json.dumps(facts) + "\n")
            self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for its answer. Raises Silent."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Silent(f"{self._module} ended without an answer.")
        return json.loads(line)


@contextlib.contextmanager
def partner(module: str, environ: Mapping[str, str]) -> Iterator[Partner]:
    """Run a program of the bench's until the block ends."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", module],
        env=dict(environ),
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Partner(module, process)
        finally:
            process.terminate()
