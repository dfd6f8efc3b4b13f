"""Starting and stopping a server that outlives us and that many processes share.

A server is started with an open, exclusively locked file, which it and all its processes inherit
and which the kernel unlocks when the last of them is gone. That lock alone says whether it runs.
Pid files are no proof: they survive a `kill -9`, name strangers after a restart of the machine, and
name zombies in containers whose first process does not reap.
"""

import contextlib
import fcntl
import os
import stat
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from config import embedded_binaries

START_TIMEOUT_S = 120.0  # crash recovery and reading the append-only file take their time
STOP_TIMEOUT_S = 60.0  # per signal
POLL_S = 0.01
LOG_BYTES_MAX = 8_000_000
LOG_TAIL_BYTES = 2_000


class NotStarted(embedded_binaries.EmbeddedError):
    """A server could not be brought up."""


class NotStopped(embedded_binaries.EmbeddedError):
    """A server's processes stayed although they were told to go."""


class NotOurs(embedded_binaries.EmbeddedError):
    """A path is no directory, or someone else's."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} cannot be a directory of this user's: run Carat as its owner, or set "
            f"CARAT_DATA_DIR to another directory."
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server that answers says of itself."""

    version: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Server(ABC):
    """A server that keeps its files below `home` and its socket in `run`."""

    home: Path
    run: Path

    label: ClassVar[str]
    folder: ClassVar[str]
    socket_name: ClassVar[str]
    pid_name: ClassVar[str]
    stop_signals: ClassVar[tuple[str, ...]]  # the gentle one first

    @property
    def directory(self) -> Path:
        """Where it keeps its files, and where it is started."""
        return self.home / self.folder

    @property
    def socket_path(self) -> Path:
        """Where it answers."""
        return self.run / self.socket_name

    @property
    def lock_path(self) -> Path:
        """The file that its processes hold locked."""
        return self.home / f"{self.folder}.lock"

    @property
    def log_path(self) -> Path:
        """Where its words go."""
        return self.home / "log" / f"{self.folder}.log"

    @abstractmethod
    def set_up(self, programs: embedded_binaries.Programs, *, lock: int) -> None:
        """Make ready for a start: create what is missing, remove what a dead server left.

        Programs that write to the server's directory are to inherit the lock.
        """

    @abstractmethod
    def command(self, programs: embedded_binaries.Programs) -> list[str]:
        """Return the command line, to be run in the server's directory."""

    @abstractmethod
    def answer(self) -> Answer | None:
        """Return what it says of itself, or nothing if it does not answer (yet)."""

    def pid(self) -> int | None:
        """Return its main process, by its own pid file: to be believed only while it runs."""
        try:
            pid = int((self.directory / self.pid_name).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if pid > 1 else None

    def is_running(self) -> bool:
        """Whether any of its processes is alive."""
        if not self.lock_path.exists():
            return False
        with locked(self.lock_path, fcntl.LOCK_SH) as descriptor:
            return descriptor is None

    def reachable(self, path: Path) -> str:
        """Name a path for the server: what is in `home` relative to its directory.

        From the root directory its user may have no way there (a checkout below /root, mode 0700).
        """
        return f"../{path.relative_to(self.home)}" if path.is_relative_to(self.home) else str(path)


def bring_up(servers: Sequence[Server], programs: embedded_binaries.Programs) -> None:
    """Start those servers that do not run, side by side; return when all of them answer.

    The caller sees to it that nobody else does the same. Raises NotStarted.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    started: set[Server] = set()
    waiting = list(servers)
    while waiting := [server for server in waiting if server.answer() is None]:
        for server in waiting:
            with locked(server.lock_path, fcntl.LOCK_EX) as descriptor:
                if descriptor is None:
                    continue  # It is coming up, or a dead one's last processes are still going.
                if server in started:
                    raise NotStarted(f"{server.label} ended while starting. {_last_words(server)}")
                _start(server, programs, descriptor)
                started.add(server)
        if time.monotonic() > deadline:
            raise NotStarted(
                f"{waiting[0].label} runs but does not answer on {waiting[0].socket_path}: run "
                f"`manage.py stop`, then try again. {_last_words(waiting[0])}"
            )
        time.sleep(POLL_S)


def bring_down(server: Server) -> bool:
    """Stop a server and return when all its processes are gone; say whether it ran at all.

    Raises NotStopped.
    """
    if not server.is_running():
        return False
    for signal in server.stop_signals:
        told: int | None = None
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while server.is_running() and time.monotonic() < deadline:
            if (pid := server.pid()) is not None and pid != told:
                # As the server's user: a wrong pid in its file can then hit no one else's process.
                account = embedded_binaries.account_of(server.directory)
                account.run(["/bin/sh", "-c", f"kill -{signal} {pid}"])
                told = pid
            time.sleep(POLL_S)
    if server.is_running():
        raise NotStopped(
            f"{server.label} (process {server.pid()}) did not stop: see {server.log_path}, "
            f"end that process, then try again."
        )
    return True


@contextlib.contextmanager
def locked(path: Path, kind: int) -> Iterator[int | None]:
    """Hold a lock on a file of ours within the block, unless others hold it: then yield nothing.

    A process started with the yielded descriptor goes on holding the lock after the block.
    """
    descriptor = open_private(path)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """Open a file that only we may read, making it if missing; never through a link."""
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def make_directory(path: Path, owner: tuple[int, int], *, mode: int = 0o700) -> None:
    """Make a directory for a user and group. Raises NotOurs if a stranger's is in its place."""
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except PermissionError as error:
        raise NotOurs(path) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner[0]}:
        raise NotOurs(path)
    if (found.st_uid, found.st_gid) != owner:
        os.chown(path, *owner, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) != mode:
        path.chmod(mode)


def adopt(directory: Path, account: embedded_binaries.Account) -> None:
    """Give a directory to the servers' user, as root, wherever root alone could have put it.

    The user's id may be another than when it was made: the files were moved, or the container is
    a new one.
    """
    if account.is_other and directory.is_dir() and directory.lstat().st_uid != account.uid:
        for path in [directory, *directory.rglob("*")]:
            os.chown(path, *account.owner, follow_symlinks=False)


def _start(server: Server, programs: embedded_binaries.Programs, lock: int) -> None:
    """Start a server in a session of its own, where Ctrl-C does not reach it.

    The shell leaves at once, so the server becomes a child of init, which reaps it, and not ours.
    """
    adopt(server.directory, programs.account)
    server.set_up(programs, lock=lock)
    if server.log_path.exists() and server.log_path.stat().st_size > LOG_BYTES_MAX:
        server.log_path.replace(server.log_path.with_suffix(".log.1"))
    log = open_private(server.log_path, os.O_WRONLY | os.O_APPEND)
    try:
        subprocess.run(  # noqa: S603 - our own words, and no shell reads them
            ["/bin/sh", "-c", '"$@" &', "sh", *server.command(programs)],
            **programs.account.identity(),
            cwd=server.directory,
            env=embedded_binaries.server_environment(),
            umask=0o077,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
            check=True,
        )
    finally:
        os.close(log)


def _last_words(server: Server) -> str:
    if not server.log_path.exists():
        return "It left no log."
    with server.log_path.open("rb") as log:
        log.seek(max(0, server.log_path.stat().st_size - LOG_TAIL_BYTES))
        return f"The end of {server.log_path}:\n{log.read().decode(errors='replace')}"
