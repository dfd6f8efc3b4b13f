"""Keeps the site's programs running, and ends them together.

Promises: one supervisor for each data directory; a program that ends is started again, a little
later each time, and that is said; on SIGINT, SIGTERM or the loss of the terminal all programs end
in their order, none is left. After a ``kill -9`` of the supervisor the next run (or ``manage.py
stop``) ends what was left before it starts anything.
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from config import processes
from config.processes import Birth, Program

TICK_S: Final = 0.2
UPKEEP_S: Final = 5.0
PAUSE_S: Final = 0.5  # before the first new start; doubled for each that follows
PAUSE_MAX_S: Final = 30.0
CALM_S: Final = 30.0  # a program that ran so long is trusted again
LEFT_WITHIN_S: Final = 10.0
OTHER_WITHIN_S: Final = 60.0

type Say = Callable[[str], None]


class RunsAlready(Exception):
    """Another supervisor runs on the same data directory."""


class Told(BaseException):
    """A signal told us to end while we were still starting. Not an error: nothing catches it."""


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    ends: int = 0


@contextmanager
def supervised(*, data: Path, folder: Path, address: str, say: Say) -> Iterator["Supervisor"]:
    """Be the one supervisor of a data directory; leave with every program ended.

    Raises RunsAlready; Told when a signal comes while the block has not begun to watch.
    """
    lock = _take_lock(data)
    try:
        for name in end_left_behind(data):
            say(f"Ended {name}, which an earlier run had left behind.")
        here = Supervisor(data=data, folder=folder, address=address, say=say)
        with here.listening():
            try:
                yield here
            finally:
                here.end_all()
        _record_path(data).unlink(missing_ok=True)
    finally:
        os.close(lock)


class Supervisor:
    """The programs of one run."""

    def __init__(self, *, data: Path, folder: Path, address: str, say: Say) -> None:
        self._data = data
        self._folder = folder
        self._address = address
        self._say = say
        self._mark = secrets.token_hex(8)
        self._children: list[_Child] = []
        self._told = threading.Event()
        self._is_watching = False
        self._is_hurried = False
        (data / "log").mkdir(mode=0o700, exist_ok=True)
        self._record()

    def log_of(self, name: str) -> Path:
        """Where a program's words go."""
        return self._data / "log" / f"{name}.log"

    def start(self, program: Program) -> None:
        """Start a program and keep it running from now on."""
        child = _Child(program)
        self._children.append(child)
        self._launch(child)

    def pid_of(self, name: str) -> int:
        """Which process was started for a program that runs."""
        found = [
            child.process.pid
            for child in self._children
            if child.program.name == name and child.process is not None
        ]
        return found[0]

    def is_running(self, name: str) -> bool:
        """Whether a program runs right now."""
        return any(
            child.process is not None and child.process.poll() is None
            for child in self._children
            if child.program.name == name
        )

    def watch(self, *, upkeep: Callable[[], None], upkeep_s: float = UPKEEP_S) -> None:
        """Start again what ends, and do the upkeep now and then, until told to end."""
        self._is_watching = True
        next_upkeep = time.monotonic() + upkeep_s
        while not self._told.wait(TICK_S):
            for child in self._children:
                self._look(child)
            if time.monotonic() >= next_upkeep:
                upkeep()
                next_upkeep = time.monotonic() + upkeep_s

    def end_all(self) -> None:
        """End every program in its order. Told a second time, we wait for nobody."""
        self._is_watching = True
        for child in sorted(self._children, key=lambda each: each.program.stops):
            if child.process is None:
                continue
            within_s = 0.0 if self._is_hurried else child.program.stop_within_s
            if not processes.end(child.process, within_s=within_s):
                self._say(f"{child.program.name} did not end by itself and was killed.")
            child.process = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take signals as the word to end. One that was ignored when we came stays ignored."""
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        taken = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
        for number in taken:
            signal.signal(number, self._be_told)
        try:
            yield
        finally:
            for number, before in taken.items():
                signal.signal(number, before)

    def _be_told(self, _number: int, _frame: FrameType | None) -> None:
        self._is_hurried = self._told.is_set()
        self._told.set()
        if not self._is_watching:
            raise Told

    def _launch(self, child: _Child) -> None:
        child.process = processes.launch(
            child.program,
            log=self.log_of(child.program.name),
            folder=self._folder,
            environ={processes.MARK: self._mark},
        )
        child.started_at = time.monotonic()
        self._record()

    def _look(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._launch(child)
            return
        status = child.process.poll()
        if status is None:
            return
        processes.end(child.process, within_s=0)  # whatever of its group is left
        child.process = None
        child.ends = 0 if now - child.started_at > CALM_S else child.ends
        pause_s = min(PAUSE_S * 2**child.ends, PAUSE_MAX_S)
        child.ends = min(child.ends + 1, 10)
        child.start_at = now + pause_s
        how = f"was killed by signal {-status}" if status < 0 else f"ended with {status}"
        log = self.log_of(child.program.name)
        self._say(f"{child.program.name} {how}; it starts again in {pause_s:g} s. See {log}")

    def _record(self) -> None:
        """Write down who we are and what we run, for a run that comes after a `kill -9`."""
        children = {
            child.program.name: processes.birth(child.process.pid, mark=self._mark)
            for child in self._children
            if child.process is not None
        }
        ours = processes.birth(os.getpid())
        record = {
            "address": self._address,
            "supervisor": asdict(ours) if ours else None,
            "programs": {name: asdict(born) for name, born in children.items() if born},
        }
        write_private(_record_path(self._data), json.dumps(record))


def end_left_behind(data: Path) -> list[str]:
    """End the programs of a supervisor that is gone; their names. The caller holds the lock."""
    programs = _read_record(data).get("programs", {})
    return [
        name
        for name, known in programs.items()
        if processes.end_left_behind(Birth(**known), within_s=LEFT_WITHIN_S)
    ]


def end_other(data: Path) -> bool:
    """Tell the supervisor of a data directory to end, and wait until it has; whether one ran.

    Without one, whatever a killed one left behind is ended.
    """
    try:
        lock = _take_lock(data)
    except RunsAlready:
        known = _read_record(data).get("supervisor")
        if known and processes.is_alive(Birth(**known)):
            os.kill(known["pid"], signal.SIGTERM)
        deadline = time.monotonic() + OTHER_WITHIN_S
        while time.monotonic() < deadline:
            time.sleep(TICK_S)
            with contextlib.suppress(RunsAlready):
                os.close(_take_lock(data))
                return True
        raise
    except FileNotFoundError:
        return False
    try:
        return bool(end_left_behind(data))
    finally:
        os.close(lock)


def write_private(path: Path, text: str) -> None:
    """Replace a file's text in one step; only its owner may read it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def _record_path(data: Path) -> Path:
    return data / "supervisor.json"


def _read_record(data: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(_record_path(data).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _take_lock(data: Path) -> int:
    """Take the data directory's lock: the kernel gives it back when we end, however we end."""
    descriptor = os.open(data / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        record = _read_record(data)
        who = (record.get("supervisor") or {}).get("pid", "unknown")
        raise RunsAlready(
            f"Carat runs already on {data} (process {who}), at "
            f"{record.get('address', 'its address')}. Stop it with Ctrl-C or `manage.py stop`, or "
            "name another directory in CARAT_DATA_DIR."
        ) from None
    return descriptor
