"""PostgreSQL and Valkey without an installation: real servers, shared by all processes of Carat.

`locate` says where they are and touches nothing, so settings may call it. `ensure` starts what does
not run and counts this process as a user of the servers until it ends or calls `release`; the
last user out stops them, unless somebody asked to keep them. Users are counted by shared locks,
which the kernel drops with their process: a `kill -9` of any user or server leaves nothing to clean
up, and the next `ensure` brings back what is missing.

A process that may be ended by SIGTERM must call `release` itself: Python does not exit then. A
forked child is no user of its own until it calls `ensure`.

Everything is below `<data directory>/servers`, closed to other users (as root, only the servers'
user may pass through it): `pg18/` and `valkey/` (the data), `run/` (the sockets; in /tmp when the
path would be too long for a socket), `log/`, and the locks.
"""

import atexit
import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config import embedded_binaries, embedded_processes, embedded_servers

# Callers need this module only.
EmbeddedError = embedded_binaries.EmbeddedError
postgres_bin = embedded_binaries.postgres_bin
run_tool = embedded_binaries.run_tool
tool_environment = embedded_binaries.tool_environment

# With the name of the longest socket 100; a socket's path may have 107 on Linux, 103 on macOS.
RUN_PATH_BYTES_MAX = 100 - len("/.s.PGSQL.5432")
OWNER = embedded_servers.OWNER
DATABASE = embedded_servers.DATABASE


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of one data directory are."""

    data: Path
    run: Path

    @property
    def home(self) -> Path:
        """The directory of all that the servers keep."""
        return self.data / "servers"

    @property
    def postgres(self) -> embedded_servers.Postgres:
        """The PostgreSQL server."""
        return embedded_servers.Postgres(home=self.home, run=self.run)

    @property
    def valkey(self) -> embedded_servers.Valkey:
        """The Valkey server."""
        return embedded_servers.Valkey(home=self.home, run=self.run)

    @property
    def start_lock(self) -> Path:
        """Held while servers are started or stopped."""
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all processes that use the servers."""
        return self.home / "users.lock"

    @property
    def keep_flag(self) -> Path:
        """There, if the servers are to stay when their last user leaves."""
        return self.home / "keep"

    @property
    def redis_url(self) -> str:
        """Valkey's first database, for redis-py and Django's cache."""
        return self.redis_url_for(0)

    @property
    def broker_url(self) -> str:
        """Celery's own database; kombu spells socket addresses in its own way."""
        return f"redis+socket://{quote(str(self.valkey.socket_path))}?virtual_host=1"

    def redis_url_for(self, db: int) -> str:
        """Return the address of one of Valkey's sixteen databases."""
        return f"unix://{quote(str(self.valkey.socket_path))}?db={db}"

    def database_url(self, user: str, name: str) -> str:
        """Return the address of a database, for one of the cluster's logins.

        It names the port, which PGPORT would change otherwise.
        """
        port = embedded_servers.POSTGRES_PORT
        return f"postgresql://{user}@:{port}/{name}?host={quote(str(self.run))}"


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server as it is now: `answer` is there if it answers, `pid` if it runs."""

    label: str
    address: str
    pid: int | None
    answer: embedded_processes.Answer | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """Both servers as they are now, and who uses them."""

    postgres: ServerState
    valkey: ServerState
    is_kept: bool
    users: tuple[int, ...]  # process ids; empty where the system does not tell

    @property
    def is_up(self) -> bool:
        """Whether both servers answer."""
        return self.postgres.answer is not None and self.valkey.answer is not None


@dataclass(frozen=True, slots=True)
class _Hold:
    """Our shared lock, and the process that took it: a fork inherits the lock, but is no user."""

    descriptor: int
    pid: int


_holds: dict[Path, _Hold] = {}


def locate(data_dir: Path) -> Servers:
    """Return where the servers of a data directory are or would be, touching nothing."""
    data = data_dir.resolve()
    servers = Servers(data=data, run=data / "servers" / "run")
    # libpq takes a comma for the end of one host's name and the start of another's.
    if len(os.fsencode(servers.run)) <= RUN_PATH_BYTES_MAX and "," not in str(servers.run):
        return servers
    # Not tempfile.gettempdir(): TMPDIR may differ between processes that must meet here.
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Servers(data=data, run=Path(f"/tmp/carat-{os.geteuid()}-{digest}"))  # noqa: S108


def ensure(data_dir: Path, *, keep: bool = False) -> Servers:
    """Start what does not run, count us as a user, and return when both servers answer.

    `keep` leaves the servers running after their last user, until `stop`. Raises EmbeddedError.
    """
    servers = locate(data_dir)
    account = embedded_binaries.current_account()
    _make_directories(servers, account)
    with _exclusive(servers):
        _hold(servers)
        if keep:
            os.close(embedded_processes.open_private(servers.keep_flag))
        both = [servers.valkey, servers.postgres]  # Valkey loads while PostgreSQL is set up
        if away := [server for server in both if server.answer() is None]:
            embedded_processes.bring_up(away, embedded_binaries.programs_for(account))
        servers.postgres.make_database()
    return servers


def release(data_dir: Path) -> None:
    """Stop being a user of the servers; the last user stops them, unless they are kept.

    Raises NotStopped.
    """
    servers = locate(data_dir)
    hold = _holds.pop(servers.home, None)
    if hold is None or hold.pid != os.getpid():
        return
    try:
        if not _is_made(servers):
            return
        with _exclusive(servers):
            if _is_last(hold) and not servers.keep_flag.exists():
                _stop_both(servers)
    finally:
        os.close(hold.descriptor)


def stop(data_dir: Path) -> tuple[str, ...]:
    """Stop both servers, whoever uses them, and forget to keep them; return which ones ran.

    Raises NotStopped, NotOurs.
    """
    servers = locate(data_dir)
    if not _is_made(servers):
        return ()
    with _exclusive(servers):
        servers.keep_flag.unlink(missing_ok=True)
        return _stop_both(servers)


def state(data_dir: Path) -> State:
    """Return how both servers are now. Starts nothing and waits for nobody. Raises NotOurs."""
    servers = locate(data_dir)
    _is_made(servers)  # or another user's
    return State(
        postgres=_state_of(servers.postgres, servers.database_url(OWNER, DATABASE)),
        valkey=_state_of(servers.valkey, servers.redis_url),
        is_kept=servers.keep_flag.exists(),
        users=_users(servers),
    )


def _is_made(servers: Servers) -> bool:
    """Whether there is anything of the servers at all. Raises NotOurs."""
    try:
        owner = servers.home.lstat().st_uid
    except FileNotFoundError:
        return False
    except PermissionError:
        owner = -1
    if owner != os.geteuid():
        raise embedded_processes.NotOurs(servers.home)
    return True


def _make_directories(servers: Servers, account: embedded_binaries.Account) -> None:
    """Make the directories. Only what we made ourselves gets another mode or owner.

    As root, `servers` stays root's own: the servers' user passes through and can change nothing in
    it, so that it cannot make root follow a link.
    """
    ours = (os.geteuid(), account.gid)
    try:
        servers.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise embedded_processes.NotOurs(servers.data) from error
    embedded_processes.make_directory(servers.home, ours, mode=0o710 if account.is_other else 0o700)
    embedded_processes.make_directory(servers.home / "log", ours)
    if servers.run.is_relative_to(servers.home):
        embedded_processes.adopt(servers.run, account)
    embedded_processes.make_directory(servers.run, account.owner)


@contextlib.contextmanager
def _exclusive(servers: Servers) -> Iterator[None]:
    """Let only one process at a time start or stop servers; wait for our turn."""
    descriptor = embedded_processes.open_private(servers.start_lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _hold(servers: Servers) -> None:
    """Take our shared lock, unless we have it, and give it back when Python exits."""
    hold = _holds.get(servers.home)
    if hold is not None and hold.pid == os.getpid():
        return
    if hold is not None:
        os.close(hold.descriptor)  # a parent's, which keeps its own copy
    descriptor = embedded_processes.open_private(servers.users_lock)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _holds[servers.home] = _Hold(descriptor=descriptor, pid=os.getpid())
    atexit.register(release, servers.data)


def _is_last(hold: _Hold) -> bool:
    """Whether nobody else uses the servers. The caller is giving up its own share."""
    try:
        fcntl.flock(hold.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop_both(servers: Servers) -> tuple[str, ...]:
    both = (servers.valkey, servers.postgres)
    return tuple(server.label for server in both if embedded_processes.bring_down(server))


def _state_of(server: embedded_processes.Server, address: str) -> ServerState:
    return ServerState(
        label=server.label,
        address=address,
        pid=server.pid() if server.is_running() else None,
        answer=server.answer(),
        size_bytes=_size_bytes(server.directory),
    )


def _size_bytes(directory: Path) -> int:
    total = 0
    for folder, _, names in directory.walk():
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # servers remove files all the time
                total += (folder / name).lstat().st_size
    return total


def _users(servers: Servers) -> tuple[int, ...]:
    """Return who holds the users' lock, as Linux lists it: the sixth field ends in the inode."""
    try:
        inode = servers.users_lock.stat().st_ino
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return ()
    held = [row for row in rows if row[1] == "FLOCK" and row[5].endswith(f":{inode}")]
    return tuple(sorted({int(row[4]) for row in held if int(row[4]) > 0}))


def secret_key(data: Path) -> str:
    """Read the key that signs this data directory's sessions; make it, for its owner, at first."""
    return _kept(data, "secret-key", secrets.token_urlsafe(50))


def encryption_key(data: Path) -> str:
    """Read the key that encrypts this data directory's secrets; make it at first."""
    return _kept(data, "encryption-key", f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}")


def _kept(data: Path, name: str, new: str) -> str:
    """Read a secret of the data directory, which is its owner's alone. The first maker's stays."""
    path = locate(data).data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new)
    return path.read_text()
