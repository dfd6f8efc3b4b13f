"""How much a person may pay for coins now, and why not more.

Promises: nothing is read here, facts come in (``facts.Buyer``) and lines and refusals go out. What
was paid counts (less what went back by refunds; a count of purchases keeps it), and so does what is
open and may yet be paid. Of what limits one payment the smallest counts: a cap of law or network
(the same for everybody), the operator's limit times the trust of the account, and the person's own
word. Every refusal says which limit, over which time, until when, and what to do next; never how
anybody is scored.

Values: the trust factors and amounts are rows (``PurchaseLimit``). The counts of purchases and
instruments are our own, near the field's (a coin seller advises fewer cards and a lower frequency,
help pages of 2025); 15 attempts in 7 days are the rate limit
that Liberapay, an open source platform for donations, has for payments (its code, 2026-08).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.conf import settings
from djmoney.money import Money

from wallet import facts
from wallet.models import BPS, PaymentKind, PurchaseLimit, Tier, Window
from wallet.money import money

COUNT_OVER: Final = Window.DAY.length
INSTRUMENTS_OVER: Final = Window.WEEK.length


class Source(StrEnum):
    """Whose limit it is."""

    REGION = "region"
    LAW = "law"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One limit as it is shown: how much, over which time, and how much of it is used.

    ``kind`` is None where it is about every way to pay. ``returned_minor`` was paid in that time,
    went back, and is not used. ``room_at`` is when some of it is free again, ``resets_at`` when all
    of it is, if nothing more is bought; None when nothing is used.
    """

    set_by: Source
    kind: PaymentKind | None
    window: Window
    amount_minor: int
    currency: str
    used_minor: int = 0
    open_minor: int = 0
    returned_minor: int = 0
    room_at: datetime | None = None
    resets_at: datetime | None = None
    is_first_day: bool = False

    @property
    def left_minor(self) -> int:
        return max(0, self.amount_minor - self.used_minor)

    @property
    def bar_minor(self) -> int:
        """What is used, no more than the whole, for a bar."""
        return min(self.amount_minor, self.used_minor)

    @property
    def amount(self) -> Money:
        return money(self.amount_minor, self.currency)

    @property
    def used(self) -> Money:
        return money(self.used_minor, self.currency)

    @property
    def open(self) -> Money:
        return money(self.open_minor, self.currency)

    @property
    def returned(self) -> Money:
        return money(self.returned_minor, self.currency)

    @property
    def left(self) -> Money:
        return money(self.left_minor, self.currency)

    @property
    def is_per_purchase(self) -> bool:
        return self.window == Window.PURCHASE

    @property
    def words(self) -> str:
        """The time it is over."""
        new = "in the first 24 hours of a new way to pay"
        return new if self.is_first_day else str(self.window.label)

    @property
    def tone(self) -> str:
        """How near the end it is, for a bar."""
        if self.used_minor >= self.amount_minor:
            return "bad"
        return "warn" if 5 * self.used_minor >= 4 * self.amount_minor else "gold"


class Refused(Exception):
    """A limit stands against buying now. ``remedy`` names the page that shows all of them.

    ``again_at`` is when the same could be bought; None: not by waiting.
    """

    remedy: str = "wallet:limits"

    def __init__(self, words: str, *, again_at: datetime | None = None) -> None:
        super().__init__(words)
        self.again_at = again_at


class LimitReached(Refused):
    """The amount is over ``line``."""

    def __init__(self, line: Line, *, again_at: datetime | None) -> None:
        super().__init__(_over_words(line, again_at=again_at), again_at=again_at)
        self.line = line


class NoLimitSet(Refused):
    """Nobody has said yet how much may be paid this way here, so nothing may."""


class TimedOut(Refused):
    """The person is on the break they asked for."""


class TooManyPurchases(Refused): ...


class TooManyAttempts(Refused): ...


class TooManyInstruments(Refused): ...


def amount_for(amount_minor: int, *, row: PurchaseLimit, tier: Tier) -> int:
    """What a row's amount is for an account: a cap as it is, another times its trust, down."""
    factor = {Tier.NEW: row.new_bps, Tier.ACTIVE: BPS, Tier.VERIFIED: row.verified_bps}[tier]
    return amount_minor if row.is_hard else amount_minor * factor // BPS


