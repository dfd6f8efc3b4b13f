"""What processes cost: processor time and memory, read from ``/proc``. Elsewhere all are zero."""

import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection

PROC: Final = Path("/proc")
# Fields of /proc/<pid>/stat after the name, from 0: proc_pid_stat(5).
PARENT, TIMES, PAGES = 1, slice(11, 15), 21


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time since their start, and memory now."""

    cpu_s: float
    memory_kb: float


def of(pid: int) -> Usage:
    """What a process and all that it started have used, those included that it has waited for."""
    stats = _stats()
    children: dict[int, list[int]] = defaultdict(list)
    for child, fields in stats.items():
        children[int(fields[PARENT])].append(child)
    family = [pid]
    for member in family:
        family += children[member]
    known = [stats[member] for member in family if member in stats]
    ticks = sum(int(time) for fields in known for time in fields[TIMES])
    pages = sum(int(fields[PAGES]) for fields in known)
    if not known:
        return Usage(0.0, 0.0)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1024)


def postgresql() -> int:
    """Find the server's first process; 0 when it may run elsewhere."""
    if not settings.EMBEDDED:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    backend: Any = _stats().get(pid)
    return int(backend[PARENT]) if backend else 0


def _stats() -> dict[int, list[str]]:
    found = {}
    for path in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return found
