"""A room with many viewers: how long a gift takes to each of them, beside a bare fan-out, and what
a hot room takes.

Gifts go through ``gifts.services`` from paced processes, over the database, a relay and one process
of streams, as in production, to viewers who read them over TCP. The bare fan-out (``floor``) has
the same viewers, pace and words, and is measured in turns with the room, so that a noise of the
machine hits both alike. An event's time is the beginning of its gift's transaction, so the room's
figures hold the commit too; the floor's begin when Valkey is told.

All of it shares one machine: what the clients and the database use is told too.
"""

import contextlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import redis
from django.conf import settings

from config import running
from config.benches import gifting, knocks, talking, usage
from config.processes import Program
from config.supervisor import Supervisor
from gifts import passes, room_log

PAYERS: Final = 5_000
SENDERS: Final = 4
PACE: Final = 50  # gifts a second while the way to the viewers is timed
HOT_PACE: Final = 200
TURNS: Final = 4
WARM_UP_S: Final = 2.0
SHOWN_WITHIN_S: Final = 60.0
FILES_BESIDE: Final = 200  # what a server holds open besides its viewers
FLOOR_KEY: Final = "carat:bench:floor"

MEANINGS: Final = {
    "viewers": "open streams, all to one process",
    "gifts_per_s": f"gifts sent while the way to the viewers was timed; {PACE} were asked for",
    "p50_ms": "from the beginning of a gift's transaction to each viewer",
    "p95_ms": "the same",
    "p99_ms": "the same",
    "lost": "events that a viewer does not have in the end, resumed or not",
    "twice": "events that a viewer was sent again",
    "resumed": "viewers who hung up and came back",
    "let_go": "viewers that the server let go, who came back",
    "kb_per_viewer": "memory of the process of streams, for each open one",
    "frames_per_s": "messages to each viewer",
    "floor_p50_ms": "a bare fan-out without Django, from Valkey to each viewer",
    "floor_p95_ms": "the same",
    "floor_p99_ms": "the same",
    "floor_frames_per_s": "messages to each of its viewers",
    "floor_kb_per_viewer": "memory of the bare fan-out, for each open stream",
    "p95_over_floor": "p95_ms / floor_p95_ms",
    "cpu_stream_us": "processor time for each event at each viewer: the process of streams",
    "cpu_relay_us": "the relay",
    "cpu_postgresql_us": "PostgreSQL",
    "cpu_senders_us": "the processes that send gifts",
    "cpu_viewers_us": "the program that all viewers are",
    "cpu_floor_us": "the bare fan-out",
    "quiet_sent_per_s": "gifts that the room takes without viewers",
    "quiet_send_p95_ms": "how long one of them takes",
    "hot_offered_per_s": "gifts offered to the room",
    "hot_sent_per_s": "gifts that the room takes with all viewers",
    "hot_send_p95_ms": "how long one of them takes",
    "hot_over_quiet": "hot_sent_per_s / quiet_sent_per_s",
    "hot_lost": "events that a viewer does not have in the end",
    "hot_p95_ms": "from the beginning of a gift's transaction to each viewer",
    "load": "the machine's load average when it began, of one minute",
}

type Say = Callable[[str], None]
type Spans = list[tuple[int, int]]


class TooFewFiles(Exception):
    """This machine lets no process hold so many connections open."""


