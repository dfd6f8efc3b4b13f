"""Reads for settlement runs: what there is to settle and to pay, and how far a run has come."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count, F, Q, Sum
from djmoney.money import Money

from accounts import queries as people
from payouts.models import Payout, SettlementRun
from wallet import money as units
from wallet.models import Account, FxRate

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
# The floor of each line is the ledger's own (ledger.settle).
EXPECTED_SQL: Final = """
WITH rate AS (
    SELECT r.currency, r.unit, r.per_usd, power(10::numeric, u.scale) AS minor_a_unit
      FROM unnest(%(currencies)s::text[], %(units)s::int[], %(per_usd)s::numeric[])
           AS r (currency, unit, per_usd)
      JOIN ledger.unit u ON u.id = r.unit
), diamonds AS (
    SELECT a.owner_id, coalesce(rate.currency, '') AS currency, b.credits - b.debits AS milli,
           floor((b.credits - b.debits) / 1000.0 * card.diamond_usd * rate.per_usd
                 * rate.minor_a_unit) AS minor,
           (b.credits - b.debits) / 1000.0 * card.diamond_usd AS usd
      FROM ledger.account a
      JOIN ledger.balance b ON b.account_id = a.id AND b.credits > b.debits
      JOIN ledger.rate_card card ON card.id = a.card_id
      LEFT JOIN payouts_destination d ON d.creator_id = a.owner_id AND d.replaced_at IS NULL
      LEFT JOIN rate ON rate.currency = d.currency
     WHERE a.code = 211 AND %(is_settling)s
), cash AS (
    SELECT a.owner_id, coalesce(rate.currency, '') AS currency, 0 AS milli,
           b.credits - b.debits AS minor,
           (b.credits - b.debits) / rate.minor_a_unit / rate.per_usd AS usd
      FROM ledger.account a
      JOIN ledger.balance b ON b.account_id = a.id AND b.credits > b.debits
      LEFT JOIN rate ON rate.unit = a.unit
     WHERE a.code = 310
)
SELECT currency, count(DISTINCT owner_id), sum(milli), coalesce(sum(minor), 0),
       floor(coalesce(sum(usd), 0) * 100)
  FROM (SELECT * FROM diamonds UNION ALL SELECT * FROM cash) AS part
 GROUP BY currency ORDER BY currency
