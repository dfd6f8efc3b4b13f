"""The dashboard of one creator with very many gifts: how long its first byte takes, and how many
queries it asks.

The gifts are posted by the ledger's own function, in batches, from a thousand fans in three hundred
rooms and videos; a part of them has matured and was settled, the last two thousand are not folded.
Their days are spread over more than a year, which only a database that is thrown away allows.
"""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from statistics import median, quantiles
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from accounts.models import User
from config.benches import knocks, postings, scratch
from payouts import tallies
from wallet import cash, ledger
from wallet.models import RateCard
from wallet.money import CURRENCY_NUMBERS

FANS: Final = 1_000
BATCH: Final = 2_000
PERIODS: Final = 10
NOT_FOLDED: Final = 2_000
REQUESTS: Final = 100
INSIDE: Final = 20
PAGES: Final = {
    "first_byte": "/studio/",
    "charts": "/studio/earnings/?span=90",
    "charts_all": "/studio/earnings/?span=all",
    "gifts": "/studio/gifts/",
}
MEANINGS: Final = {
    "gifts": "gifts that the creator has received",
    "first_byte_p50_ms": "the dashboard, over HTTP, one request at a time: the first byte",
    "first_byte_p95_ms": "the same",
    "queries": "queries of the dashboard",
    "sql_ms": "the time they take together, in one process",
    "cpu_ms": "processor time of the dashboard, in that process",
    "charts_p95_ms": "earnings of 90 days as charts and tables",
    "charts_all_p95_ms": "earnings of all time as charts and tables",
    "gifts_p95_ms": "the list of gifts",
    "filled_per_s": "gifts posted a second while the creator was made",
    "counted_per_s": "gifts counted a second into the sums of earnings",
}
GIFTS_SQL: Final = """
SELECT count(*) FROM ledger.post_gifts((
  SELECT jsonb_agg(jsonb_build_object(
           'op', {new_id}, 'payer', %(payer)s + n %% {fans}, 'creator', %(creator)s,
           'coins', 1 + n %% 50, 'actor', %(payer)s + n %% {fans},
           'context', CASE n %% 4 WHEN 0 THEN 'video:' ELSE 'room:' END || n / 97 %% 300,
           'memo', jsonb_build_object(
             'gift', 'Gift ' || n %% 40, 'slug', 'gift-' || n %% 40, 'quantity', 1 + n %% 3,
             'from', 'Fan ' || n %% {fans}, 'where', 'Evening ' || n / 97 %% 300)))
    FROM generate_series(%(first)s::int, %(last)s::int) AS n))
"""
SETTLE_ONE_SQL: Final = f"""
WITH asked (op, creator_id, card_id, unit, per_usd)
  AS (VALUES (%(op)s::uuid, %(creator)s::bigint, %(card)s, %(unit)s, 0.9))
SELECT count(*) FROM {cash.SETTLE_SQL}
"""  # noqa: S608 - our own names
SPREAD_SQL: Final = """
UPDATE ledger.operation SET recorded_at = recorded_at - random() * interval '400 days'
 WHERE kind = 20
"""

type Say = Callable[[str], None]


def fill(*, gifts: int, say: Say) -> dict[str, float]:
    """Make the creator: gifts, periods, releases, a settlement. How fast gifts were posted."""
    began = time.monotonic()
    for number, first in enumerate(range(0, gifts - NOT_FOLDED, BATCH)):
        last = min(first + BATCH, gifts - NOT_FOLDED) - 1
        _post(first, last)
        if number % max(gifts // BATCH // PERIODS, 1) == 0:
            say(f"{first:,} of {gifts:,} gifts")
            with transaction.atomic():
                ledger.close_period()
    took = time.monotonic() - began
    say("Days, releases, a settlement")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the owner of a database to drop
        cursor.execute(SPREAD_SQL)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute(
            "UPDATE ledger.bucket SET release_at = clock_timestamp() WHERE period_id <= 6"
        )
    with transaction.atomic():
        ledger.release_due(debt_share_bps=settings.DEBT_SHARE_BPS, limit=100)
    card_id = RateCard.objects.earliest("pk").pk
    facts = {
        "op": ledger.new_operation_id(),
        "creator": scratch.FIRST_CREATOR,
        "card": card_id,
        "unit": CURRENCY_NUMBERS["EUR"],
        "memo": Jsonb({}),
        "context": "settlement:bench",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTLE_ONE_SQL, facts)
    with transaction.atomic():
        ledger.fold()
    say("Sums of earnings")
    began = time.monotonic()
    while tallies.count_earnings():
        pass
    counted = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    _post(gifts - NOT_FOLDED, gifts - 1)
    return {"filled_per_s": gifts / took, "counted_per_s": gifts / counted}


def _post(first: int, last: int) -> None:
    new_id = "uuidv7()" if postings.server_version() >= 18 else "gen_random_uuid()"
    sql = GIFTS_SQL.format(new_id=new_id, fans=FANS)
    values = {
        "payer": scratch.FIRST_PAYER,
        "creator": scratch.FIRST_CREATOR,
        "first": first,
        "last": last,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def figures(name: str, *, gifts: int, say: Say) -> dict[str, float]:
    """Fill, then ask for each page a hundred times."""
    made = fill(gifts=gifts, say=say)
    creator = User.objects.get(pk=scratch.FIRST_CREATOR)
    found: dict[str, float] = {"gifts": gifts} | _inside(creator)
    statics = {"STATIC_ROOT": str(settings.CARAT_DATA_DIR / "bench" / "static")}
    _collect(scratch.environment(name) | statics)
    cookie = f"{settings.SESSION_COOKIE_NAME}={_session(creator)}"
    with knocks.server(name, **statics) as port:
        for figure, path in PAGES.items():
            say(path)
            times = [_first_byte_ms(port, path, cookie) for _ in range(REQUESTS + 10)][10:]
            found[f"{figure}_p95_ms"] = quantiles(times, n=20)[-1]
            if figure == "first_byte":
                found["first_byte_p50_ms"] = median(times)
    return found | made


def _collect(environ: Mapping[str, str]) -> None:
    """Gather the files of the pages, as a server that is not the demo's has them."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    subprocess.run(  # noqa: S603 - our own program
        [*manage, "collectstatic", "--no-input", "--verbosity", "0"], env=dict(environ), check=True
    )


def _first_byte_ms(port: int, path: str, cookie: str) -> float:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    asked.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html"})
    answer = asked.getresponse()  # returns when the head of the answer is there
    answer.read(1)
    took = 1000 * (time.perf_counter() - began)
    if answer.status != 200:
        raise knocks.Refused(f"{path} answered {answer.status}.")
    asked.close()
    return took


def _inside(creator: User) -> dict[str, float]:
    """Ask for the dashboard in this process: what noise of the machine hides least."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(creator)
    client.get(PAGES["first_byte"])
    sql, cpu = [], []
    for _ in range(INSIDE):
        began = time.process_time()
        with CaptureQueriesContext(connection) as asked:
            client.get(PAGES["first_byte"])
        cpu.append(1000 * (time.process_time() - began))
        sql.append(1000 * sum(float(query["time"]) for query in asked))
    return {"queries": len(asked), "sql_ms": median(sql), "cpu_ms": median(cpu)}


def _session(creator: User) -> str:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(creator.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = creator.get_session_auth_hash()
    store.create()
    return str(store.session_key)
