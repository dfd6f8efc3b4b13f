"""A chunk of a settlement run: all its creators settled and paid out in a few statements.

Promises: the caller's transaction holds the chunk; operation ids follow from run, creator and card,
so that a chunk done again could only give the first outcome; each card's diamonds are paid at that
card's own value; who does not pass the gate keeps all they have for the next run.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from psycopg.types.json import Jsonb

from accounts import queries as people
from accounts import tellings
from accounts.models import NoticeKind, User
from payouts import eligibility, risk, runs, services, terms
from payouts.bookings import STUDIO_PATH
from payouts.models import Destination, PayoutChoice, SettlementChunk, SettlementRun
from wallet import cash
from wallet import queries as wallets
from wallet.models import FxRate, RateCard
from wallet.money import CURRENCY_NUMBERS, words

NO_CARD: Final = 0


def settle(chunk: SettlementChunk, *, run: SettlementRun, at: datetime) -> None:
    """Settle and pay out the chunk's creators, tell them, and note the chunk as done.

    Locks the creators by id, then (in the ledger) their accounts. Raises FxMissing, FxStale.
    """
    held = runs.holdings(
        first_creator_id=chunk.first_creator_id, last_creator_id=chunk.last_creator_id
    )
    creator_ids = sorted({holding.creator_id for holding in held})
    _lock(creator_ids)
    lines = eligibility.gate(creator_ids=creator_ids, at=at)
    eligibility.store(lines, at=at)
    eligible = [one for one in creator_ids if risk.is_eligible(lines[one])]
    accounts = Destination.objects.filter(people.Among("creator_id", eligible), replaced_at=None)
    destinations = {row.creator_id: row for row in accounts.only("creator_id", "rail", "currency")}
    rates = {
        currency: wallets.fx(currency=currency, at=at)
        for currency in sorted({row.currency for row in destinations.values()})
    }
    settled: Sequence[Settled] = []
    if run.kind == SettlementRun.Kind.SETTLEMENT:
        settled = _settle_diamonds(run, held=held, destinations=destinations, rates=rates, at=at)
        _tell(run, settled=settled, rates=rates)
    chunk.paid_out = _pay_out(run, destinations=destinations, rates=rates, at=at)
    chunk.settled = len({one.creator_id for one in settled})
    chunk.not_eligible = len(creator_ids) - len(eligible)
    chunk.done_at = at
    chunk.save(update_fields=["settled", "paid_out", "not_eligible", "done_at"])


def _lock(creator_ids: Collection[int]) -> None:
    """Hold the creators' rows: no destination changes and nobody asks for a payout meanwhile."""
    rows = User.objects.select_for_update(no_key=True).filter(people.Among("pk", creator_ids))
    list(rows.order_by("pk").values_list("pk", flat=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Diamonds of one creator under one card that became cash."""

    creator_id: int
    currency: str
    diamonds_milli: int
    amount_minor: int


LINES_SQL: Final = f"""
WITH rate AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rates)s)
           AS rate (currency text, unit integer, per_usd numeric, source text,
                    quoted_at timestamptz)
), asked AS MATERIALIZED (
    SELECT asked.*, rate.unit, rate.per_usd, rate.source, rate.quoted_at
      FROM json_to_recordset(%(asked)s)
           AS asked (op uuid, creator_id bigint, card_id integer, diamond_usd numeric,
                     currency text)
      JOIN rate USING (currency)
), settled AS MATERIALIZED (
    SELECT op, done, refusal, (result ->> 'diamonds')::bigint AS diamonds,
           (result ->> 'amount_minor')::bigint AS minor, (result ->> 'remainder')::numeric AS rest
      FROM {cash.SETTLE_SQL}
), written AS (
    INSERT INTO payouts_settlementline (
        id, run_id, creator_id, card_id, diamonds_milli, diamond_usd, currency, fx_per_usd,
        fx_source, fx_quoted_at, amount_minor, remainder_minor, settled_at)
    SELECT settled.op, %(run)s, asked.creator_id, asked.card_id, settled.diamonds,
           asked.diamond_usd, asked.currency, asked.per_usd, asked.source, asked.quoted_at,
           settled.minor, settled.rest, %(at)s
      FROM settled JOIN asked USING (op)
     WHERE settled.done
)
SELECT creator_id, currency, done, refusal, diamonds, minor FROM settled JOIN asked USING (op)
"""  # noqa: S608 - our own names


def _settle_diamonds(
    run: SettlementRun,
    *,
    held: Collection[runs.Holding],
    destinations: Mapping[int, Destination],
    rates: Mapping[str, FxRate],
    at: datetime,
) -> Sequence[Settled]:
    """Turn all available diamonds into cash; a line each, but for too few for one minor unit."""
    cards = RateCard.objects.in_bulk({holding.card_id for holding in held})
    asked = [
        {
            "op": str(uuid.uuid5(run.pk, f"{holding.creator_id}:{holding.card_id}")),
            "creator_id": holding.creator_id,
            "card_id": holding.card_id,
            "diamond_usd": str(cards[holding.card_id].diamond_usd),
            "currency": destinations[holding.creator_id].currency,
        }
        for holding in held
        if holding.card_id != NO_CARD and holding.creator_id in destinations
    ]
    if not asked:
        return []
    facts: dict[str, Any] = {
        "run": run.pk,
        "at": at,
        "memo": Jsonb({"text": f"Settlement {run.period_key}"}),
        "context": f"settlement:{run.pk}",
        "asked": json.dumps(asked),
        "rates": json.dumps([
            {
                "currency": rate.currency,
                "unit": CURRENCY_NUMBERS[rate.currency],
                "per_usd": str(rate.per_usd),
                "source": rate.source,
                "quoted_at": rate.quoted_at.isoformat(),
            }
            for rate in rates.values()
        ]),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(LINES_SQL, facts)
        rows = cursor.fetchall()
    for creator_id, _currency, done, refusal, _diamonds, _minor in rows:
        assert done or refusal == "nothing_available", f"refused {creator_id}: {refusal}"
    return [
        Settled(
            creator_id=creator_id, currency=currency, diamonds_milli=diamonds, amount_minor=minor
        )
        for creator_id, currency, done, _refusal, diamonds, minor in rows
        if done
    ]


def _pay_out(
    run: SettlementRun,
    *,
    destinations: Mapping[int, Destination],
    rates: Mapping[str, FxRate],
    at: datetime,
) -> int:
    """Reserve the creators' cash in the currency they are paid in, between minimum and maximum."""
    payable = runs.payables(creator_ids=destinations)
    used = runs.used(creator_ids=destinations, at=at)
    by_hand = set(
        PayoutChoice.objects.filter(
            people.Among("creator_id", destinations), is_automatic=False
        ).values_list("creator_id", flat=True)
    )
    least = {currency: terms.minimum_minor(rate) for currency, rate in rates.items()}
    drafts = [
        services.draft(
            payout_id=uuid.uuid5(run.pk, f"{creator_id}:payout"),
            destination=destination,
            amount_minor=amount,
            rate=rate,
        )
        for creator_id, destination in destinations.items()
        if creator_id not in by_hand
        for key, rate in [((creator_id, destination.currency), rates[destination.currency])]
        for amount in [min(payable.get(key, 0), terms.left_minor(rate, used=used[key]))]
        if amount >= least[destination.currency]
    ]
    refusals = services.reserve(drafts, at=at, run_id=run.pk)
    assert not any(refusals), "payable cash was locked"
    return len(drafts)