def published(
    *, rows: Iterable[PurchaseLimit], kind: PaymentKind, tier: Tier, first_day: bool = True
) -> list[Line]:
    """What anybody of a tier may pay this way, one line a window: the smallest of its rows."""
    smallest: dict[tuple[Window, bool], Line] = {}
    for row in rows:
        if row.kind != kind:
            continue
        set_by = Source.LAW if row.is_hard else Source.REGION
        for window, amount_minor, is_first_day in (
            (Window.PURCHASE, row.purchase_minor, False),
            (Window.DAY, row.day_minor, False),
            (Window.DAY, row.first_day_minor if first_day else None, True),
            (Window.MONTH, row.month_minor, False),
        ):
            if amount_minor is None:
                continue
            line = Line(
                set_by=set_by,
                kind=kind,
                window=window,
                amount_minor=amount_for(amount_minor, row=row, tier=tier),
                currency=row.currency,
                is_first_day=is_first_day,
            )
            known = smallest.setdefault((window, is_first_day), line)
            if line.amount_minor < known.amount_minor:
                smallest[window, is_first_day] = line
    order = list(Window)
    return sorted(smallest.values(), key=lambda one: (order.index(one.window), one.amount_minor))


def lines(*, buyer: facts.Buyer, kind: PaymentKind) -> list[Line]:
    """What the person may pay this way, with what is used of it."""
    first = buyer.first_paid_at.get(kind)
    is_first_day = first is None or buyer.at - first < Window.DAY.length
    bare = published(rows=buyer.rows, kind=kind, tier=buyer.tier, first_day=is_first_day)
    return [_with_use(line, buyer) for line in bare]


def own_lines(buyer: facts.Buyer) -> list[Line]:
    """The person's own limits, over every way to pay, with what is used of them."""
    return [
        _with_use(
            Line(
                set_by=Source.OWN,
                kind=None,
                window=window,
                amount_minor=buyer.own[window],
                currency=buyer.region.currency,
            ),
            buyer,
        )
        for window in Window
        if window in buyer.own
    ]


def all_lines(*, buyer: facts.Buyer, kind: PaymentKind) -> list[Line]:
    """What may be paid this way, everybody's limits and the person's own."""
    return [*lines(buyer=buyer, kind=kind), *own_lines(buyer)]


def left_minor(found: Sequence[Line]) -> int | None:
    """The most that one purchase may come to. None: nothing limits it."""
    return min((line.left_minor for line in found), default=None)


def check(*, buyer: facts.Buyer, kind: PaymentKind, amount_minor: int) -> None:
    """Let a purchase pass that nothing stands against.

    Raises TimedOut, TooManyAttempts, TooManyPurchases, TooManyInstruments, NoLimitSet,
    LimitReached.
    """
    check_person(buyer)
    if not any(row.kind == kind for row in buyer.rows):
        raise NoLimitSet(
            f"{kind.label} cannot be used in {buyer.region.name} yet: no limits have been set for "
            "it. Choose another way to pay."
        )
    check_amount(buyer=buyer, found=all_lines(buyer=buyer, kind=kind), amount_minor=amount_minor)


def check_person(buyer: facts.Buyer) -> None:
    """Let pass who may buy anything now."""
    if buyer.time_out_until is not None and buyer.at < buyer.time_out_until:
        raise TimedOut(
            f"You asked for a break from buying until {_moment(buyer.time_out_until)}, and it "
            "cannot be ended early. Coins you have can still be given.",
            again_at=buyer.time_out_until,
        )
    _check_count(buyer)
    _check_attempts(buyer)
    _check_instruments(buyer)


def check_amount(*, buyer: facts.Buyer, found: Sequence[Line], amount_minor: int) -> None:
    """Refuse an amount over a limit, naming the one that stands in the way the longest."""
    over = [line for line in found if amount_minor > line.left_minor]
    if not over:
        return
    waits = [(line, _fits_at(line, buyer=buyer, amount_minor=amount_minor)) for line in over]
    never = [line for line, fits_at in waits if fits_at is None]
    if never:
        raise LimitReached(min(never, key=lambda line: line.amount_minor), again_at=None)
    line, again_at = max(waits, key=lambda wait: wait[1] or buyer.at)
    raise LimitReached(line, again_at=again_at)


