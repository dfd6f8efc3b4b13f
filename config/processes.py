"""A program that Carat runs beside itself: in a process group of its own, with a log of its own.

Promises: stopping a program ends its whole group, gently first; a program that an earlier run left
behind is recognised by what it was born as, never by its number alone, so no stranger is ended.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

LOG_BYTES_MAX: Final = 8_000_000
POLL_S: Final = 0.05
# In the environment of every program: which run of the supervisor it belongs to.
MARK: Final = "CARAT_RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. ``stops`` orders the end: the lowest first."""

    name: str
    argv: tuple[str, ...]
    stops: int
    environ: Mapping[str, str] = field(default_factory=dict)
    stop_within_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """A process, and what tells it from a later one with the same number."""

    pid: int
    born: str
    mark: str


def launch(
    program: Program, *, log: Path, folder: Path, environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: a terminal's Ctrl-C does not reach it."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.rename(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        os.write(descriptor, f"--- {at} {program.name} starts\n".encode())
        return subprocess.Popen(  # noqa: S603 - our own words, and no shell reads them
            program.argv,
            cwd=folder,
            env={**os.environ, **environ, **program.environ},
            stdin=subprocess.DEVNULL,
            umask=0o077,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def end(process: subprocess.Popen[bytes], *, within_s: float) -> bool:
    """End a program of ours and its whole group; whether it went by itself in time."""
    went = True
    if process.poll() is None:
        signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            went = False
    signal_group(process.pid, signal.SIGKILL)  # what the leader left, or the leader too
    process.wait()
    return went


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal every process of the group that ``pid`` leads; none left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def birth(pid: int, *, mark: str = "") -> Birth | None:
    """Return what tells this process from others; None when it is gone."""
    born = _born(pid)
    return Birth(pid=pid, born=born, mark=mark) if born else None


def is_alive(known: Birth) -> bool:
    """Whether that very process runs."""
    return _born(known.pid) == known.born


def end_left_behind(known: Birth, *, within_s: float) -> bool:
    """End the group of a program that a run before left behind; whether there was one."""
    if not (is_alive(known) or _is_group_marked(known)):
        return False
    deadline = time.monotonic() + within_s
    signal_group(known.pid, signal.SIGTERM)
    while _is_group_there(known.pid) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    signal_group(known.pid, signal.SIGKILL)
    return True


def _born(pid: int) -> str:
    """When the process started, exactly: ticks since a named boot, or ps's date elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _born_by_ps(pid)
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _born_by_ps(pid: int) -> str:
    said = subprocess.run(  # noqa: S603 - our own words, and no shell reads them
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        env={"LC_ALL": "C"},
        text=True,
        capture_output=True,
        check=False,
    )
    return said.stdout.strip()


def _is_group_marked(known: Birth) -> bool:
    """Whether members of a group whose leader is gone carry its run's mark (Linux only)."""
    wanted = f"{MARK}={known.mark}".encode()
    return bool(known.mark) and any(wanted in _environ_of(pid) for pid in _members(known.pid))


def _is_group_there(leader: int) -> bool:
    if Path("/proc/self/stat").exists():
        return any(_born(pid) for pid in _members(leader))
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _members(leader: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader:
                found.append(int(path.parent.name))
    return found


def _environ_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
