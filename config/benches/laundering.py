"""Twelve laundering patterns among honest gifts: what the rules on earnings find, and whom they hit
that did nothing.

The gifts are posted by the ledger's own functions, from lots that were bought; people, devices,
cards, purchases, refunds, follows and lives are rows like the site's. Then the real watch looks,
the real gate is asked about every creator, and a real settlement run goes over all of them. Days
are set afterwards, which only a database that is thrown away allows. A pattern is found when every
creator in it is held.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from accounts import fingerprints, reviewing
from accounts.models import Fingerprint, Follow, Review, ReviewReason, User, name_mark
from config.benches import crowds, scratch, settling, typologies
from config.benches.crowds import World
from payouts import earning_facts, eligibility, risk, settlements, tallies, watching
from payouts.models import LiveAudience, Payout, SettlementLine
from wallet import ledger
from wallet.models import PaymentMethod, Purchase, Refund
from wallet.money import CURRENCY_NUMBERS, MILLI

MEANINGS: Final = {
    "gifts": "honest gifts of each seed",
    "seeds": "worlds made from different seeds",
    "patterns": "patterns planted in all of them",
    "found": "of them found: every creator in it has a case and is held",
    "recall": "found / patterns",
    "honest_creators": "honest creators, of all seeds",
    "false_alarms": "of them with a case",
    "false_alarm_share": "false_alarms / honest_creators: at most 0.005",
    "false_earner_share": "false_alarms / honest creators who earned enough to be looked at",
    "false_gift_share": "honest gifts to creators with a case / honest gifts",
    "payable_under_case": "creators with a case whom gate or run let pass: none may",
    "settled": "other creators whom the run settled, to show that it pays",
    "watch_s": "one look over all earnings, the mean of the seeds: seconds",
    "gifts_per_s": "gifts looked at a second",
    "posted_per_s": "gifts posted a second while the world was made",
}
UNUSABLE: Final = "!"
BATCH: Final = 200
ROWS: Final = 5_000
REPLAN_BATCHES: Final = 100
BUY_SQL: Final = """
SELECT count(ledger.buy(op, buyer, op, coins, hold, unit, gross, 0, 0, NULL))
  FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::smallint[], %s::smallint[], %s::bigint[])
       AS bought (op, buyer, coins, hold, unit, gross)
"""
GIVE_SQL: Final = "SELECT count(*) FILTER (WHERE done) FROM ledger.post_gifts(%s)"
DAYS_SQL: Final = (
    """
    UPDATE ledger.operation AS o SET recorded_at = moved.at
      FROM moved WHERE o.id = moved.op
    """,
    """
    UPDATE ledger.lot SET created_at = moved.at FROM moved WHERE lot.purchase_id = moved.op
    """,
)

type Say = Callable[[str], None]


def post(world: World) -> float:
    """Write the world down as the site would have; how many gifts were posted a second."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # it may be lost: it is made again
        cursor.execute("SET idle_in_transaction_session_timeout = 0")  # a machine may be busy
    _people(world)
    ops: list[tuple[UUID, datetime]] = _purchases(world)
    began = time.monotonic()
    ops += _gifts(world)
    took = time.monotonic() - began
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # a database to drop
        cursor.execute("CREATE TEMPORARY TABLE moved (op uuid, at timestamptz) ON COMMIT DROP")
        with cursor.copy("COPY moved (op, at) FROM STDIN") as copy:
            for row in ops:
                copy.write_row(row)
        cursor.execute("ANALYZE moved")
        for statement in DAYS_SQL:
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    return len(world.given) / took


def _people(world: World) -> None:
    creators = [one for one in world.people.values() if one.is_creator]
    User.objects.bulk_create(
        [
            User(
                pk=one.id, email=f"p{one.id}@bench.invalid", handle=f"p{one.id}", password=UNUSABLE,
                display_name=settling.HOLDER, country="DE", birth_date="1990-01-01",
                is_creator=one.is_creator,
            )
            for one in world.people.values()
        ],
        batch_size=ROWS,
    )  # fmt: skip
    names = {"name": settling.HOLDER, "name_mark": name_mark(settling.HOLDER)}
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE accounts_user SET joined_at = %s WHERE id = %s",
            [(one.joined_at, one.id) for one in world.people.values()],
        )
        for one in creators:
            for statement in _eligible():
                cursor.execute(statement, names | {"first": one.id, "last": one.id})
            cursor.execute(
                "UPDATE accounts_creatorprofile SET opened_at = %s WHERE creator_id = %s",
                [one.opened_at, one.id],
            )
    Fingerprint.objects.bulk_create(
        [
            Fingerprint(
                user_id=one.user_id, kind=one.kind, digest=fingerprints.digest(one.kind, one.value),
                first_seen_at=one.first_seen_at, seen_at=world.now,
                keep_until=world.now + fingerprints.TERM,
            )
            for one in world.prints
        ],
        batch_size=ROWS, ignore_conflicts=True,
    )  # fmt: skip
    Follow.objects.bulk_create(
        [Follow(fan_id=fan, creator_id=creator) for fan, creator in sorted(world.follows)],
        batch_size=ROWS,
    )
    LiveAudience.objects.bulk_create(
        [
            LiveAudience(
                room_id=ledger.new_operation_id(), creator_id=who, viewers=viewers, ended_at=at
            )
            for who, viewers, at in world.lives
        ]
    )
    for person_id in world.claimed:
        _claim(person_id, at=world.now)


