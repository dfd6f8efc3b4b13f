"""Backups of the database: one file, made while the site runs, and restored into an empty database.

Promises: a backup is one moment of the database, whole or not there at all, readable by its owner
only; its manifest says what is in it, and a damaged or foreign file is refused before anything is
written. A restore is whole or leaves the database empty. It names no role: the app role of the
database it is restored into gets its grants anew. The ledger is rebased, because the ids of
transactions start anew in another cluster, and audited.

Not in it: Valkey (nothing there is the record), logs, mail, and the secrets of the environment. A
backup runs code when it is restored, as the database's owner: restore only what you made yourself.
"""

import hashlib
import json
import os
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config import embedded

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DUMP: Final = "database.dump"
POLL_S: Final = 0.2
# Files that only grant: run again, they give a database's own app role what it had.
GRANTS: Final = "*_roles.sql"
# Counted at the backup's moment, and again after a restore.
COUNTED: Final = {
    "people": "public.accounts_user",
    "purchases": "public.wallet_purchase",
    "gifts": "public.gifts_sending",
    "payouts": "public.payouts_payout",
    "operations": "ledger.operation",
    "transfers": "ledger.transfer",
    "lots": "ledger.lot",
    "periods": "ledger.period",
}

type Progress = Callable[[int], None]  # told how many bytes are there, now and then


class NotABackup(Exception):
    """The file is not a backup, or not a whole one."""


class NewerBackup(Exception):
    """The backup was made by a newer Carat than this."""


class DatabaseNotEmpty(Exception):
    """The database to restore into has something in it."""


