"""Batches of gift cards, that two members of staff make.

Promises: one proposes and another approves, and no price breaks the margin floor. Codes are made
when their batch is handed out, once, to its maker, in the transaction that keeps their hashes: no
table, log or page holds a code, and nobody can ask for them again.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import states
from wallet import charges, gift_cards, money, queries, risk
from wallet.models import CODES_MAX, GiftCard, GiftCardBatch, Region

State = GiftCardBatch.State

# Cards of the field are valid for a year from activation (terms of a reseller of Japanese cards,
# read 2026-08).
LIFE: Final = timedelta(days=365)


class NotABatch(Exception):
    """The batch's facts do not fit together."""


class BelowFloor(Exception):
    """The coins would be sold for less than they cost."""


class SamePerson(Exception):
    """Who proposed a batch cannot decide about it."""


class NotWaiting(Exception):
    """The batch was decided, handed out or voided before."""


class NotTheMaker(Exception):
    """Codes are handed to who made the batch, and to nobody else."""


@transaction.atomic(durable=True)
def propose_batch(
    *,
    batch_id: UUID,
    name: str,
    region: Region,
    coins: int,
    gross_minor: int,
    count: int,
    expires_at: datetime,
    maker_id: int,
    at: datetime,
) -> GiftCardBatch:
    """Write a batch that waits for a second person. Idempotent by ``batch_id``.

    Raises NotABatch, BelowFloor, queries.FxMissing, queries.FxStale.
    """
    check_batch(
        region=region,
        coins=coins,
        gross_minor=gross_minor,
        count=count,
        expires_at=expires_at,
        at=at,
    )
    batch, _ = GiftCardBatch.objects.get_or_create(
        pk=batch_id,
        defaults={
            "name": name,
            "region": region,
            "coins": coins,
            "gross_minor": gross_minor,
            "currency": region.currency,
            "count": count,
            "expires_at": expires_at,
            "maker_id": maker_id,
        },
    )
    return batch


def check_batch(
    *,
    region: Region,
    coins: int,
    gross_minor: int,
    count: int,
    expires_at: datetime,
    at: datetime,
) -> None:
    """Make sure that a batch can be sold. Raises NotABatch, BelowFloor, FxMissing, FxStale."""
    if not (1 <= count <= CODES_MAX and 1 <= coins <= charges.COINS_MAX and gross_minor >= 1):
        raise NotABatch(
            f"A batch has 1 to {CODES_MAX:,} cards of 1 to {charges.COINS_MAX:,} coins each, "
            "at a price above zero."
        )
    if expires_at <= at:
        raise NotABatch("The cards would have expired already. Choose a later day.")
    card = queries.card_in_force(at)
    if card is None:
        raise NotABatch("No rate card is in force, so nobody can say what a coin costs.")
    tax_minor = 0 if region.tax_is_included else gift_cards.tax_in(gross_minor, region=region)
    keeps_floor = risk.charge_ok(
        amount_minor=gross_minor - tax_minor,
        coins=coins,
        region=region,
        fee=gift_cards.fee_in(region.currency),
        card=card,
        per_usd=queries.fx(region.currency, at).per_usd,
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    if not keeps_floor:
        raise BelowFloor(
            f"{coins:,} coins for {money.money(gross_minor, region.currency)} bring in less than "
            "their diamonds cost with the margin on top. Raise the price."
        )


@transaction.atomic(durable=True)
def decide_batch(
    *, batch_id: UUID, approve: bool, why: str, by_id: int, at: datetime
) -> GiftCardBatch:
    """Approve a proposal, or reject it, by somebody else. Raises SamePerson, NotWaiting."""
    batch = _locked_batch(batch_id)
    if batch.state != State.PROPOSED:
        raise NotWaiting("This batch was decided before. Nothing was done now.")
    if batch.maker_id == by_id:
        raise SamePerson("You proposed this batch. Somebody else has to decide about it.")
    batch.approver_id = by_id
    batch.save(update_fields=["approver"])
    to = State.APPROVED if approve else State.REJECTED
    return states.move(batch, to=to, why=why or to.label, at=at, by_id=by_id)


@transaction.atomic(durable=True)
def hand_out(*, batch_id: UUID, by_id: int, at: datetime) -> list[str]:
    """Make the batch's codes and return them: once, to its maker. Only their hashes are kept.

    Whoever loses the file voids the batch and makes another. Raises NotTheMaker, NotWaiting.
    """
    batch = _locked_batch(batch_id)
    if batch.maker_id != by_id:
        raise NotTheMaker("Only who proposed a batch gets its codes.")
    if batch.state != State.APPROVED:
        raise NotWaiting(
            "Codes are handed out once, after a second person approved the batch. "
            "If the file is lost, void this batch and make another."
        )
    codes = [gift_cards.new_code() for _ in range(batch.count)]
    GiftCard.objects.bulk_create(
        [
            GiftCard(batch=batch, code_hash=gift_cards.code_hash(code), ending=code[-4:])
            for code in codes
        ],
        batch_size=1000,
    )
    batch = states.move(batch, to=State.ISSUED, why="Codes handed out.", at=at, by_id=by_id)
    batch.issued_at = at
    batch.save(update_fields=["issued_at"])
    return [gift_cards.grouped(code) for code in codes]


@transaction.atomic(durable=True)
def void_batch(*, batch_id: UUID, why: str, by_id: int, at: datetime) -> int:
    """End a batch: cards not redeemed yet give nothing from now on; how many. NotWaiting."""
    batch = _locked_batch(batch_id)
    if batch.state not in (State.APPROVED, State.ISSUED):
        raise NotWaiting("There is nothing to void in this batch.")
    states.move(batch, to=State.VOIDED, why=why, at=at, by_id=by_id)
    return GiftCard.objects.filter(batch=batch, purchase=None, voided_at=None).update(voided_at=at)


def _locked_batch(batch_id: UUID) -> GiftCardBatch:
    return GiftCardBatch.objects.select_for_update().get(pk=batch_id)