def _eligible() -> Iterable[str]:
    """What makes creators payable, but for when they joined and what they have."""
    return [
        statement
        for statement in settling.ELIGIBLE_SQL
        if "adjust_diamonds" not in statement and "UPDATE accounts_user" not in statement
    ]


@transaction.atomic
def _claim(person_id: int, *, at: datetime) -> None:
    reviewing.open_review(
        subject_id=person_id,
        reason=ReviewReason.MINOR_CLAIM,
        subject_key=f"user:{person_id}",
        grounds=reviewing.Grounds(),
        restricts=Review.Restriction.PURCHASES,
        at=at,
    )


def _purchases(world: World) -> list[tuple[UUID, datetime]]:
    method = PaymentMethod.objects.get(pk="card")
    made: list[tuple[UUID, datetime]] = []
    refunded = {id(bought) for bought in world.returned}
    refunds: list[Refund] = []
    for part in batched(sorted(world.bought, key=lambda one: one.at), ROWS, strict=False):
        rows = [_purchase(one, method) for one in part]
        Purchase.objects.bulk_create(rows)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                BUY_SQL,
                [
                    [row.pk for row in rows], [row.buyer_id for row in rows],
                    [row.coins for row in rows], [row.hold_class for row in rows],
                    [CURRENCY_NUMBERS[row.currency] for row in rows],
                    [row.gross_minor for row in rows],
                ],
            )  # fmt: skip
        made += [(row.pk, one.at) for row, one in zip(rows, part, strict=True)]
        refunds += [
            _refund(row, at=one.at) for row, one in zip(rows, part, strict=True)
            if id(one) in refunded
        ]  # fmt: skip
    Refund.objects.bulk_create(refunds)
    for refund in refunds:
        Refund.objects.filter(pk=refund.pk).update(requested_at=refund.due_at)
    return made


