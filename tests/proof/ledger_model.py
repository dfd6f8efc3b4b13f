"""The ledger again, in plain Python: dictionaries and sums, no SQL, no locks, no clock.

It shares nothing with the real one but the rules, so where the two differ one of them is wrong.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from wallet import money


@dataclass
class Lot:
    remaining: int
    hold_class: int


@dataclass
class Model:
    """What every account must hold. ``outcomes``: operation id to what it came to."""

    share_milli: int
    diamond_usd: Decimal
    lots: dict[int, list[Lot]] = field(default_factory=lambda: defaultdict(list))
    pending: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    available: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    payable: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    in_payout: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    outcomes: dict[Any, str | None] = field(default_factory=dict)

    def coins(self, user: int) -> int:
        return sum(lot.remaining for lot in self.lots[user])

    def buy(self, user: int, coins: int, hold_class: int) -> None:
        self.lots[user].append(Lot(coins, hold_class))

    def gift(self, payer: int, creator: int, coins: int) -> str | None:
        if self.coins(payer) < coins:
            return "insufficient_coins"
        for lot in self.lots[payer]:
            taken = min(lot.remaining, coins)
            lot.remaining -= taken
            coins -= taken
            if taken:
                self.pending[creator, lot.hold_class] += taken * self.share_milli
        return None

    def adjust_coins(self, user: int, coins: int, hold_class: int) -> str | None:
        if coins > 0:
            self.lots[user].append(Lot(coins, hold_class))
            return None
        if self.coins(user) < -coins:
            return "insufficient_coins"
        left = -coins
        for lot in reversed(self.lots[user]):
            taken = min(lot.remaining, left)
            lot.remaining -= taken
            left -= taken
        return None

    def adjust_diamonds(self, creator: int, diamonds_milli: int) -> str | None:
        if self.available[creator] + diamonds_milli < 0:
            return "insufficient_diamonds"
        self.available[creator] += diamonds_milli
        return None

    def mature(self) -> None:
        for (creator, hold_class), amount in self.pending.items():
            self.available[creator] += amount
            self.pending[creator, hold_class] = 0

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