@dataclass(slots=True)
class Cost:
    """Processor seconds of some processes, over the times that were asked about."""

    pids: Mapping[str, int]
    cpu_s: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Add what is used in the block."""
        before = {name: usage.of(pid).cpu_s for name, pid in self.pids.items() if pid}
        yield
        for name, was in before.items():
            spent = usage.of(self.pids[name]).cpu_s - was
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + spent


@dataclass(slots=True, kw_only=True)
class Bench:
    """The programs of one run, and the room."""

    environ: Mapping[str, str]
    room_id: UUID
    payers: range
    viewers: int
    seconds: float
    here: Supervisor
    senders: list[talking.Partner]
    valkey: redis.Redis
    floor_number: int = 0

    def gifts(self, *, per_second: float, seconds: float) -> list[float]:
        """Let all senders send for some seconds; the milliseconds of each gift."""
        for sender in self.senders:
            sender.tell(
                room=str(self.room_id),
                payers=(self.payers.start, self.payers.stop),
                per_second=per_second / len(self.senders),
                seconds=seconds,
            )
        return [took for sender in self.senders for took in sender.hear()["took_ms"]]

    def all_shown(self) -> int:
        """Wait until the relay has numbered all that was sent; how far the log has come."""
        from gifts.models import Sending  # noqa: PLC0415 - a program of the bench needs no models

        sent = Sending.objects.filter(room_id=self.room_id).count()
        ends = time.monotonic() + SHOWN_WITHIN_S
        while (last := room_log.last_number(room_id=self.room_id)) < sent:
            if time.monotonic() > ends:
                raise knocks.Refused(f"The relay has shown {last} of {sent} gifts.")
            time.sleep(0.02)
        return last

    def tell_floor(self, *, per_second: float, seconds: float) -> None:
        """Put events of a gift's size on the floor's stream at a pace."""
        for _ in gifting.paced(per_second=per_second, seconds=seconds):
            self.floor_number += 1
            text = _gift_text(self.floor_number)
            key, number = FLOOR_KEY, f"{self.floor_number}-0"
            self.valkey.xadd(key, {"e": text}, id=number, maxlen=room_log.KEPT)


def figures(
    *,
    environ: Mapping[str, str],
    room_id: UUID,
    payers: range,
    viewers: int,
    seconds: float,
    say: Say,
) -> dict[str, float]:
    """Measure a room on a database that is filled. Raises TooFewFiles."""
    load = os.getloadavg()[0]
    allow_files(viewers + FILES_BESIDE)
    with _programs(environ, room_id, payers, viewers=viewers, seconds=seconds) as bench:
        say("Warming up")
        bench.gifts(per_second=PACE, seconds=WARM_UP_S)
        say("The room without viewers")
        quiet = bench.gifts(per_second=HOT_PACE, seconds=seconds / 2)
        found = _watched(bench, say)
        say("The room without viewers again")
        quiet += bench.gifts(per_second=HOT_PACE, seconds=seconds / 2)
    found |= {
        "quiet_sent_per_s": len(quiet) / seconds,
        "quiet_send_p95_ms": _p95(quiet),
        "hot_over_quiet": found["hot_sent_per_s"] * seconds / len(quiet),
        "load": load,
    }
    return {name: found[name] for name in MEANINGS if name in found}


def allow_files(count: int) -> None:
    """Let this process and those it starts hold so many files open. Raises TooFewFiles."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise TooFewFiles(
            f"This machine lets a process hold {hard} files open, and so many viewers need {count}."
            f" Raise the limit (ulimit -Hn), or ask for fewer than {hard - FILES_BESIDE} viewers."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _watched(bench: Bench, say: Say) -> dict[str, float]:
    """Time the way to the viewers, in turns with the floor, then the hot room."""
    stream = bench.here.pid_of("stream")
    with contextlib.ExitStack() as stack:
        floor_server = bench.here.pid_of("floor")
        alone = {pid: usage.of(pid).memory_kb for pid in (stream, floor_server)}
        say(f"{bench.viewers} viewers come")
        began_at = bench.all_shown()
        watching = stack.enter_context(_watching(bench, "stream", after=began_at))
        with _watching(bench, "floor", after=0) as floor_watching:
            pids = {
                "stream": stream,
                "relay": bench.here.pid_of("relay"),
                "postgresql": usage.postgresql(),
                "viewers": watching.pid,
                **{f"sender {place}": one.pid for place, one in enumerate(bench.senders)},
            }
            cost, floor_cost = Cost(pids), Cost({"floor": floor_server})
            sent = _turns(bench, say, cost, floor_cost)
            steady_at = bench.all_shown()
            grown = {pid: usage.of(pid).memory_kb - was for pid, was in alone.items()}
            floor = _report(floor_watching, {"floor": [(0, bench.floor_number)]})["floor"]
        say(f"{HOT_PACE} gifts a second")
        hot = bench.gifts(per_second=HOT_PACE, seconds=bench.seconds)
        hot_at = bench.all_shown()
        say("Adding up")
        spans: dict[str, Spans] = {"room": [(began_at, steady_at)], "hot": [(steady_at, hot_at)]}
        heard = _report(watching, spans)
    return (
        _way(bench, heard["room"], floor, heard["counts"], sent=sent)
        | _costs(cost, floor_cost, heard["room"], floor)
        | {
            "kb_per_viewer": grown[stream] / bench.viewers,
            "floor_kb_per_viewer": grown[floor_server] / bench.viewers,
            "hot_offered_per_s": HOT_PACE,
            "hot_sent_per_s": len(hot) / bench.seconds,
            "hot_send_p95_ms": _p95(hot),
            "hot_lost": heard["hot"]["lost"],
            "hot_p95_ms": heard["hot"]["p95_ms"],
        }
    )


def _turns(bench: Bench, say: Say, cost: Cost, floor_cost: Cost) -> int:
    """Send to the room and to the floor in turns; how many gifts were sent to the room."""
    sent = 0
    for turn in range(TURNS):
        say(f"{PACE} gifts a second, turn {turn + 1} of {TURNS}")
        with cost.counted():
            sent += len(bench.gifts(per_second=PACE, seconds=bench.seconds / TURNS))
            bench.all_shown()
        with floor_cost.counted():
            bench.tell_floor(per_second=PACE, seconds=bench.seconds / TURNS)
    return sent


def _way(
    bench: Bench,
    room: Mapping[str, float],
    floor: Mapping[str, float],
    counts: Mapping[str, int],
    *,
    sent: int,
) -> dict[str, float]:
    """Lay the room's way to the viewers beside the floor's."""
    each_s = bench.viewers * bench.seconds
    found = {
        "viewers": bench.viewers,
        "gifts_per_s": sent / bench.seconds,
        "lost": room["lost"],
        "twice": counts["twice"],
        "resumed": counts["hung_up"],
        "let_go": counts["let_go"],
        "frames_per_s": room["frames"] / each_s,
        "floor_frames_per_s": floor["frames"] / each_s,
        "p95_over_floor": room["p95_ms"] / floor["p95_ms"],
    }
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        found |= {name: room[name], f"floor_{name}": floor[name]}
    return found