"""


PARTS_SQL: Final = """
SELECT min(owner_id), max(owner_id), count(*)
  FROM (SELECT owner_id, (row_number() OVER (ORDER BY owner_id) - 1) / %(size)s AS part
          FROM (SELECT DISTINCT a.owner_id
                  FROM ledger.account a
                  JOIN ledger.balance b ON b.account_id = a.id AND b.credits > b.debits
                 WHERE a.code = ANY(%(codes)s)) AS creator) AS numbered
 GROUP BY part ORDER BY part
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Creators with something to settle or to pay, from one id to another."""

    first_creator_id: int
    last_creator_id: int
    creators: int


def parts(*, kind: str, size: int) -> list[Part]:
    """All creators whom a run of that kind is for, in parts of so many, by id."""
    codes = [int(Account.Code.CASH_PAYABLE)]
    if kind == SettlementRun.Kind.SETTLEMENT:
        codes.append(int(Account.Code.DIAMOND_AVAILABLE))
    with connection.cursor() as cursor:
        cursor.execute(PARTS_SQL, {"size": size, "codes": codes})
        return [
            Part(first_creator_id=first, last_creator_id=last, creators=creators)
            for first, last, creators in cursor
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was set aside for payouts in the last 24 hours and 7 days, in minor units."""

    day_minor: int = 0
    week_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Something of one creator to settle or to pay: diamonds under a card, or cash in a unit."""

    creator_id: int
    card_id: int  # 0: cash
    unit: int
    amount: int


def holdings(*, first_creator_id: int, last_creator_id: int) -> list[Holding]:
    """Diamonds available and cash payable of all creators from one id to another, by creator."""
    rows = (
        Account.objects.filter(
            owner_id__gte=first_creator_id,
            owner_id__lte=last_creator_id,
            code__in=[Account.Code.DIAMOND_AVAILABLE, Account.Code.CASH_PAYABLE],
            balance__credits__gt=F("balance__debits"),
        )
        .order_by("owner_id", "card_id")
        .values_list("owner_id", "card_id", "unit", F("balance__credits") - F("balance__debits"))
    )
    return [
        Holding(creator_id=owner, card_id=card, unit=unit, amount=amount)
        for owner, card, unit, amount in rows
    ]


def payables(*, creator_ids: Collection[int]) -> dict[tuple[int, str], int]:
    """Cash of the creators that is not on its way yet, by creator and currency."""
    rows = Account.objects.filter(
        people.Among("owner_id", creator_ids),
        code=Account.Code.CASH_PAYABLE,
        balance__credits__gt=F("balance__debits"),
    ).values_list("owner_id", "unit", F("balance__credits") - F("balance__debits"))
    return {(owner, units.currency_of(unit)): amount for owner, unit, amount in rows}


def used(*, creator_ids: Collection[int], at: datetime) -> Mapping[tuple[int, str], Used]:
    """What the creators had set aside for payouts lately, by creator and currency; all of them."""
    rows = (
        Payout.objects.filter(people.Among("creator_id", creator_ids), requested_at__gt=at - WEEK)
        .exclude(state__in=[Payout.State.CANCELLED, Payout.State.FAILED])
        .values("creator_id", "currency")
        .annotate(
            day=Sum("amount_minor", filter=Q(requested_at__gt=at - DAY)),
            week=Sum("amount_minor"),
        )
    )
    found = {
        (row["creator_id"], row["currency"]): Used(
            day_minor=int(row["day"] or 0), week_minor=int(row["week"] or 0)
        )
        for row in rows
    }
    return defaultdict(Used, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotal:
    """What a run has settled in one currency."""

    creators: int
    lines: int
    amount: Money


def run_totals(run: SettlementRun) -> list[RunTotal]:
    rows = (
        run.lines.values("currency")
        .annotate(
            creators=Count("creator", distinct=True), number=Count("pk"), sum=Sum("amount_minor")
        )
        .order_by("currency")
    )
    return [
        RunTotal(
            creators=row["creators"],
            lines=row["number"],
            amount=units.money(int(row["sum"]), row["currency"]),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run has come: creators looked at of all that it was planned for."""

    planned: int
    looked_at: int
    settled: int
    paid_out: int
    not_eligible: int

    @property
    def left(self) -> int:
        return self.planned - self.looked_at


def run_progress(run: SettlementRun) -> RunProgress:
    sums = run.chunks.aggregate(
        planned=Sum("creators"),
        looked_at=Sum("creators", filter=Q(done_at__isnull=False)),
        settled=Sum("settled"),
        paid_out=Sum("paid_out"),
        not_eligible=Sum("not_eligible"),
    )
    return RunProgress(**{name: int(value or 0) for name, value in sums.items()})


def expected(*, kind: str, rates: Mapping[str, FxRate]) -> list[dict[str, Any]]:
    """The most a run could come to now, by currency; exact if everybody is eligible.

    Creators without a destination, or with one in a currency without a rate, stand under "".
    """
    with connection.cursor() as cursor:
        cursor.execute(
            EXPECTED_SQL,
            {
                "is_settling": kind == SettlementRun.Kind.SETTLEMENT,
                "currencies": list(rates),
                "units": [units.CURRENCY_NUMBERS[currency] for currency in rates],
                "per_usd": [rate.per_usd for rate in rates.values()],
            },
        )
        return [
            {
                "currency": currency,
                "creators": creators,
                "diamonds_milli": int(diamonds),
                "amount_minor": int(minor),
                "usd_cents": int(usd_cents),
            }
            for currency, creators, diamonds, minor, usd_cents in cursor
        ]
