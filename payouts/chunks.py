"""A chunk of a settlement run: all its creators settled and paid out in a few statements.

Promises: the caller's transaction holds the chunk; operation ids follow from run, creator and card,
so that a chunk done again could only give the first outcome; each card's diamonds are paid at that
card's own value; who does not pass the gate keeps all they have for the next run.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from accounts import tellings
from accounts.models import NoticeKind, User
from payouts import eligibility, risk, runs, services, terms
from payouts.bookings import STUDIO_PATH
from payouts.models import (
    Destination,
    Payout,
    PayoutChoice,
    SettlementChunk,
    SettlementLine,
    SettlementRun,
)
from wallet import cash
from wallet import queries as wallets
from wallet.models import FxRate, RateCard
from wallet.money import money

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
    eligible = [one for one in creator_ids if risk.is_eligible(lines[one])]
    destinations = {
        row.creator_id: row
        for row in Destination.objects.filter(creator__in=eligible, replaced_at=None)
    }
    rates = {
        currency: wallets.fx(currency=currency, at=at)
        for currency in sorted({row.currency for row in destinations.values()})
    }
    settled: Sequence[SettlementLine] = []
    if run.kind == SettlementRun.Kind.SETTLEMENT:
        settled = _settle_diamonds(run, held=held, destinations=destinations, rates=rates, at=at)
        _tell(run, lines=settled)
    payouts = _pay_out(run, destinations=destinations, rates=rates, at=at)
    chunk.settled = len({line.creator_id for line in settled})
    chunk.paid_out, chunk.not_eligible = len(payouts), len(creator_ids) - len(eligible)
    chunk.done_at = at
    chunk.save(update_fields=["settled", "paid_out", "not_eligible", "done_at"])


def _lock(creator_ids: Collection[int]) -> None:
    """Hold the creators' rows: no destination changes and nobody asks for a payout meanwhile."""
    people = User.objects.select_for_update(no_key=True).filter(pk__in=creator_ids)
    list(people.order_by("pk").values_list("pk", flat=True))


def _settle_diamonds(
    run: SettlementRun,
    *,
    held: Iterable[runs.Holding],
    destinations: Mapping[int, Destination],
    rates: Mapping[str, FxRate],
    at: datetime,
) -> Sequence[SettlementLine]:
    """Turn all available diamonds into cash; a line each, but for too few for one minor unit."""
    asked = [
        cash.Settlement(
            operation_id=uuid.uuid5(run.pk, f"{holding.creator_id}:{holding.card_id}"),
            creator_id=holding.creator_id,
            card_id=holding.card_id,
            currency=rate.currency,
            fx_per_usd=rate.per_usd,
        )
        for holding in held
        if holding.card_id != NO_CARD and holding.creator_id in destinations
        for rate in [rates[destinations[holding.creator_id].currency]]
    ]
    outcomes = cash.settle(
        asked,
        memo={"text": f"Settlement {run.period_key}"},
        context=f"settlement:{run.pk}",
    )
    cards = RateCard.objects.in_bulk({one.card_id for one in asked})
    lines = []
    for one in asked:
        outcome = outcomes[one.operation_id]
        if outcome.refusal == "nothing_available":
            continue
        assert outcome.done, f"the ledger refused {one.operation_id}: {outcome.refusal}"
        rate = rates[one.currency]
        lines.append(
            SettlementLine(
                pk=one.operation_id,
                run_id=run.pk,
                creator_id=one.creator_id,
                card_id=one.card_id,
                diamonds_milli=outcome.result["diamonds"],
                diamond_usd=cards[one.card_id].diamond_usd,
                currency=rate.currency,
                fx_per_usd=rate.per_usd,
                fx_source=rate.source,
                fx_quoted_at=rate.quoted_at,
                amount_minor=outcome.result["amount_minor"],
                remainder_minor=Decimal(outcome.result["remainder"]),
                settled_at=at,
            )
        )
    return SettlementLine.objects.bulk_create(lines)


def _pay_out(
    run: SettlementRun,
    *,
    destinations: Mapping[int, Destination],
    rates: Mapping[str, FxRate],
    at: datetime,
) -> Sequence[UUID]:
    """Reserve the creators' cash in the currency they are paid in, between minimum and maximum."""
    payable = runs.payables(creator_ids=destinations)
    used = runs.used(creator_ids=destinations, at=at)
    by_hand = set(
        PayoutChoice.objects.filter(creator__in=destinations, is_automatic=False).values_list(
            "creator_id", flat=True
        )
    )
    drafts: list[Payout] = []
    for creator_id, destination in destinations.items():
        key, rate = (creator_id, destination.currency), rates[destination.currency]
        amount = min(payable.get(key, 0), terms.left_minor(rate, used=used[key]))
        if amount < terms.minimum_minor(rate) or creator_id in by_hand:
            continue
        drafts.append(
            services.draft(
                payout_id=uuid.uuid5(run.pk, f"{creator_id}:payout"),
                destination=destination,
                amount_minor=amount,
                rate=rate,
                at=at,
                run_id=run.pk,
            )
        )
    reserved = services.reserve(drafts)
    assert all(isinstance(row, Payout) for row in reserved.values()), "payable cash was locked"
    return list(reserved)


def _tell(run: SettlementRun, *, lines: Sequence[SettlementLine]) -> None:
    """Tell each creator what their diamonds came to, at which rate."""
    by_creator: dict[int, list[SettlementLine]] = defaultdict(list)
    for line in lines:
        by_creator[line.creator_id].append(line)
    tellings.notify_each(
        [
            tellings.Telling(
                user_id=creator_id,
                subject_key=f"settlement:{run.pk}",
                title=f"Your diamonds were settled: {_sum(own)}",
                body=_words(own),
                path=f"{STUDIO_PATH}settlements/",
            )
            for creator_id, own in by_creator.items()
        ],
        kind=NoticeKind.EARNINGS,
    )


def _sum(lines: Sequence[SettlementLine]) -> str:
    return str(money(sum(line.amount_minor for line in lines), lines[0].currency))


def _words(lines: Sequence[SettlementLine]) -> str:
    first = lines[0]
    diamonds = Decimal(sum(line.diamonds_milli for line in lines)).scaleb(-3).normalize()
    return (
        f"{diamonds:,f} diamonds at the value of their rate cards. "
        f"1 USD = {first.fx_per_usd.normalize():f} {first.currency} "
        f"({first.fx_source}, {first.fx_quoted_at:%-d %B %Y})."
    )