def _costs(
    cost: Cost, floor_cost: Cost, room: Mapping[str, float], floor: Mapping[str, float]
) -> dict[str, float]:
    """Microseconds of processors for each event at each viewer."""
    spent: dict[str, float] = {}
    for name, cpu_s in cost.cpu_s.items():
        key = f"cpu_{'senders' if name.startswith('sender') else name}_us"
        spent[key] = spent.get(key, 0.0) + cpu_s
    per_event = {name: 1e6 * cpu_s / room["delivered"] for name, cpu_s in spent.items()}
    return per_event | {"cpu_floor_us": 1e6 * floor_cost.cpu_s["floor"] / floor["delivered"]}


def _report(watching: talking.Partner, spans: Mapping[str, Spans]) -> Any:
    """Ask viewers what they have, once all have all of it."""
    last = max(upto for parts in spans.values() for _, upto in parts)
    watching.tell(upto=last, parts=spans)
    return watching.hear()


@contextlib.contextmanager
def _watching(bench: Bench, server: str, *, after: int) -> Iterator[talking.Partner]:
    """Let all viewers come to a server, and watch until the block ends."""
    port = int(bench.environ[f"{server.upper()}_PORT"])
    paths = _paths(bench) if server == "stream" else ["/"] * bench.viewers
    with talking.partner("config.benches.viewing", bench.environ) as audience:
        audience.tell(
            host=knocks.HOST, port=port, paths=paths, after=after, hangs_up=server == "stream"
        )
        assert audience.hear()["open"] == bench.viewers
        yield audience


def _paths(bench: Bench) -> list[str]:
    """Give each viewer a pass of their own."""
    return [
        passes.address(room_id=bench.room_id, user_id=user_id, after=0)
        for user_id in (bench.payers[place % len(bench.payers)] for place in range(bench.viewers))
    ]


@contextlib.contextmanager
def _programs(
    environ: Mapping[str, str], room_id: UUID, payers: range, *, viewers: int, seconds: float
) -> Iterator[Bench]:
    """Run the streams, the floor, a relay and the senders until the block ends."""
    ports = {name: running.free_port() for name in ("stream", "floor")}
    url = f"http://{knocks.HOST}:{ports['stream']}"
    environ = {
        **environ,
        "SITE_URL": url,
        "ALLOWED_HOSTS": knocks.HOST,
        "FLOOR_KEY": FLOOR_KEY,
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    with (
        contextlib.ExitStack() as at_last,
        knocks.supervised(url) as here,
        contextlib.ExitStack() as stack,
    ):
        at_last.callback(_forget, valkey, room_id)  # once the relay has ended, or it shows more
        for name, application in (("stream", "config.asgi"), ("floor", "config.benches.floor")):
            here.start(_server(name, application, ports[name], viewers=viewers, environ=environ))
        here.start(running.relay(environ=environ))
        running.wait_for(f"{url}/livez", program="stream", supervisor=here)
        floor = f"http://{knocks.HOST}:{ports['floor']}/"
        running.wait_for(floor, program="floor", supervisor=here)
        senders = [
            stack.enter_context(talking.partner("config.benches.gifting", environ))
            for _ in range(SENDERS)
        ]
        yield Bench(
            environ=environ,
            room_id=room_id,
            payers=payers,
            viewers=viewers,
            seconds=seconds,
            here=here,
            senders=senders,
            valkey=valkey,
        )


def _server(
    name: str, application: str, port: int, *, viewers: int, environ: Mapping[str, str]
) -> Program:
    return Program(
        name=name,
        argv=(
            *(sys.executable, "-m", "granian", f"{application}:application"),
            *("--interface", "asginl", "--no-ws", "--host", knocks.HOST, "--port", str(port)),
            *("--workers", "1", "--backlog", "4096"),
            *("--backpressure", str(viewers + FILES_BESIDE), "--workers-kill-timeout", "2"),
        ),
        stops=running.WEB,
        environ=environ,
        stop_within_s=5.0,
    )


def _forget(valkey: redis.Redis, room_id: UUID) -> None:
    key = room_log.stream_of(room_id)
    valkey.delete(key, f"{key}:viewers", FLOOR_KEY)


def _gift_text(number: int) -> str:
    """Write what a viewer gets of a gift, as long as the room's."""
    facts = {
        "number": number,
        "name": "gift.sent",
        "at": datetime.now(UTC).isoformat(),
        "sending_id": "01900000-0000-7000-8000-000000000000",
        "sender": "Person 1234",
        "sender_handle": "p1001234",
        "gift": "Finger heart",
        "slug": "finger-heart",
        "category": "hearts",
        "animation_ms": 1200,
        "quantity": 1,
        "coins": 1,
        "streak_id": None,
    }
    return json.dumps(facts, separators=(",", ":"))


def _p95(took_ms: Sequence[float]) -> float:
    return statistics.quantiles(took_ms, n=20)[-1]