class RebaseFailed(Exception):
    """The ledger could not be rebased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, as its owner reaches it."""

    name: str
    user: str
    host: str
    port: str
    password: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """Return the address without the password."""
        given = {"dbname": self.name, "user": self.user, "host": self.host, "port": self.port}
        return make_conninfo(**{k: v for k, v in given.items() if v}, **dict(self.options))

    def connect(self) -> psycopg.Connection[Any]:
        """Connect with no bound on how long anything may take; every statement commits."""
        bounds = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"
        return psycopg.connect(
            self.address,
            password=self.password or None,
            options=" ".join(f"-c {bound}=0" for bound in bounds),
            autocommit=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    carat: str
    made_at: str
    database: str
    server_version: str
    system_identifier: str
    migrations: list[str]
    counts: dict[str, int]
    last_seal: str
    database_bytes: int
    dump_bytes: int
    dump_sha256: str


def place() -> Place:
    """Return the site's database, reached by the login that owns its tables."""
    owner = settings.DATABASE_OWNER
    return Place(
        name=owner["NAME"],
        user=owner["USER"],
        host=owner["HOST"],
        port=str(owner["PORT"] or ""),
        password=owner["PASSWORD"],
        options=tuple((name, str(value)) for name, value in owner.get("OPTIONS", {}).items()),
    )


def back_up(*, source: Place, target: Path, progress: Progress = lambda _bytes: None) -> Manifest:
    """Write the database as it is now to ``target``, which appears whole, or not at all.

    Writers go on. Raises embedded.ToolFailed, OSError.
    """
    target = target.absolute()
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        dump, whole = Path(folder) / DUMP, Path(folder) / "backup.tar"
        with source.connect() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            facts = _facts(connection)
            options = ["--format=custom", "--no-owner", "--no-privileges"]
            options += [f"--snapshot={_value(connection, 'SELECT pg_export_snapshot()')}"]
            options += [f"--file={dump}", f"--dbname={source.address}"]
            with _tool("pg_dump", *options, password=source.password) as running:
                _wait(running, lambda: progress(dump.stat().st_size if dump.exists() else 0))
        digest, size = _digest(dump)
        manifest = Manifest(**facts, dump_bytes=size, dump_sha256=digest)
        _pack(whole, manifest, dump)
        whole.rename(target)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Read what a backup says of itself. Raises NotABackup, NewerBackup."""
    try:
        with tarfile.open(file) as tar:
            member = tar.extractfile(MANIFEST)
            given = json.load(member) if member else None
        if not isinstance(given, dict) or given.get("format", 0) > FORMAT:
            raise NewerBackup(
                f"{file} was made by a newer Carat. Restore it with that version, or a later one."
            )
        manifest = Manifest(**given)
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise NotABackup(
            f"{file} cannot be read as a backup: {error}. Nothing was changed."
        ) from error
    unknown = set(manifest.migrations) - _known_migrations()
    if unknown:
        raise NewerBackup(
            f"{file} was made by a newer Carat ({manifest.carat}): it has migrations that this one "
            f"does not know ({', '.join(sorted(unknown))}). Restore it with that version."
        )
    return manifest


def restore(
    *, file: Path, target: Place, workspace: Path, progress: Progress = lambda _bytes: None
) -> Manifest:
    """Write a backup into an empty database, rebase its ledger, and give the app role its grants.

    The dump is unpacked in ``workspace`` meanwhile. Raises NotABackup, NewerBackup,
    DatabaseNotEmpty, RebaseFailed, embedded.ToolFailed.
    """
    manifest = read_manifest(file)
    with target.connect() as connection:
        _check_empty(connection, target)
        with tempfile.TemporaryDirectory(dir=workspace) as folder:
            dump = _unpack(file, manifest, Path(folder))
            options = ["--single-transaction", "--no-owner", "--no-privileges"]
            options += [f"--dbname={target.address}", str(dump)]
            with _tool("pg_restore", *options, password=target.password) as running:
                _wait(running, lambda: progress(_database_bytes(connection)))
    rebase(target=target)
    return manifest


def rebase(*, target: Place) -> None:
    """Let a restored ledger take up this cluster's transaction ids; then grant and tidy.

    For a database that was restored by other means, too. Raises RebaseFailed.
    """
    with target.connect() as connection:
        try:
            connection.execute("CALL ledger.rebase()")
        except psycopg.Error as error:
            raise RebaseFailed(
                f"The ledger was not rebased: {error.diag.message_primary or error}. Nothing can "
                "be posted until `manage.py restore --rebase` has run."
            ) from error
        for path in sorted((settings.BASE_DIR / "wallet/sql").glob(GRANTS)):
            connection.execute(sql.SQL(path.read_text()))
        _count_earnings_anew(connection)
        connection.execute("VACUUM (ANALYZE)")


def _count_earnings_anew(connection: psycopg.Connection[Any]) -> None:
    """Empty the sums of earnings: they know how far they came by the old cluster's ids.

    A backup of an older Carat has none yet.
    """
    if not _value(connection, "SELECT to_regclass('payouts_earningscursor') IS NOT NULL"):
        return
    for table in ("earningsday", "giftermonth", "earningslabel"):
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(f"payouts_{table}")))
    connection.execute("UPDATE payouts_earningscursor SET xid = 0")


def counts(target: Place) -> dict[str, int]:
    """Count what the manifest counts."""
    with target.connect() as connection:
        return _counts(connection)


def _facts(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    applied = connection.execute("SELECT app, name FROM public.django_migrations ORDER BY id")
    seal = (
        "SELECT encode(seal, 'hex') FROM ledger.period"
        " WHERE seal IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    return {
        "format": FORMAT,
        "carat": project["project"]["version"],
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": _value(connection, "SELECT current_database()"),
        "server_version": _value(connection, "SELECT current_setting('server_version')"),
        "system_identifier": str(
            _value(connection, "SELECT system_identifier FROM pg_control_system()")
        ),
        "migrations": [f"{app}.{name}" for app, name in applied],
        "counts": _counts(connection),
        "last_seal": _value(connection, seal) or "",
        "database_bytes": _database_bytes(connection),
    }


def _counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    found = {}
    for words, table in COUNTED.items():
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
        found[words] = int(connection.execute(query).fetchone()[0])  # type: ignore[index]
    return found


def _database_bytes(connection: psycopg.Connection[Any]) -> int:
    return int(_value(connection, "SELECT pg_database_size(current_database())"))


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _check_empty(connection: psycopg.Connection[Any], target: Place) -> None:
    found = _value(
        connection,
        "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    )
    if found:
        raise DatabaseNotEmpty(
            f'The database "{target.name}" is not empty, and a backup is restored into an empty '
            "one only. Nothing was changed. Make a new database and name it in DATABASE_URL and "
            "DATABASE_OWNER_URL; with the embedded servers, name a new directory in CARAT_DATA_DIR."
        )


def _known_migrations() -> set[str]:
    disk = MigrationLoader(None).disk_migrations
    assert disk is not None, "a loader reads the disk when it is made"
    return {f"{app}.{name}" for app, name in disk}


@contextmanager
def _tool(name: str, *arguments: str, password: str) -> Iterator[Future[str]]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(embedded.run_tool, name, *arguments, password=password)


def _wait(running: Future[str], look: Callable[[], None]) -> None:
    """Look now and then until the tool has ended, and raise what it raised."""
    while True:
        try:
            running.result(timeout=POLL_S)
        except TimeoutError:
            look()
        else:
            return


def _pack(whole: Path, manifest: Manifest, dump: Path) -> None:
    words = dump.with_name(MANIFEST)
    words.write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(words, MANIFEST, filter=_anonymous)
            tar.add(dump, DUMP, filter=_anonymous)
        file.flush()
        os.fsync(file.fileno())


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _unpack(file: Path, manifest: Manifest, folder: Path) -> Path:
    with tarfile.open(file) as tar:
        tar.extract(DUMP, folder, filter="data")
    dump = folder / DUMP
    if _digest(dump) != (manifest.dump_sha256, manifest.dump_bytes):
        raise NotABackup(
            f"{file} is damaged: its dump is not what its manifest says. Nothing was changed."
        )
    return dump


def _digest(dump: Path) -> tuple[str, int]:
    with dump.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), dump.stat().st_size
