"""The two embedded servers: how each is set up, configured and asked whether it answers.

No server listens on TCP. The sockets are in a directory that only the servers' user (and root) may
enter, so whoever gets in is trusted without a password. Nothing acknowledged is lost: PostgreSQL
syncs at each commit; Valkey's append-only file holds every write when the process dies, and is at
most a second behind the disk when the machine does.
"""

import shutil
import socket
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import psycopg

from config import embedded_binaries, embedded_processes

OWNER = "carat"  # the cluster's superuser, as whom migrations run
DATABASE = "carat"
POSTGRES_PORT = 5432  # a part of the socket's name; nothing listens on TCP
ANSWER_TIMEOUT_S = 2  # libpq's least

# On the command line, so that no configuration file can take them back.
POSTGRES_PROMISES = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=on",
    "full_page_writes=on",
)
# In the cluster's postgresql.conf from its birth, for the operator to change.
POSTGRES_SETTINGS = (
    "synchronous_commit=on",
    "max_connections=200",
    "shared_buffers=256MB",
    "timezone=UTC",
    "log_timezone=UTC",
)
VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
}


@dataclass(frozen=True, slots=True)
class Postgres(embedded_processes.Server):
    """The PostgreSQL cluster, made at its first start."""

    label: ClassVar[str] = "PostgreSQL"
    folder: ClassVar[str] = f"pg{embedded_binaries.POSTGRES_MAJOR}"
    socket_name: ClassVar[str] = f".s.PGSQL.{POSTGRES_PORT}"
    pid_name: ClassVar[str] = "postmaster.pid"
    stop_signals: ClassVar[tuple[str, ...]] = ("INT", "QUIT")  # fast, then immediate shutdown

    def set_up(self, programs: embedded_binaries.Programs, *, lock: int) -> None:
        """Create the cluster, which appears whole or not at all, and clear the way for a start."""
        for cut_off in self.home.glob(f"{self.folder}.*/"):
            shutil.rmtree(cut_off)
        if not self.directory.exists():
            self._create(programs, lock)
        # We hold the server's lock, so whoever left these is gone. PostgreSQL itself would take
        # a zombie, or a stranger that has got the old process id, for a running server.
        (self.directory / self.pid_name).unlink(missing_ok=True)
        self.socket_path.with_name(f"{self.socket_name}.lock").unlink(missing_ok=True)

    def command(self, programs: embedded_binaries.Programs) -> list[str]:
        """Return the command line."""
        words = [str(programs.postgres_bin / "postgres")]
        words += ["-D", _own_name(self.directory, programs.account)]
        words += ["-k", self.reachable(self.run), "-p", str(POSTGRES_PORT)]
        return words + [word for promise in POSTGRES_PROMISES for word in ("-c", promise)]

    def answer(self) -> embedded_processes.Answer | None:
        """Return what it says of itself, or nothing if it takes no queries (yet)."""
        question = "SELECT current_setting('server_version'), pg_postmaster_start_time()"
        try:
            with self._connect() as connection:
                row = connection.execute(question).fetchone()
        except psycopg.OperationalError:
            return None
        assert row is not None, "a SELECT without FROM has one row"
        return embedded_processes.Answer(version=row[0], started_at=row[1])

    def make_database(self) -> None:
        """Create the default database if it is missing."""
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        with self._connect() as connection:
            if connection.execute(known, [DATABASE]).fetchone() is None:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def _connect(self) -> psycopg.Connection[tuple[str, datetime]]:
        return psycopg.connect(
            host=str(self.run),
            port=POSTGRES_PORT,
            user=OWNER,
            dbname="postgres",
            connect_timeout=ANSWER_TIMEOUT_S,
            autocommit=True,
        )

    def _create(self, programs: embedded_binaries.Programs, lock: int) -> None:
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.folder}.", dir=self.home))
        embedded_processes.make_directory(fresh, programs.account.owner)
        words = ["--pgdata", _own_name(fresh, programs.account), "--username", OWNER]
        # The builtin locale is the same on every machine, whatever LANG says and has installed.
        words += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        words += ["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]
        words += ["--auth-local=trust", "--auth-host=reject"]
        words += [word for setting in POSTGRES_SETTINGS for word in ("-c", setting)]
        initdb = str(programs.postgres_bin / "initdb")
        made = programs.account.run([initdb, *words], cwd=fresh, inherited=[lock])
        if made.returncode != 0:
            raise embedded_processes.NotStarted(
                f"PostgreSQL's files could not be made: {made.stderr}"
            )
        fresh.rename(self.directory)


@dataclass(frozen=True, slots=True)
class Valkey(embedded_processes.Server):
    """The Valkey server: broker, cache and the rooms' streams."""

    label: ClassVar[str] = "Valkey"
    folder: ClassVar[str] = "valkey"
    socket_name: ClassVar[str] = "valkey.sock"
    pid_name: ClassVar[str] = "valkey.pid"
    stop_signals: ClassVar[tuple[str, ...]] = ("TERM", "KILL")

    def set_up(self, programs: embedded_binaries.Programs, *, lock: int) -> None:
        """Create its directory."""
        embedded_processes.make_directory(self.directory, programs.account.owner)

    def command(self, programs: embedded_binaries.Programs) -> list[str]:
        """Return the command line; the server keeps its files where it is started."""
        words = [str(programs.valkey_server), "--pidfile", self.pid_name]
        words += ["--unixsocket", self.reachable(self.socket_path)]
        return words + [w for name, value in VALKEY_SETTINGS.items() for w in (f"--{name}", value)]

    def answer(self) -> embedded_processes.Answer | None:
        """Return what it says of itself, or nothing if it is away or still loading."""
        try:
            lines = self._ask("INFO server", "PING", "QUIT")
        except OSError:
            return None
        if "+PONG" not in lines:
            return None
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        started_s = int(facts["server_time_usec"]) // 1_000_000 - int(facts["uptime_in_seconds"])
        return embedded_processes.Answer(
            version=facts["valkey_version"], started_at=datetime.fromtimestamp(started_s, UTC)
        )

    def _ask(self, *commands: str) -> list[str]:
        """Return the lines of the answers to commands of which the last one hangs up.

        Raises OSError.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.connect(str(self.socket_path))
            connection.sendall("".join(f"{command}\r\n" for command in commands).encode())
            with connection.makefile("rb") as answer:
                return answer.read().decode().splitlines()


def _own_name(directory: Path, account: embedded_binaries.Account) -> str:
    """Name the directory in which a PostgreSQL program is started, for that program.

    The kernel lets a process use the directory that it was put in, even where its user has no way
    to it. PostgreSQL wants an absolute path, and this one needs no way.
    """
    here = Path("/proc/self/cwd")
    return str(here) if account.is_other and here.exists() else str(directory)
