"""The ledger again, in plain Python: lists and sums, no SQL, no locks, no clock.

It shares nothing with the real one but the rules, so where the two differ one of them is wrong.
Gifts, lots and buckets are objects here, each knowing what is left of it; the real ledger derives
the same from its transfers.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

from wallet import money

Result = dict[str, Any]
Answer = tuple[str | None, Result]
"""Why it was refused (None: done), and what the stored outcome says."""

STEP = {"KWD": 10}  # three decimals move in tens


class State(IntEnum):
    GOOD = 0
    DISPUTED = 1
    LOST = 2


@dataclass(eq=False)
class Lot:
    """What one payment bought, and what became of its coins and its money."""

    owner: int
    amount: int
    hold_class: int
    purchase_id: UUID | None = None
    currency: str = "EUR"
    gross: int = 0
    tax: int = 0
    remaining: int = 0
    state: State = State.GOOD
    disputed: int = 0  # coins that its dispute holds
    has_money: bool = False  # whether anything ever happened to its money
    returned_coins: int = 0
    returned: int = 0
    returned_net: int = 0
    returned_tax: int = 0
    spent: int = 0  # recognised so far
    unrecognised: Counter[int] = field(default_factory=Counter)  # by period
    recognised: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.tax

    def money_of(self, coins: int) -> tuple[int, int]:
        """Gross and tax of so many of its coins, each rounded down."""
        if not self.gross:
            return 0, 0
        step = STEP.get(self.currency, 1)
        gross = self.gross * coins // (self.amount * step) * step
        return gross, self.tax * gross // self.gross

    def refund_value(self, coins: int) -> tuple[int, int]:
        """Gross and tax of so many coins more, and never more than was paid and is left."""
        before, after = (
            self.money_of(self.returned_coins),
            self.money_of(self.returned_coins + coins),
        )
        gross = min(after[0] - before[0], self.gross - self.returned)
        return gross, min(after[1] - before[1], self.tax - self.returned_tax, gross)

    def coins_of(self, minor: int) -> int:
        """How many of its coins an amount of its money stands for, rounded up."""
        if not self.gross:
            return 0
        return min(-(-minor * self.amount // self.gross), self.amount - self.returned_coins)


@dataclass(eq=False)
class Hold:
    """Coins that wait for a refund. ``coins`` is what of them is still there."""

    lot: Lot
    coins: int
    is_resolved: bool = False
    paid: tuple[int, int, int] | None = None  # coins, money with its tax, tax
    has_come_back: bool = False


@dataclass(eq=False)
class Waiting:
    """A gift that waits: the coins of each lot that are set aside for it."""

    owner: int
    coins: dict[Lot, int]


@dataclass(eq=False)
class Bucket:
    """What one period brought a creator from one payment class."""

    period: int
    creator: int
    hold_class: int
    amount: int = 0
    clawed: int = 0
    released: int = 0
    is_done: bool = False

    @property
    def waiting(self) -> int:
        return 0 if self.is_done else self.amount - self.clawed


@dataclass(eq=False)
class Gift:
    """The coins one lot paid of a gift. ``coins``: what was not taken back."""

    number: int
    lot: Lot
    creator: int
    coins: int
    bucket: Bucket


@dataclass
class Model:
    """What every account, lot, bucket, cover and book must hold."""

    share_milli: int
    diamond_usd: Decimal
    lots: list[Lot] = field(default_factory=list)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    waiting: dict[UUID, Waiting] = field(default_factory=dict)
    gifts: list[Gift] = field(default_factory=list)
    covers: list[tuple[Lot, Lot, int]] = field(default_factory=list)  # whose loss, whose coins
    buckets: dict[tuple[int, int, int], Bucket] = field(default_factory=dict)
    pendings: list[tuple[int, int]] = field(default_factory=list)  # in the order they were opened
    period: int = 0  # the open one
    recognised_period: int = -1
    coin_debt: Counter[int] = field(default_factory=Counter)
    available: Counter[int] = field(default_factory=Counter)
    disputed: Counter[tuple[int, Lot]] = field(default_factory=Counter)  # by creator and dispute
    debt: Counter[int] = field(default_factory=Counter)
    payable: Counter[tuple[int, str]] = field(default_factory=Counter)
    in_payout: Counter[tuple[int, str]] = field(default_factory=Counter)
    books: Counter[tuple[str, str]] = field(default_factory=Counter)  # of the platform

    def coins(self, user: int) -> int:
        return sum(lot.remaining for lot in self.lots if lot.owner == user)

    def held(self, user: int) -> int:
        frozen = sum(hold.coins for hold in self.holds.values() if hold.lot.owner == user)
        waiting = sum(
            sum(gift.coins.values()) for gift in self.waiting.values() if gift.owner == user
        )
        return frozen + waiting + sum(lot.disputed for lot in self.lots if lot.owner == user)

    def pending(self, creator: int, hold_class: int) -> int:
        return sum(
            bucket.waiting
            for bucket in self.buckets.values()
            if (bucket.creator, bucket.hold_class) == (creator, hold_class)
        )

    def spendable(self, user: int) -> list[Lot]:
        """The lots that coins may be taken from, oldest first."""
        return [lot for lot in self.lots if lot.owner == user and lot.remaining]

    # Buying, giving, adjusting

    def buy(self, lot: Lot, fee: int = 0) -> None:
        lot.remaining = lot.amount
        self.lots.append(lot)
        self._book(lot, clearing=lot.gross - fee, deferred=lot.net, tax=lot.tax, fee=fee)

    def gift(self, payer: int, creator: int, coins: int) -> str | None:
        if self.coins(payer) < coins:
            return "insufficient_coins"
        for lot in self.spendable(payer):
            taken = self._spend(lot, coins)
            coins -= taken
            if taken:
                bucket = self._bucket(creator, lot.hold_class)
                bucket.amount += taken * self.share_milli
                self.gifts.append(Gift(len(self.gifts), lot, creator, taken, bucket))
        return None

    def hold_gift(self, operation_id: UUID, payer: int, coins: int) -> Answer:
        if self.coins(payer) < coins:
            return "insufficient_coins", {"balance": self.coins(payer)}
        self.waiting[operation_id] = Waiting(payer, {})
        left = coins
        for lot in self.spendable(payer):
            taken = min(lot.remaining, left)
            lot.remaining -= taken
            left -= taken
            if taken:
                self.waiting[operation_id].coins[lot] = taken
        return None, {"balance": self.coins(payer)}

    def free_gift(self, waiting: Waiting) -> Answer:
        freed = sum(waiting.coins.values())
        for lot, coins in waiting.coins.items():
            lot.remaining += coins
        waiting.coins.clear()
        return None, {"coins": freed}

    def _spend(self, lot: Lot, most: int) -> int:
        """Take coins out of a lot for good; their money is earned when the period is."""
        taken = min(lot.remaining, most)
        lot.remaining -= taken
        lot.unrecognised[self.period] += taken
        return taken

    def _bucket(self, creator: int, hold_class: int) -> Bucket:
        if (creator, hold_class) not in self.pendings:
            self.pendings.append((creator, hold_class))
        key = (self.period, creator, hold_class)
        return self.buckets.setdefault(key, Bucket(*key))

    def adjust_coins(self, user: int, coins: int, hold_class: int) -> str | None:
        if coins > 0:
            self.lots.append(Lot(user, coins, hold_class, remaining=coins))
            return None
        if self.coins(user) < -coins:
            return "insufficient_coins"
        left = -coins
        for lot in reversed(self.spendable(user)):
            left -= self._spend(lot, left)
        return None

    def adjust_diamonds(self, creator: int, diamonds_milli: int) -> str | None:
        if self.available[creator] + diamonds_milli < 0:
            return "insufficient_diamonds"
        self.available[creator] += diamonds_milli
        return None

    # Time

    def close(self) -> None:
        self.period += 1

    def due(self) -> list[Bucket]:
        """The buckets of closed periods, in the order in which many are released."""
        return sorted(
            (b for b in self.buckets.values() if not b.is_done and b.period < self.period),
            key=lambda b: (b.creator, self.pendings.index((b.creator, b.hold_class)), b.period),
        )

    def release(self, bucket: Bucket, share_bps: int) -> Result:
        amount = bucket.waiting
        repaid = min(self.debt[bucket.creator], amount * share_bps // 10_000)
        self.debt[bucket.creator] -= repaid
        self.available[bucket.creator] += amount - repaid
        bucket.released, bucket.is_done = amount, True
        return {"released": amount, "repaid": repaid}

    def settle(self, creator: int, currency: str, fx: Decimal) -> str | None:
        exact = self.available[creator] * self.diamond_usd * fx / 1000
        minor = int(exact.scaleb(money.decimals(currency)).to_integral_value(ROUND_FLOOR))
        if minor <= 0:
            return "nothing_available"
        self.available[creator] = 0
        self.payable[creator, currency] += minor
        return None

    def move_cash(self, step: str, creator: int, currency: str, minor: int) -> str | None:
        key = (creator, currency)
        source = {"reserve": self.payable, "post": self.in_payout, "void": self.in_payout}.get(step)
        if source is not None:
            if source[key] < minor:
                return "insufficient_cash"
            source[key] -= minor
        if step == "reserve":
            self.in_payout[key] += minor
        if step in {"void", "return"}:
            self.payable[key] += minor
        return None

    def recognise(self) -> Answer:
        if self.recognised_period == self.period - 1:
            return "nothing_due", {}
        self.recognised_period += 1
        amounts: Counter[str] = Counter()
        for lot in self.lots:
            spent = lot.unrecognised.pop(self.recognised_period, 0)
            if not spent or lot.purchase_id is None:
                continue
            lot.has_money = True
            lot.spent += spent
            earned = lot.net - lot.returned_net
            if lot.spent + lot.returned_coins < lot.amount:
                earned = min(earned, lot.net * lot.spent // lot.amount)
            earned = max(0, earned - lot.recognised)
            lot.recognised += earned
            amounts[lot.currency] += earned
            self._book(lot, deferred=-earned, revenue=earned)
        return None, {"amounts": {code: n for code, n in amounts.items() if n}}

    # Refunds

    def hold_refund(self, operation_id: UUID, lot: Lot, coins: int) -> Answer:
        if lot.state != State.GOOD:
            return "lot_disputed", {}
        if lot.remaining < coins:
            return "coins_spent", {"remaining": lot.remaining}
        lot.remaining -= coins
        self.holds[operation_id] = Hold(lot, coins)
        return None, {}

    def resolve_refund(self, hold: Hold, coins: int) -> Answer:
        """End it: ``coins`` were paid back. The caller knows not to pay more than is held."""
        if hold.is_resolved:
            return "already_resolved", {}
        lot, back = hold.lot, hold.coins - coins
        assert back >= 0
        # Where a loss has burned all of it, nothing moves, however often it is ended.
        hold.is_resolved, hold.coins = hold.coins > 0, 0
        gross, tax = lot.refund_value(coins)
        if lot.state == State.DISPUTED:
            lot.disputed += back
        else:
            lot.remaining += back
        hold.paid = (coins, gross, tax) if coins else None
        self._return(lot, coins=coins, gross=gross, net=gross - tax, tax=tax)
        self._book(lot, clearing=-gross, deferred=tax - gross, tax=-tax)
        return None, {"coins": coins, "amount_minor": gross, "tax_minor": tax}

    def return_refund(self, hold: Hold) -> Answer:
        """It was paid and came back. The caller knows that it was paid."""
        if hold.has_come_back:
            return "already_returned", {}
        assert hold.paid is not None
        lot, (coins, gross, tax) = hold.lot, hold.paid
        hold.has_come_back = True
        if lot.state == State.DISPUTED:
            lot.disputed += coins
        else:
            lot.remaining, lot.state = lot.remaining + coins, State.GOOD
        self._return(lot, coins=-coins, gross=-gross, net=tax - gross, tax=-tax)
        self._book(lot, clearing=gross, deferred=gross - tax, tax=tax)
        return None, {"coins": coins, "amount_minor": gross}

    # Disputes

    def reach(self, lot: Lot) -> list[tuple[Gift, int]]:
        """The gifts a lot paid for, or stands for as cover, newest first, and how many coins."""
        most: dict[Lot, int | None] = {lot: None}
        for path in self._paths((lot,), None):
            most[path[0]] = (most.get(path[0]) or 0) + path[1] if path[1] is not None else None
        found = []
        for one, bound in most.items():
            left = bound
            for gift in reversed([g for g in self.gifts if g.lot is one and g.coins]):
                taken = gift.coins if left is None else min(gift.coins, left)
                left = left if left is None else left - taken
                if taken:
                    found.append((gift, taken))
        return sorted(found, key=lambda pair: -pair[0].number)

    def _paths(self, path: tuple[Lot, ...], most: int | None) -> Iterable[tuple[Lot, int | None]]:
        """Each way from a lot along the losses its coins covered, never twice by the same lot."""
        yield path[-1], most
        covered: Counter[Lot] = Counter()
        for lost, cover, coins in self.covers:
            if cover is path[-1] and lost not in path:
                covered[lost] += coins
        for lost, coins in covered.items():
            yield from self._paths((*path, lost), coins if most is None else min(most, coins))

    def open_dispute(self, lot: Lot, minor: int) -> Answer:
        if lot.state != State.GOOD:
            return "lot_disputed", {}
        for waiting in self.waiting.values():
            lot.remaining += waiting.coins.pop(lot, 0)
        need = lot.coins_of(minor) - lot.remaining
        coins, lot.state = lot.remaining, State.DISPUTED
        lot.disputed, lot.remaining = coins, 0
        wanted: Counter[Bucket] = Counter()
        for gift, reached in self.reach(lot):
            if need > 0 and not gift.bucket.is_done:
                wanted[gift.bucket] += min(reached, need) * self.share_milli
            need -= reached
        for bucket, diamonds in wanted.items():
            taken = min(diamonds, bucket.waiting)
            bucket.clawed += taken
            self.disputed[bucket.creator, lot] += taken
        held = sum(diamonds for (_, by), diamonds in self.disputed.items() if by is lot)
        return None, {"coins": coins, "diamonds": held}

    def resolve_dispute(
        self, lot: Lot, *, lost: int, fee: int, cover: bool, recourse: str
    ) -> Answer:
        if lot.state != State.DISPUTED:
            return "not_disputed", {}
        taken, lost = lost, min(lost, lot.gross - lot.returned)
        is_whole = 0 < lost == lot.gross - lot.returned
        left = lot.coins_of(lost)
        burned = min(lot.disputed, left)
        given_back = lot.disputed - burned
        left -= burned
        lot.disputed, lot.remaining = 0, lot.remaining + given_back
        frozen = [hold for hold in self.holds.values() if hold.lot is lot and hold.coins]
        for hold in frozen if is_whole else ():  # no money is left that could pay them
            burns = min(hold.coins, left)
            hold.coins, left, burned = hold.coins - burns, left - burns, burned + burns
        is_gone = is_whole and not lot.remaining and not any(hold.coins for hold in frozen)
        lot.state = State.LOST if is_gone else State.GOOD
        covered = self._take_cover(lot, left) if cover else 0
        left -= covered
        traced = self._take_diamonds(lot, left, recourse)
        left -= traced["traced"]
        self.coin_debt[lot.owner] += left
        self._book_loss(lot, burned=burned, lost=lost, fee=fee)
        self._book(lot, clearing=lost - taken, loss=taken - lost)
        return None, traced | {
            "lost_minor": lost,
            "beyond_minor": taken - lost,
            "burned": burned,
            "given_back": given_back,
            "covered": covered,
            "owed": left,
        }

    def _take_cover(self, lost: Lot, coins: int) -> int:
        left = coins
        for lot in self.spendable(lost.owner):
            if left and lot is not lost and lot.purchase_id is not None:
                taken = self._spend(lot, left)
                self.covers.append((lost, lot, taken))
                left -= taken
        return coins - left

    def _take_diamonds(self, lot: Lot, coins: int, recourse: str) -> Result:
        left, debt, by_creator = coins, 0, Counter[str]()
        for gift, reached in self.reach(lot):
            held = self.disputed[gift.creator, lot]
            taken = 0 if recourse == "none" else min(left, reached)
            if recourse == "unreleased_only":
                taken = min(taken, held // self.share_milli)
            if not taken:
                continue
            gift.coins -= taken
            left -= taken
            diamonds = taken * self.share_milli
            by_creator[str(gift.creator)] += diamonds
            waiting = min(diamonds, held)
            self.disputed[gift.creator, lot] -= waiting
            available = min(diamonds - waiting, self.available[gift.creator])
            self.available[gift.creator] -= available
            self.debt[gift.creator] += diamonds - waiting - available
            debt += diamonds - waiting - available
        for key, diamonds in self.disputed.items():
            if key[1] is lot:
                self.available[key[0]] += diamonds
                self.disputed[key] = 0
        return {
            "traced": coins - left,
            "diamonds": sum(by_creator.values()),
            "debt": debt,
            "creators": dict(by_creator),
        }

    def _book_loss(self, lot: Lot, *, burned: int, lost: int, fee: int) -> None:
        tax = 0
        if lot.gross:
            tax = lot.tax * (lot.returned + lost) // lot.gross - lot.returned_tax
            tax = max(0, min(tax, lost))
        gross_back, tax_back = lot.refund_value(burned)
        net = min(gross_back - tax_back, lost - tax, lot.net - lot.returned_net - lot.recognised)
        self._return(lot, coins=burned, gross=lost, net=net, tax=tax)
        self._book(
            lot, clearing=-lost - fee, deferred=-net, tax=-tax, loss=lost - tax - net, fee=fee
        )

    def _return(self, lot: Lot, *, coins: int, gross: int, net: int, tax: int) -> None:
        lot.has_money = True
        lot.returned_coins += coins
        lot.returned += gross
        lot.returned_net += net
        lot.returned_tax += tax

    def repay_coins(self, user: int) -> Answer:
        owed = left = self.coin_debt[user]
        for lot in self.spendable(user):
            left -= self._spend(lot, left)
        self.coin_debt[user] = left
        if owed == left:
            return "nothing_owed", {}
        return None, {"paid": owed - left, "owed": left}

    def _book(self, lot: Lot, **amounts: int) -> None:
        for book, amount in amounts.items():
            self.books[book, lot.currency] += amount