def _tell(run: SettlementRun, *, settled: Sequence[Settled], rates: Mapping[str, FxRate]) -> None:
    """Tell each creator what their diamonds came to, at which rate."""
    by_creator: dict[int, list[Settled]] = defaultdict(list)
    for one in settled:
        by_creator[one.creator_id].append(one)
    tellings.notify_each(
        [
            tellings.Telling(
                user_id=creator_id,
                subject_key=f"settlement:{run.pk}",
                title=f"Your diamonds were settled: {_sum(own)}",
                body=_words(own, rate=rates[own[0].currency]),
                path=f"{STUDIO_PATH}settlements/",
            )
            for creator_id, own in by_creator.items()
        ],
        kind=NoticeKind.EARNINGS,
    )


def _sum(settled: Sequence[Settled]) -> str:
    return words(sum(one.amount_minor for one in settled), settled[0].currency)


def _words(settled: Sequence[Settled], *, rate: FxRate) -> str:
    diamonds = Decimal(sum(one.diamonds_milli for one in settled)).scaleb(-3).normalize()
    return (
        f"{diamonds:,f} diamonds at the value of their rate cards. "
        f"1 USD = {rate.per_usd.normalize():f} {rate.currency} "
        f"({rate.source}, {rate.quoted_at:%-d %B %Y})."
    )