def _purchase(one: crowds.Bought, method: PaymentMethod) -> Purchase:
    currency, per_hundred = crowds.PLACES[one.region]
    return Purchase(
        pk=ledger.new_operation_id(), buyer_id=one.buyer_id, region_id=one.region, method=method,
        coins=one.coins, gross_minor=max(1, one.coins * per_hundred // 100), tax_minor=0, tax_bps=0,
        currency=currency, state=Purchase.State.CREDITED, hold_class=one.hold_class, fee_minor=0,
        paid_at=one.at, credited_at=one.at,
    )  # fmt: skip


def _refund(purchase: Purchase, *, at: datetime) -> Refund:
    return Refund(
        pk=ledger.new_operation_id(), purchase=purchase, hold_id=ledger.new_operation_id(),
        end_id=ledger.new_operation_id(), coins=purchase.coins, amount_minor=purchase.gross_minor,
        approved_coins=purchase.coins, ground="unused", state=Refund.State.PAID, due_at=at,
        ended_at=at,
    )  # fmt: skip


def _gifts(world: World) -> list[tuple[UUID, datetime]]:
    made: list[tuple[UUID, datetime]] = []
    for number, part in enumerate(
        batched(sorted(world.given, key=lambda one: one.at), BATCH, strict=False)
    ):
        if number % REPLAN_BATCHES == 0:
            _plan_anew()
        items = [
            {
                "op": str(ledger.new_operation_id()), "payer": one.sender_id,
                "creator": one.creator_id, "coins": one.coins, "actor": one.sender_id,
                "context": f"room:{one.creator_id}", "memo": {"slug": "gift", "quantity": 1},
            }
            for one in part
        ]  # fmt: skip
        with transaction.atomic(), connection.cursor() as cursor:
            values: list[Any] = [Jsonb(items)]
            cursor.execute(GIVE_SQL, values)
            assert cursor.fetchone()[0] == len(items), "each gift has its coins"
        made += [(UUID(str(item["op"])), one.at) for item, one in zip(items, part, strict=True)]
    return made


def _plan_anew() -> None:
    """Forget plans that were made for tables that were nearly empty."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("DISCARD PLANS")


def _mature() -> None:
    """Let all that was given be available now, and be counted."""
    for step in (ledger.close_period, ledger.fold):
        with transaction.atomic():
            step()
    while tallies.count_earnings():
        pass
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger.bucket SET release_at = clock_timestamp() WHERE NOT done")
        cursor.execute("VACUUM ANALYZE")
    released = 1
    while released:
        with transaction.atomic():
            released = ledger.release_due(debt_share_bps=settings.DEBT_SHARE_BPS, limit=1000)


def figures(*, gifts: int, seed: int, say: Say) -> tuple[dict[str, float], list[str]]:
    """Make one world, look, settle; what was found, and which patterns and rules stand out."""
    say(f"Seed {seed}: a world of {gifts:,} gifts")
    world = crowds.honest(seed, gifts=gifts, now=timezone.now(), first_id=scratch.FIRST_CREATOR)
    typologies.plant(world)
    posted_per_s = post(world)
    say(f"Seed {seed}: maturing")
    _mature()
    say(f"Seed {seed}: looking")
    began = time.perf_counter()
    watching.watch(at=timezone.now())
    watch_s = time.perf_counter() - began
    say(f"Seed {seed}: settling")
    held = set(
        Review.objects.filter(restricts=Review.Restriction.PAYOUTS).values_list(
            "subject_id", flat=True
        )
    )
    payable, settled = _paid(world, held)
    return _counted(world, held) | {
        "watch_s": watch_s,
        "gifts_per_s": len(world.given) / watch_s,
        "posted_per_s": posted_per_s,
        "payable_under_case": payable,
        "settled": settled,
    }, _words(world, held)


def _paid(world: World, held: set[int]) -> tuple[int, int]:
    """Ask the gate about every creator and run a real settlement: who held was let pass, others."""
    at = timezone.now()
    creators = [one.id for one in world.people.values() if one.is_creator]
    lines = eligibility.gate(creator_ids=creators, at=at)
    passed = {creator_id for creator_id in held if risk.is_eligible(lines[creator_id])}
    run = settlements.start_settlement(period_key="bench", cutoff_at=at, at=at)
    run.state = run.State.RUNNING  # two members of staff agree to a large one
    run.save(update_fields=["state"])
    while not settlements.continue_settlement(run_id=run.pk, at=at).is_done:
        pass
    settled = set(SettlementLine.objects.values_list("creator_id", flat=True))
    paid = set(Payout.objects.values_list("creator_id", flat=True))
    return len(passed | (held & (settled | paid))), len(settled - held)


def _counted(world: World, held: set[int]) -> dict[str, float]:
    honest = {one.id for one in world.people.values() if one.is_creator and one.is_honest}
    to_honest = Counter(one.creator_id for one in world.given)
    lately = Counter[int]()
    for one in world.given:
        if one.at > world.now - earning_facts.WINDOW:
            lately[one.creator_id] += one.coins
    alarms = honest & held
    return {
        "patterns": len(world.planted),
        "found": sum(set(ids) <= held for ids in world.planted.values()),
        "honest_creators": len(honest),
        "false_alarms": len(alarms),
        "earners": sum(lately[one] * MILLI >= earning_facts.LOOKED_AT_MILLI for one in honest),
        "honest_gifts": sum(to_honest[one] for one in honest),
        "false_gifts": sum(to_honest[one] for one in alarms),
    }


def _words(world: World, held: set[int]) -> list[str]:
    """Say which rules found which pattern, which were missed, and which hit honest creators."""
    found = [
        f"{name} by {', '.join(sorted(set(_reasons(ids))))}" for name, ids in world.planted.items()
    ]
    missed = [name for name, ids in world.planted.items() if not set(ids) <= held]
    honest = {one.id for one in world.people.values() if one.is_creator and one.is_honest}
    rules = Counter(_reasons(honest & held))
    alarms = [f"false alarm: {rule} ({number})" for rule, number in sorted(rules.items())]
    return [*found, *(f"missed: {name}" for name in missed), *alarms]


def _reasons(ids: Iterable[int]) -> Iterable[str]:
    """The reasons of all cases of those creators."""
    held = Review.objects.filter(restricts=Review.Restriction.PAYOUTS, subject_id__in=ids)
    return held.values_list("reason", flat=True)


def summed(gifts: int, found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Add the seeds up."""
    totals = {name: sum(one[name] for one in found) for name in found[0]}
    return {
        "gifts": gifts,
        "seeds": len(found),
        **{name: totals[name] for name in ("patterns", "found")},
        "recall": totals["found"] / totals["patterns"],
        **{name: totals[name] for name in ("honest_creators", "false_alarms")},
        "false_alarm_share": totals["false_alarms"] / totals["honest_creators"],
        "false_earner_share": totals["false_alarms"] / totals["earners"],
        "false_gift_share": totals["false_gifts"] / totals["honest_gifts"],
        **{name: totals[name] for name in ("payable_under_case", "settled")},
        **{name: totals[name] / len(found) for name in ("watch_s", "gifts_per_s", "posted_per_s")},
    }
