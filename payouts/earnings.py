"""What a creator sees of their earnings: the four sums, what matures when, and what each is worth.

Promises: reads only, of one creator; a worth is an estimate at today's rate and each card's own
value, rounded down, and is left out when there is no rate young enough. Settled sums are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Final
from uuid import UUID

from django.db.models import Sum
from djmoney.money import Money

from accounts.models import StateChange, User
from payouts import queries, runs, terms
from payouts.models import Destination, Payout, SettlementLine
from wallet import books, holds, money, reversals
from wallet import queries as wallets
from wallet.models import FxRate, RateCard

LINES_A_PAGE: Final = 50

TONES: Final[Mapping[str, str]] = {
    Payout.State.PAID: "good",
    Payout.State.FAILED: "bad",
    Payout.State.RETURNED: "bad",
    Payout.State.CANCELLED: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """The four tiles, in thousandths of diamonds and in money. A worth of None: no rate."""

    currency: str
    pending_milli: int
    pending_worth: Money | None
    next_at: datetime | None
    available_milli: int
    available_worth: Money | None
    debt_milli: int
    disputed_milli: int
    settled_milli: int
    payable: Sequence[Money]
    in_payout: Sequence[Money]
    paid: Sequence[Money]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What several parts of one page need, read once."""

    creator: User
    at: datetime
    destination: Destination | None
    currency: str
    rate: FxRate | None
    cash: Sequence[books.Cash]
    maturing: Sequence[books.Maturing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """One gift received, and what its diamonds are worth today."""

    at: datetime
    name: str
    slug: str
    art: str  # the digest of its artwork
    quantity: int
    sender: str
    where: str
    coins: int
    diamonds_milli: int
    card: RateCard
    worth: Money | None
    cursor: int
    reversed_milli: int  # taken back since
    wait: holds.Wait | None  # None: it has matured

    @property
    def wait_words(self) -> str:
        """Why it waits: how it was paid, and whether it is one of the first payouts."""
        wait = self.wait
        return "" if wait is None else holds.cause_words(wait.hold, is_first=wait.is_first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A settlement line with the rate card that valued it."""

    line: SettlementLine
    card: RateCard

    @property
    def diamond_usd(self) -> Money:
        return Money(self.line.diamond_usd, "USD")

    @property
    def rate_words(self) -> str:
        return f"{self.line.fx_per_usd.normalize():f}"

    @property
    def exact_words(self) -> str:
        """The sum before the floor, with as many decimals as it has."""
        exact = (self.line.amount_minor + self.line.remainder_minor).normalize()
        return f"{exact.scaleb(-money.decimals(self.line.currency)):f} {self.line.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A payout with the tone of its state."""

    payout: Payout
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a payout would be now: shown before it is asked for. No destination: nothing can be."""

    destination: Destination | None
    amount: Money | None
    fee: Money | None
    sent: Money | None  # the amount less the fee
    rest: Money | None  # what the maximum leaves for later
    maxima: tuple[Money, Money] | None  # the most in a day and in a week
    minimum: Money | None
    refusal: str
    elsewhere: Sequence[Money]  # cash in currencies the destination does not take
    needs_approval: bool


def currency_of(*, creator: User) -> str:
    """The currency the creator is paid in, or would be where they live."""
    return _currency(creator, queries.destination_in_use(creator_id=creator.pk))


def _currency(creator: User, destination: Destination | None) -> str:
    if destination is not None:
        return destination.currency
    region = wallets.region_for(str(creator.country.code or ""))
    return region.currency if region else "USD"


def rate_of(*, currency: str, at: datetime) -> FxRate | None:
    """The rate to estimate by, if there is one young enough."""
    try:
        return wallets.fx(currency, at)
    except (wallets.FxMissing, wallets.FxStale):
        return None


def worth(parts: Iterable[tuple[int, RateCard]], *, rate: FxRate | None) -> Money | None:
    """What diamonds (thousandths, with their card) are worth: a floor for each part."""
    if rate is None:
        return None
    minor_a_unit: int = 10 ** money.decimals(rate.currency)
    a_usd = Fraction(rate.per_usd) * minor_a_unit / money.MILLI
    total = sum(floor(milli * Fraction(card.diamond_usd) * a_usd) for milli, card in parts)
    return money.money(total, rate.currency)


def known(*, creator: User, at: datetime) -> Known:
    """Read once what the parts of a page share."""
    destination = queries.destination_in_use(creator_id=creator.pk)
    currency = _currency(creator, destination)
    return Known(
        creator=creator,
        at=at,
        destination=destination,
        currency=currency,
        rate=rate_of(currency=currency, at=at),
        cash=books.cash_accounts(creator_id=creator.pk),
        maturing=books.maturing(creator_id=creator.pk),
    )


def sums(*, creator: User, at: datetime) -> Sums:
    return sums_of(known(creator=creator, at=at))


def sums_of(read: Known) -> Sums:
    """The four tiles, of what was read already."""
    creator, rate = read.creator, read.rate
    held = books.diamond_accounts(creator_id=creator.pk)
    cash = read.cash
    dates = [step.release_at for step in read.maturing if step.release_at]
    settled = SettlementLine.objects.filter(creator=creator).aggregate(sum=Sum("diamonds_milli"))
    return Sums(
        currency=read.currency,
        pending_milli=held.pending_milli,
        pending_worth=worth([(part.pending_milli, part.card) for part in held.per_card], rate=rate),
        next_at=min(dates, default=None),
        available_milli=held.available_milli,
        available_worth=worth(
            [(part.available_milli, part.card) for part in held.per_card], rate=rate
        ),
        debt_milli=held.debt_milli,
        disputed_milli=held.disputed_milli,
        settled_milli=int(settled["sum"] or 0),
        payable=[part.payable for part in cash if part.payable_minor],
        in_payout=[part.in_payout for part in cash if part.in_payout_minor],
        paid=[part.paid for part in cash if part.paid_minor],
    )


def gifts(*, creator: User, at: datetime, before: int | None = None, limit: int) -> list[Gift]:
    """Gifts received, newest first, in the words that were frozen when they were sent."""
    return gifts_of(known_rate(creator=creator, at=at), creator=creator, before=before, limit=limit)


def known_rate(*, creator: User, at: datetime) -> FxRate | None:
    """The rate of the currency the creator is paid in."""
    return rate_of(currency=currency_of(creator=creator), at=at)


def gifts_of(
    rate: FxRate | None, *, creator: User, before: int | None = None, limit: int
) -> list[Gift]:
    """The same at a rate that was read already."""
    earned = books.earned(creator_id=creator.pk, before=before, limit=limit)
    waits = holds.waiting(creator_id=creator.pk, gifts=earned)
    taken_back = reversals.reversed_gifts(operation_ids=[entry.operation_id for entry in earned])
    return [
        Gift(
            at=entry.at,
            name=str(entry.memo.get("gift", "Gift")),
            slug=str(entry.memo.get("slug", "")),
            art=str(entry.memo.get("art", "")),
            quantity=int(entry.memo.get("quantity", 1)),
            sender=str(entry.memo.get("from", "")),
            where=str(entry.memo.get("where", "")),
            coins=entry.coins,
            diamonds_milli=entry.diamonds_milli,
            card=entry.card,
            worth=worth([(entry.diamonds_milli, entry.card)], rate=rate),
            cursor=entry.cursor,
            reversed_milli=taken_back.get(entry.operation_id, 0),
            wait=waits.get(entry.operation_id),
        )
        for entry in earned
    ]


def settlement_lines(*, creator: User, limit: int) -> list[Settled]:
    """The latest settled lines."""
    lines = list(
        SettlementLine.objects.filter(creator=creator)
        .select_related("run")
        .order_by("-settled_at", "-pk")[:limit]
    )
    cards = RateCard.objects.in_bulk({line.card_id for line in lines})
    return [Settled(line=line, card=cards[line.card_id]) for line in lines]


def payouts(*, creator: User, limit: int) -> list[Row]:
    rows = Payout.objects.filter(creator=creator).select_related("destination")
    return [
        Row(payout=row, tone=TONES.get(row.state, "warn"))
        for row in rows.order_by("-requested_at", "-pk")[:limit]
    ]


def payout(*, creator: User, payout_id: UUID) -> Row | None:
    """One payout of the creator's own. None: there is no such payout for them."""
    row = Payout.objects.filter(creator=creator, pk=payout_id).select_related("destination").first()
    return Row(payout=row, tone=TONES.get(row.state, "warn")) if row else None


def payout_steps(row: Payout) -> list[tuple[datetime, str, str]]:
    """What became of a payout: when, the state in words, and why."""
    steps = [(row.requested_at, "Set aside", "")]
    changes = StateChange.objects.filter(subject_type="payouts.payout", subject_id=str(row.pk))
    steps += [
        (change.at, str(Payout.State(change.after).label), change.why)
        for change in changes.order_by("pk")
    ]
    return steps


def offer(*, creator: User, at: datetime) -> Offer:
    """What the creator would be paid if they asked now, or why not."""
    return offer_of(known(creator=creator, at=at))


def offer_of(read: Known) -> Offer:
    """The same, of what was read already."""
    creator, at, destination, rate = read.creator, read.at, read.destination, read.rate
    cash = [part for part in read.cash if part.payable_minor]
    if destination is None:
        return _no_offer(None, "Set where you are paid first.", cash)
    elsewhere = [part for part in cash if part.currency != destination.currency]
    payable = queries.payable_minor(creator_id=creator.pk, currency=destination.currency)
    if rate is None:
        return _no_offer(
            destination,
            f"The exchange rate for {destination.currency} is too old. We are on it.",
            elsewhere,
        )
    used = runs.used(creator_ids=[creator.pk], at=at)[creator.pk, rate.currency]
    amount = min(payable, terms.left_minor(rate, used=used))
    least = terms.minimum_minor(rate)
    fee = terms.fee_minor(rate, rail=destination.rail)
    words = f"Payouts start at {money.money(least, rate.currency)}."
    if payable >= least > amount:
        words = f"You have reached the most that is paid out: {_maxima_words(rate)}. Ask tomorrow."
    return Offer(
        destination=destination,
        amount=money.money(amount, rate.currency),
        fee=money.money(fee, rate.currency),
        sent=money.money(max(0, amount - fee), rate.currency),
        rest=money.money(payable - amount, rate.currency) if amount < payable else None,
        maxima=terms.maxima(rate),
        minimum=money.money(least, rate.currency),
        refusal=words if amount < least else "",
        elsewhere=[part.payable for part in elsewhere],
        needs_approval=amount >= terms.second_person_minor(rate),
    )


def _maxima_words(rate: FxRate) -> str:
    day, week = terms.maxima(rate)
    return f"{day} a day and {week} a week"


def _no_offer(
    destination: Destination | None, refusal: str, elsewhere: Iterable[books.Cash]
) -> Offer:
    return Offer(
        destination=destination,
        amount=None,
        fee=None,
        sent=None,
        rest=None,
        maxima=None,
        minimum=None,
        refusal=refusal,
        elsewhere=[part.payable for part in elsewhere],
        needs_approval=False,
    )
