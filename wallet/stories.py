"""The story of one operation: what moved, which payment it came from, and where the money went.

Promises: told to its owner alone. Shares are exact Fractions of what the person paid for these
very coins, rounded by ``shares.split`` and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from djmoney.money import Money

from wallet import history, queries, returns, reversals, shares
from wallet.models import (
    Account,
    Channel,
    CreditNote,
    FxRate,
    Lot,
    Operation,
    Purchase,
    RateCard,
    Refund,
    Transfer,
)
from wallet.money import MILLI, currency_of, decimals, money

_COIN_CODES: Final = (
    Transfer.Code.BUY,
    Transfer.Code.GIFT_COINS,
    Transfer.Code.GIFT_HOLD,
    Transfer.Code.GIFT_FREE,
    Transfer.Code.ADJUST_COINS_IN,
    Transfer.Code.ADJUST_COINS_OUT,
    Transfer.Code.REFUND_HOLD,
    Transfer.Code.REFUND_GIVE_BACK,
    Transfer.Code.REFUND_COINS,
    Transfer.Code.CAME_BACK_COINS,
    Transfer.Code.DISPUTE_HOLD_COINS,
    Transfer.Code.DISPUTE_GIVE_BACK_COINS,
    Transfer.Code.LOSS_COINS,
    Transfer.Code.LOSS_COVER,
    Transfer.Code.REPAY_COINS,
)


@dataclass(frozen=True, slots=True)
class Slice:
    """Coins of one lot that moved. No purchase: our staff gave them."""

    coins: int
    lot: Lot
    price: Money | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the money of a gift went, in the currency it was paid in."""

    paid: Money
    parts: Sequence[shares.Part]
    coins: int
    per_usd: FxRate | None


@dataclass(frozen=True, slots=True)
class Story:
    id: UUID
    at: datetime
    kind: history.Kind | None
    title: str
    memo: dict[str, Any]
    coins: int
    gained: bool
    diamonds_milli: int
    slices: Sequence[Slice]
    card: RateCard | None
    chains: Sequence[Chain]
    unpaid_coins: int
    purchase: Purchase | None
    refund: Refund | None = None
    reversed_milli: int = 0  # of a gift's diamonds, taken back since
    credit_note: CreditNote | None = None

    @property
    def paid(self) -> Money | None:
        return history.price_of((s.lot, s.coins) for s in self.slices)

    @property
    def tax(self) -> Money | None:
        bought = self.purchase
        return None if bought is None else money(bought.tax_minor, bought.currency)


@dataclass(frozen=True, slots=True)
class LotStory:
    """A lot as its owner sees it: what is left, and until when that can be asked back."""

    lot: Lot
    price: Money | None
    left_price: Money | None  # what a refund of what is left would pay, if it can be asked for
    refundable_until: datetime | None
    is_refundable: bool

    @property
    def used(self) -> int:
        return self.lot.amount - self.lot.remaining

    @property
    def is_of_gift_card(self) -> bool:
        """Whether a code paid for it, bought elsewhere."""
        bought = self.lot.purchase
        return bought is not None and bought.channel == Channel.GIFT_CARD


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that took coins out of a lot."""

    id: UUID
    at: datetime
    what: str
    where: str
    coins: int
    price: Money | None
    transfer_id: int


def lot_story(lot: Lot, *, at: datetime) -> LotStory:
    """Tell of one lot."""
    return lot_stories([lot], at=at)[0]


def lot_stories(lots: Sequence[Lot], *, at: datetime) -> list[LotStory]:
    """Tell of several lots, with their purchases, in as many queries as of one.

    What is left is worth what a refund of it would pay: rounded down, as the ledger does.
    """
    until = {lot.pk: queries.refundable_until(lot.purchase) for lot in lots if lot.purchase}
    refundable = {
        lot.purchase_id: lot.remaining
        for lot in lots
        if lot.purchase_id
        and _is_open(until.get(lot.pk), at)
        and lot.remaining
        and lot.state == Lot.State.GOOD
    }
    worth = returns.refund_values(coins_by_purchase=refundable) if refundable else {}
    return [
        LotStory(
            lot=lot,
            price=history.price_of([(lot, lot.amount)]),
            left_price=_paid_for(lot, worth[lot.purchase_id].gross_minor)
            if lot.purchase_id in worth
            else None,
            refundable_until=until.get(lot.pk),
            is_refundable=lot.purchase_id in worth,
        )
        for lot in lots
    ]


def _is_open(until: datetime | None, at: datetime) -> bool:
    return until is not None and at < until


def _paid_for(lot: Lot, amount_minor: int) -> Money:
    assert lot.cash_unit is not None, "somebody paid for it"
    return money(amount_minor, currency_of(lot.cash_unit))


def use(lot: Lot, transfer: Transfer) -> Use:
    """Tell what one transfer out of the lot was, in the words frozen when it was made."""
    operation = transfer.op
    memo = operation.memo or {}
    kind = history.KIND_OF.get(Operation.Kind(operation.kind))
    return Use(
        id=operation.pk,
        at=operation.recorded_at,
        what=history.words(kind, memo) if kind else operation.get_kind_display(),
        where=str(memo.get("where", "")),
        coins=transfer.amount,
        price=history.price_of([(lot, transfer.amount)]),
        transfer_id=transfer.pk,
    )


def story(*, user_id: int, operation_id: UUID) -> Story | None:
    """The story of the person's own operation or purchase; None if there is none of theirs."""
    operation = (
        Operation.objects.filter(
            pk=operation_id, home_id=user_id, is_refused=False, kind__in=history.KIND_OF
        )
        .select_related("card")
        .first()
    )
    if operation is not None:
        return _of_operation(operation)
    purchase = (
        Purchase.objects.filter(pk=operation_id, buyer_id=user_id).select_related("method").first()
    )
    return None if purchase is None else _of_purchase(purchase)