def _check_count(buyer: facts.Buyer) -> None:
    most = settings.PURCHASES_A_DAY_MAX
    recent = [one for one in buyer.counted if one.at > buyer.at - COUNT_OVER]
    if len(recent) < most:
        return
    is_open = any(one.is_open for one in recent)
    again_at = recent[-most].at + COUNT_OVER
    raise TooManyPurchases(
        f"You have bought coins {len(recent)} times in the last 24 hours, and {most} times are the "
        f"most{_open_words(is_open=is_open)}. You can buy again from {_moment(again_at)}.",
        again_at=again_at,
    )


def _check_attempts(buyer: facts.Buyer) -> None:
    most_of_network = settings.NETWORK_ATTEMPTS_A_WEEK_MAX
    for tries, most, who in (
        (buyer.attempts, settings.PURCHASE_ATTEMPTS_A_WEEK_MAX, "You have"),
        (buyer.network_attempts, most_of_network, "The network you are on has"),
    ):
        if len(tries) >= most:
            again_at = sorted(tries)[-most] + facts.ATTEMPTS_OVER
            raise TooManyAttempts(
                f"{who} started {len(tries)} purchases in the last 7 days, and {most} are the "
                f"most. Coins can be bought again from {_moment(again_at)}.",
                again_at=again_at,
            )


def _check_instruments(buyer: facts.Buyer) -> None:
    """A fourth card cannot be seen before it has paid; it is the last for a while."""
    most = settings.INSTRUMENTS_A_WEEK_MAX
    if len(buyer.instruments) <= most:
        return
    again_at = sorted(buyer.instruments.values())[-(most + 1)] + INSTRUMENTS_OVER
    raise TooManyInstruments(
        f"You have paid with {len(buyer.instruments)} different cards or accounts in the last 7 "
        f"days, and {most} are the most. You can buy again from {_moment(again_at)}. Until then "
        "use the coins you have, and later the card you use most.",
        again_at=again_at,
    )


def _with_use(line: Line, buyer: facts.Buyer) -> Line:
    if line.is_per_purchase:
        return line
    in_window = _in_window(line, buyer)
    used = [one for one in in_window if one.amount_minor]
    return replace(
        line,
        used_minor=sum(one.amount_minor for one in used),
        open_minor=sum(one.amount_minor for one in used if one.is_open),
        returned_minor=sum(one.returned_minor for one in in_window),
        room_at=used[0].at + line.window.length if used else None,
        resets_at=used[-1].at + line.window.length if used else None,
    )


def _in_window(line: Line, buyer: facts.Buyer) -> list[facts.Counted]:
    return [
        one
        for one in buyer.counted
        if one.at > buyer.at - line.window.length and line.kind in (None, one.kind)
    ]


def _fits_at(line: Line, *, buyer: facts.Buyer, amount_minor: int) -> datetime | None:
    """When enough of the window has passed for the amount; None: it is over the whole limit."""
    if amount_minor > line.amount_minor:
        return None
    used_minor = line.used_minor
    for one in _in_window(line, buyer):
        used_minor -= one.amount_minor
        if used_minor + amount_minor <= line.amount_minor:
            return one.at + line.window.length
    raise AssertionError("an empty window takes any amount within the limit")


def _over_words(line: Line, *, again_at: datetime | None) -> str:
    network = "The limit by law or payment network"
    whose = {Source.OWN: "Your own limit", Source.LAW: network}.get(line.set_by, "The limit")
    by = f" by {line.kind.label.lower()}" if line.kind else ""
    said = [f"{whose}{by} is {line.amount} {line.words}."]
    if line.used_minor:
        said.append(f"You have used {line.used} of it, so {line.left} is left.")
    if line.open_minor:
        said.append(f"{line.open} of that is not paid yet: pay or cancel it on your balance page.")
    if again_at is not None:
        said.append(f"This purchase fits again from {_moment(again_at)}.")
    said.append(_next_words(line))
    return " ".join(said)


def _next_words(line: Line) -> str:
    if line.set_by == Source.OWN:
        return "Buy fewer coins, or change your limit: raising it takes at least 24 hours."
    if not line.left_minor:
        return "Wait, or choose another way to pay."
    return "Buy fewer coins, or choose another way to pay."


def _open_words(*, is_open: bool) -> str:
    return " (those you can still pay count: cancel what you do not want)" if is_open else ""


def _moment(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M UTC}"
