"""Closing a month: one statement for each creator, from the sealed ledger, numbered without a gap.

Promises: a month is closed when every transfer that was recorded in it lies in a sealed period, so
a statement says all of its month and can say nothing else later; any number of workers make them,
each statement once; a worker that dies leaves what it had not committed to the next. A statement
is never changed: what is put right later stands in the month in which that happened. Months are
made in their order, each from the closing of the one before. Who had nothing gets none.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from accounts import services as people
from accounts.models import NoticeKind, User
from payouts import months, sheets
from payouts.models import (
    SettlementLine,
    Statement,
    StatementFile,
    StatementMonth,
    StatementSeries,
)
from wallet import gift_cards, receipts, series
from wallet import queries as wallets
from wallet.models import RateCard, Region, Seller

CHUNK: Final = 50
CHUNKS_MAX: Final = 100
CODE_LENGTH: Final = 16  # of 32 letters: 80 bits
PATH: Final = "/studio/statements/"
VERIFY_PATH: Final = "/verify/"

_FIRST: Final = "SELECT min(opened_at) FROM ledger.account WHERE code = ANY(%s)"
_NEXT_TRANSACTION: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
# The first sealed period that ends above the mark is the last that can hold something of the month;
# the first that closed in it is the first that can.
_PERIODS: Final = """
SELECT (SELECT min(id) FROM ledger.period WHERE closed_at > %(begins)s), last.id,
       encode(last.seal, 'hex'),
       coalesce((SELECT max(t.id) FROM ledger.period AS before
                   JOIN ledger.transfer AS t ON t.xid >= before.xid_from AND t.xid < before.xid_to
                  WHERE before.id = (SELECT max(id) FROM ledger.period
                                      WHERE closed_at <= %(begins)s AND transfers > 0)), 0)
  FROM ledger.period AS last
 WHERE last.seal IS NOT NULL AND last.xid_to >= %(mark)s::text::xid8 ORDER BY last.id LIMIT 1
"""
_OPEN_STATEMENTS: Final = """
INSERT INTO payouts_statement (creator_id, month_id, facts, digest)
SELECT DISTINCT a.owner_id, %(month)s::date, '{}'::jsonb, ''
  FROM ledger.account AS a JOIN accounts_user AS person ON person.id = a.owner_id
 WHERE a.code = ANY(%(places)s) AND a.opened_at < %(ends)s
 ORDER BY a.owner_id
    ON CONFLICT (creator_id, month_id) DO NOTHING
"""


def close_months(*, at: datetime) -> int:
    """Open the months that have ended, and make statements of those that are sealed; how many.

    Any number may run. Stops at a bound, so that the next goes on.
    """
    open_months(at=at)
    seal_months(at=at)
    made = 0
    for _ in range(CHUNKS_MAX):
        chunk = make_statements(at=at)
        if chunk is None:
            break
        made += chunk
    return made


@transaction.atomic(durable=True)
def open_months(*, at: datetime) -> int:
    """Mark the end of every month that is over and has no mark yet; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [list(months.PLACES)])
        (first,) = cursor.fetchone()
        if first is None:
            return 0
        cursor.execute(_NEXT_TRANSACTION)
        (mark,) = cursor.fetchone()
    wanted = _months_between(first.astimezone(UTC).date(), at.astimezone(UTC).date())
    there = set(StatementMonth.objects.values_list("month", flat=True))
    missing = [StatementMonth(month=month, mark=mark) for month in wanted if month not in there]
    StatementMonth.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


@transaction.atomic(durable=True)
def seal_months(*, at: datetime) -> int:
    """Begin the statements of the months whose last period is sealed; how many months."""
    waiting = StatementMonth.objects.filter(state=StatementMonth.State.WAITING)
    begun = 0
    for month in waiting.select_for_update(skip_locked=True).order_by("month"):
        begins, ends = bounds_of(month.month)
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_TRANSACTION)
            (now,) = cursor.fetchone()
            month.mark = min(month.mark, now)  # a restored ledger counts its transactions anew
            cursor.execute(_PERIODS, {"begins": begins, "mark": month.mark})
            row = cursor.fetchone()
            if row is None:
                break  # later months wait with it
            month.first_period, month.last_period, month.last_seal, month.after_transfer = row
            cursor.execute(
                _OPEN_STATEMENTS,
                {"month": month.month, "places": list(months.PLACES), "ends": ends},
            )
        month.state, month.sealed_at = StatementMonth.State.MAKING, at
        month.save()
        begun += 1
    return begun


@transaction.atomic(durable=True)
def make_statements(*, at: datetime) -> int | None:
    """Make the next statements of the month that is being made; how many. None: none is left.

    Locks the statements it makes, then each seller's series.
    """
    month = (
        StatementMonth.objects.filter(state=StatementMonth.State.MAKING).order_by("month").first()
    )
    if month is None:
        return None
    waiting = month.statements.filter(number=None)
    rows = list(
        waiting.select_for_update(skip_locked=True, of=("self",))
        .select_related("creator")
        .order_by("creator_id")[:CHUNK]
    )
    if not rows:
        if not waiting.exists():
            StatementMonth.objects.filter(pk=month.pk, state=StatementMonth.State.MAKING).update(
                state=StatementMonth.State.DONE, done_at=at
            )
        return None
    facts = _facts(month, rows)
    empty = [row.pk for row in rows if row.creator_id not in facts]
    Statement.objects.filter(pk__in=empty).delete()
    _number(month, [row for row in rows if row.creator_id in facts], facts, at=at)
    return len(rows) - len(empty)


def bounds_of(month: date) -> tuple[datetime, datetime]:
    """The moments at which a UTC calendar month begins and ends."""
    begins = datetime(month.year, month.month, 1, tzinfo=UTC)
    return begins, (begins + timedelta(days=31)).replace(day=1)