_OF_ONE_PURCHASE: Final = (history.Kind.PURCHASE, history.Kind.RETURN)


def _of_operation(operation: Operation) -> Story:
    transfers = list(
        Transfer.objects.filter(op=operation)
        .select_related("lot__purchase__method", "credit_account", "debit_account")
        .order_by("pk")
    )
    coins = [t for t in transfers if t.code in _COIN_CODES]
    slices = [_slice(t) for t in coins if t.lot is not None]
    kind = history.KIND_OF[Operation.Kind(operation.kind)]
    memo = operation.memo or {}
    is_gift = kind == history.Kind.GIFT
    moved = sum(_on_wallet(t) for t in coins)
    return Story(
        id=operation.pk,
        at=operation.recorded_at,
        kind=kind,
        title=history.words(kind, memo),
        memo=memo,
        coins=abs(moved),
        gained=moved > 0,
        diamonds_milli=sum(t.amount for t in transfers if t.code == Transfer.Code.GIFT_DIAMONDS),
        slices=slices,
        card=operation.card,
        chains=_chains(operation, slices) if is_gift else (),
        unpaid_coins=sum(s.coins for s in slices if s.price is None) if is_gift else 0,
        purchase=slices[0].lot.purchase if kind in _OF_ONE_PURCHASE and slices else None,
        refund=reversals.refund_with(operation_id=operation.pk),
        credit_note=CreditNote.objects.filter(pk=operation.pk).first(),
        reversed_milli=reversals.reversed_gifts(operation_ids=[operation.pk]).get(operation.pk, 0),
    )


def _on_wallet(transfer: Transfer) -> int:
    """What a transfer of coins put into the wallet, or took out of it."""
    gained = transfer.amount if transfer.credit_account.code == Account.Code.WALLET else 0
    lost = transfer.amount if transfer.debit_account.code == Account.Code.WALLET else 0
    return gained - lost


def _of_purchase(purchase: Purchase) -> Story:
    return Story(
        id=purchase.pk,
        at=purchase.created_at,
        kind=history.Kind.PURCHASE,
        title=f"{purchase.coins:,} coins",
        memo={},
        coins=0,
        gained=False,
        diamonds_milli=0,
        slices=(),
        card=None,
        chains=(),
        unpaid_coins=0,
        purchase=purchase,
    )


def _slice(transfer: Transfer) -> Slice:
    assert transfer.lot is not None, "coins move out of lots"
    return Slice(transfer.amount, transfer.lot, history.price_of([(transfer.lot, transfer.amount)]))


def _chains(operation: Operation, slices: Sequence[Slice]) -> list[Chain]:
    """One chain for each currency the coins were paid in, in the order they were spent."""
    assert operation.card is not None, "a gift was earned under a card"
    units = dict.fromkeys(s.lot.cash_unit for s in slices if s.lot.cash_unit is not None)
    return [
        _chain(
            currency_of(unit),
            [s for s in slices if s.lot.cash_unit == unit],
            operation.card,
            at=operation.recorded_at,
        )
        for unit in units
    ]


def _chain(currency: str, slices: Sequence[Slice], card: RateCard, *, at: datetime) -> Chain:
    """Split the price of the slices: tax, the method's fee, the creator's value, the operator."""
    coins = sum(s.coins for s in slices)
    gross, tax, fee = (
        sum((Fraction(getattr(s.lot, f) * s.coins, s.lot.amount) for s in slices), Fraction())
        for f in ("gross_minor", "tax_minor", "fee_minor")
    )
    # The rate at the time, whatever its age: history is told as it was and nothing is paid by it.
    rate = (
        FxRate.objects.filter(currency=currency, quoted_at__lte=at).order_by("-quoted_at").first()
    )
    usd = Fraction(coins * card.diamonds_per_coin_milli, MILLI) * Fraction(card.diamond_usd)
    lines = [("Tax", "tax", tax), ("Payment fee", "fee", fee)]
    if rate is not None:
        creator = usd * Fraction(rate.per_usd) * Fraction(10) ** decimals(currency)
        lines.append(("Creator", "creator", creator))
    parts = shares.split(lines, gross=gross, currency=currency)
    return Chain(shares.fine(gross, currency=currency), parts, coins, rate)
