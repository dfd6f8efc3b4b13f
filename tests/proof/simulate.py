"""Payout seeds by the hundred thousand: ``uv run python -m tests.proof.simulate --seeds 200000``.

Each process has a database of its own. What is done is noted in blocks beside the program's data,
so a run that was stopped goes on where it was; blocks that other code has lived do not count.
``--control NAME`` lives the same seeds over services that lack a guard, until they go wrong.
"""

import argparse
import gc
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # what goes wrong on purpose is counted
django.setup()

import psycopg  # noqa: E402 - Django first
from django.conf import settings  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test.utils import setup_databases  # noqa: E402
from psycopg import sql  # noqa: E402

from accounts.models import User  # noqa: E402
from config import database, embedded, seed  # noqa: E402
from tests.proof import broken_payouts, payout_seeds  # noqa: E402

ROOT: Final = Path(__file__).resolve().parents[2]
CODE: Final = ("payouts/**/*.py", "wallet/*.py", "wallet/sql/*.sql", "accounts/states.py",
               "accounts/services.py", "accounts/tellings.py",
               "tests/proof/payout_*.py")  # fmt: skip
TEMPLATE: Final = "test_carat_simulation"
BLOCK: Final = 10 * payout_seeds.CREATORS  # seeds that are noted together

pool: list[User] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What became of the seeds from ``first`` on."""

    first: int
    seeds: int
    code: str
    took_s: float
    seen: dict[str, int]
    wrongs: list[str]


def main() -> None:
    asked = _arguments()
    if settings.EMBEDDED:
        embedded.ensure(settings.CARAT_DATA_DIR)
    _make_template()
    if asked.control:
        sys.exit(_control(asked.control, range(asked.first, asked.first + asked.seeds)))
    note = Path(settings.CARAT_DATA_DIR) / "payout-seeds.jsonl"
    code = _code()
    done = {} if asked.again else _noted(note, code=code)
    firsts = [
        first
        for first in range(asked.first // BLOCK * BLOCK, asked.first + asked.seeds, BLOCK)
        if first not in done
    ]
    wanted = range(asked.first // BLOCK * BLOCK, asked.first + asked.seeds, BLOCK)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    blocks = [done[first] for first in wanted if first in done]
    try:
        with closing(_lived(firsts, processes=asked.processes, code=code)) as lived:
            for block in lived:
                blocks.append(block)
                with note.open("a") as lines:
                    lines.write(json.dumps(asdict(block)) + "\n")
                _show(blocks, of=len(wanted), fresh=len(firsts), began=began)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
    sys.exit(_report(blocks, as_json=asked.json))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200_000)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--control", choices=broken_payouts.CONTROLS, default="")
    parser.add_argument("--again", action="store_true", help="count nothing that was done before")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _lived(firsts: Sequence[int], *, processes: int, code: str) -> Generator[Block]:
    """Live the blocks, each process in a database of its own that is dropped in the end."""
    spawning = multiprocessing.get_context("spawn")
    with spawning.Pool(min(processes, max(1, len(firsts))), initializer=_join) as workers:
        names = [f"{TEMPLATE}_{worker.pid}" for worker in workers._pool]  # type: ignore[attr-defined]
        try:
            for block in workers.imap_unordered(live_block, firsts):
                yield Block(**block | {"code": code})
        finally:
            workers.terminate()
            workers.join()
            _drop(names)


def _join() -> None:
    """Begin as one of several processes. To stop is for the one that started them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _enter()


def _enter() -> None:
    """Make this process's own database and its creators."""
    name = f"{TEMPLATE}_{os.getpid()}"
    _copy(name)
    pool.extend(payout_seeds.make_pool())
    gc.freeze()


def live_block(first: int) -> dict[str, Any]:
    began = time.monotonic()
    seen: Counter[str] = Counter()
    wrongs: list[str] = []
    for world_first in range(first, first + BLOCK, payout_seeds.CREATORS):
        world, found = payout_seeds.fate_of(world_first, pool)
        seen += world.seen
        wrongs += found
    return {
        "first": first, "seeds": BLOCK, "took_s": time.monotonic() - began,
        "seen": {str(kind): count for kind, count in seen.items()}, "wrongs": wrongs,
    }  # fmt: skip


def _control(name: str, seeds: range) -> int:
    broken, kind = broken_payouts.CONTROLS[name]
    _enter()
    try:
        with broken():
            firsts = range(seeds.start, seeds.stop, payout_seeds.CREATORS)
            found = payout_seeds.first_wrong(firsts, pool, kind=kind)
    finally:
        connections.close_all()
        _drop([f"{TEMPLATE}_{os.getpid()}"])
    sys.stdout.write(f"{name}: {found or 'nothing went wrong'}\n")
    return 0 if found else 1


def _report(blocks: Sequence[Block], *, as_json: bool) -> int:
    seen: Counter[str] = Counter()
    for block in blocks:
        seen.update(block.seen)
    wrongs = [wrong for block in blocks for wrong in block.wrongs]
    took_s = sum(block.took_s for block in blocks)
    seeds = sum(block.seeds for block in blocks)
    figures = {
        "seeds": seeds,
        "paid_twice": sum(wrong.startswith("paid twice") for wrong in wrongs),
        "unpaid": sum(wrong.startswith("never paid") for wrong in wrongs),
        "wrong": len(wrongs),
        "kills": sum(count for kind, count in seen.items() if kind.startswith("killed")),
        "process_s": round(took_s, 1),
        "seeds_per_process_s": round(seeds / took_s, 1) if took_s else 0,
        "wrongs": wrongs[:20],
        "seen": dict(sorted(seen.items())),
    }
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        sys.stdout.writelines(f"{name}: {figure}\n" for name, figure in figures.items())
    return 1 if wrongs else 0


def _show(blocks: Sequence[Block], *, of: int, fresh: int, began: float) -> None:
    now_done = len(blocks) - (of - fresh)
    left_s = (time.monotonic() - began) / now_done * (of - len(blocks))
    wrongs = sum(len(block.wrongs) for block in blocks)
    sys.stderr.write(
        f"\r{len(blocks) * BLOCK:,} of {of * BLOCK:,} seeds, {wrongs} wrong, "
        f"{left_s / 60:.0f} min left "
    )
    sys.stderr.flush()


def _noted(note: Path, *, code: str) -> dict[int, Block]:
    lines: Iterable[str] = note.read_text().splitlines() if note.exists() else ()
    blocks = [Block(**json.loads(line)) for line in lines]
    return {block.first: block for block in blocks if block.code == code}


def _code() -> str:
    """A mark of the code that is lived through: another one must be lived again."""
    files = sorted(path for pattern in CODE for path in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def _make_template() -> None:
    """The migrated and seeded database that each process copies."""
    connection.settings_dict["TEST"]["NAME"] = TEMPLATE
    database.become_owner()
    setup_databases(verbosity=0, interactive=False, keepdb=True)
    seed.seed(holds=True, notice_days=30)
    connections.close_all()


def _copy(name: str) -> None:
    _drop([name])
    with _server() as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    connection.settings_dict["NAME"] = name
    database.become_app(role=f"{TEMPLATE}_app")


def _drop(names: Iterable[str]) -> None:
    with _server() as server:
        for name in names:
            server.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@contextmanager
def _server() -> Iterator[psycopg.Connection[Any]]:
    """The server as the owner, outside every database of the simulation."""
    place = settings.DATABASE_OWNER
    with psycopg.connect(
        host=place["HOST"],
        port=place["PORT"] or None,
        user=place["USER"],
        password=place["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
    ) as server:
        yield server


if __name__ == "__main__":
    main()