def from_ledger(statement: Statement) -> dict[str, Any]:
    """The facts of a statement as the ledger gives them now, from its first transfer on."""
    fresh = _facts(statement.month, [statement], openings={})
    said: dict[str, Any] = statement.facts
    return said | fresh.get(statement.creator_id, {"diamonds": [], "money": []})


def document(*, statement: Statement) -> StatementFile:
    """The statement's PDF; the first asking makes it, for good."""
    kept = StatementFile.objects.filter(pk=statement.pk).first()
    if kept is None:
        assert statement.issued_at is not None, "it is numbered"
        pdf = sheets.as_pdf(
            statement.facts,
            digest=statement.digest,
            code=statement.code_words,
            issued_at=statement.issued_at,
            verify_url=f"{settings.SITE_URL}{VERIFY_PATH}",
        )
        kept, _ = StatementFile.objects.get_or_create(
            statement=statement, defaults={"pdf": pdf, "sha256": sheets.sha256(pdf)}
        )
    return kept


def _months_between(first: date, today: date) -> list[date]:
    """The first days of the months from that of ``first`` to the one before ``today``'s."""
    numbers = range(first.year * 12 + first.month - 1, today.year * 12 + today.month - 1)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _facts(
    month: StatementMonth,
    rows: Sequence[Statement],
    openings: Mapping[int, Mapping[months.Key, int]] | None = None,
) -> dict[int, dict[str, Any]]:
    """What the statements say, by creator; nothing of those who had nothing."""
    creator_ids = [row.creator_id for row in rows]
    if openings is None:
        openings = _closings_before(month.month, creator_ids)
    begins, ends = bounds_of(month.month)
    found = months.of(
        creator_ids=creator_ids,
        bounds=months.Bounds(begins=begins, ends=ends, after_transfer=month.after_transfer),
        openings=openings,
    )
    operations = [step.operation_id for one in found.values() for step in one.steps]
    settled = _settled(operations)
    periods = {"first": month.first_period, "last": month.last_period, "seal": month.last_seal}
    return {
        creator_id: sheets.facts_of(
            one, account=creator_id, on=month.month, periods=periods, settled=settled
        )
        for creator_id, one in found.items()
        if not one.is_empty
    }


def _closings_before(
    month: date, creator_ids: Sequence[int]
) -> dict[int, Mapping[months.Key, int]]:
    earlier = (month - timedelta(days=1)).replace(day=1)
    rows = Statement.objects.filter(month=earlier, creator__in=creator_ids).exclude(number=None)
    return {row.creator_id: sheets.closing(row.facts) for row in rows}


def _settled(operation_ids: Sequence[Any]) -> dict[str, dict[str, str]]:
    """By which card and rate each of these settlements was made."""
    lines = list(SettlementLine.objects.filter(pk__in=operation_ids))
    cards = RateCard.objects.in_bulk({line.card_id for line in lines})
    return {
        str(line.pk): {
            "card": cards[line.card_id].name,
            "diamond_usd": f"{line.diamond_usd.normalize():f}",
            "fx_per_usd": f"{line.fx_per_usd.normalize():f}",
            "fx_source": line.fx_source,
            "fx_quoted_at": f"{line.fx_quoted_at:%Y-%m-%d}",
            "remainder": f"{line.remainder_minor.normalize():f}",
        }
        for line in lines
    }


def _number(
    month: StatementMonth,
    rows: Sequence[Statement],
    facts: Mapping[int, dict[str, Any]],
    *,
    at: datetime,
) -> None:
    """Number what was reckoned, seller by seller, and tell each creator."""
    by_seller: dict[str, list[int]] = {}
    places: dict[int, str] = {}
    for row in rows:
        region = wallets.region_for(str(row.creator.country.code or ""))
        places[row.creator_id] = region.name if region else row.creator.country.name or ""
        by_seller.setdefault(_seller_code(region), []).append(row.pk)

    def said(row: Statement, seller: Seller) -> dict[str, Any]:
        whole = facts[row.creator_id] | {
            "number": row.label,
            "issued": f"{at:%Y-%m-%d}",
            "seller": receipts.seller_facts(seller),
            "region": places[row.creator_id],
        }
        row.digest, row.code = sheets.digest(whole), _new_code()
        return whole

    for seller in Seller.objects.filter(pk__in=by_seller).order_by("pk"):
        series.number(
            Statement.objects.filter(pk__in=by_seller[seller.pk]).order_by("creator_id"),
            series=StatementSeries,
            seller=seller,
            facts=lambda row, seller=seller: said(row, seller),  # type: ignore[misc]
            at=at,
            also=["digest", "code"],
        )
    people.notify_many(
        user_ids=[row.creator_id for row in rows],
        kind=NoticeKind.EARNINGS,
        subject_key=f"statement:{month.month:%Y-%m}",
        title=f"Your statement for {month.month:%B %Y} is ready",
        body="All that you earned, what matured, what was settled and paid, on one page.",
        path=PATH,
    )


def _seller_code(region: Region | None) -> str:
    """Who issues statements there: as receipts, whoever sells in the region, or the default."""
    named = Seller.objects.filter(regions__region=region).first() if region else None
    seller = named or Seller.objects.filter(is_default=True).first()
    assert seller is not None, "the seed makes one"
    return seller.pk


def _new_code() -> str:
    return "".join(secrets.choice(gift_cards.LETTERS) for _ in range(CODE_LENGTH))


def statements_of(*, creator: User) -> Any:
    """The creator's statements, newest first."""
    mine = Statement.objects.filter(creator=creator).exclude(number=None)
    return mine.select_related("month", "seller").order_by("-month_id")
