"""Money that creators have and do not get yet: what is held, why and until when; and what they owe.

Promises: reads only, a page at a time, in a fixed number of queries; amounts are exact now, apart
from the sum of all that matures, which a clock has counted.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from djmoney.money import Money

from accounts.models import Review, User
from payouts.models import Destination, EligibilityResult, Payout, PlatformHoldings
from wallet import history, holds, totals
from wallet.models import Account, HoldClass, RateCard, Transfer
from wallet.money import MILLI, currency_of, decimals, in_diamonds, money

CODES: Final = (Account.Code.DIAMOND_AVAILABLE, Account.Code.CASH_PAYABLE)
DEBT_HEAD: Final = (
    "Creator", "Owed (diamonds)", "Owed in all", "Repaid", "Oldest since (UTC)", "Payments",
)  # fmt: skip
CHUNK: Final = 500
_MATURING: Final = """
SELECT a.owner_id, u.handle, a.hold_class, b.release_at, b.amount - b.clawed - b.released
  FROM ledger.bucket b
  JOIN ledger.account a ON a.id = b.account_id
  JOIN accounts_user u ON u.id = a.owner_id
 WHERE NOT b.done AND b.release_at IS NOT NULL AND b.amount > b.clawed + b.released
   AND (%(creator)s::bigint IS NULL OR a.owner_id = %(creator)s)
 ORDER BY b.release_at, b.account_id LIMIT %(limit)s OFFSET %(skip)s
"""
_MATURING_OF: Final = """
SELECT coalesce(sum(b.amount - b.clawed - b.released), 0)
  FROM ledger.account a JOIN ledger.bucket b ON b.account_id = a.id AND NOT b.done
 WHERE a.owner_id = %s AND a.code = 210 AND b.release_at IS NOT NULL
"""


class Kind(StrEnum):
    """Why money is held."""

    MATURING = "maturing"
    CASE = "case"
    ACCOUNT = "account"
    TWO_PEOPLE = "two_people"
    CHECKLIST = "checklist"

    @property
    def label(self) -> str:
        return {
            Kind.MATURING: "Maturing",
            Kind.CASE: "By a case",
            Kind.ACCOUNT: "By their account",
            Kind.TWO_PEOPLE: "For two people",
            Kind.CHECKLIST: "By the checklist",
        }[self]


@dataclass(slots=True, kw_only=True)
class Holding:
    """What a creator could be paid: available diamonds, and cash by currency."""

    milli: int = 0
    cash: list[Money] = field(default_factory=list)
    usd: Fraction | None = Fraction(0)  # None: a part of it has no rate

    @property
    def usd_cents(self) -> int | None:
        return None if self.usd is None else floor(self.usd * 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Something that is held: whose, why, since when and until when."""

    creator_id: int
    handle: str
    why: str
    since: datetime | None
    until: datetime | None
    milli: int
    cash: list[Money]
    model: str = ""  # the row that holds it, for its address
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a creator owes, in thousandths of diamonds, and the payments it came from."""

    creator_id: int
    handle: str
    owed_milli: int
    incurred_milli: int
    repaid_milli: int
    oldest_at: datetime | None
    causes: list["Cause"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A lost payment whose diamonds the creator had been paid for."""

    at: datetime
    milli: int
    purchase_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sort:
    """Rows that hold a creator's money, and how each is told."""

    rows: Callable[[datetime], QuerySet[Any]]
    creator: str
    order: tuple[str, ...]
    why: Callable[[Any], str]
    since: str
    until: str = ""


def holdings_of(creator_ids: Collection[int], *, at: datetime) -> Mapping[int, Holding]:
    """Available diamonds and payable cash of each of the creators, with their worth."""
    found = {creator_id: Holding() for creator_id in creator_ids}
    values = {card.pk: Fraction(card.diamond_usd) for card in RateCard.objects.all()}
    rates: dict[str, Fraction | None] = {}
    for owner, unit, card, amount in _accounts(creator_ids):
        held = found[owner]
        if card:
            held.milli += amount
            worth: Fraction | None = Fraction(amount, MILLI) * values[card]
        else:
            currency = currency_of(unit)
            if currency not in rates:
                rates[currency] = totals.usd_rate(currency, at=at)
            held.cash.append(money(amount, currency))
            per_usd = rates[currency]
            worth = Fraction(amount, 10 ** decimals(currency)) / per_usd if per_usd else None
        held.usd = None if held.usd is None or worth is None else held.usd + worth
    return found


def _accounts(creator_ids: Collection[int]) -> QuerySet[Any, Any]:
    rows = Account.objects.filter(owner_id__in=creator_ids, code__in=CODES)
    rows = rows.filter(balance__credits__gt=F("balance__debits")).order_by("owner_id", "unit", "pk")
    return rows.values_list(
        "owner_id", "unit", "card_id", F("balance__credits") - F("balance__debits")
    )


# What is held


def page(
    kind: Kind, *, at: datetime, creator_id: int | None = None, skip: int = 0, limit: int
) -> tuple[list[Hold], bool]:
    """What is held for that reason, and whether more follows."""
    if kind == Kind.MATURING:
        found = _maturing(creator_id, skip=skip, limit=limit + 1)
    else:
        sort = _SORTS[kind]
        rows = _rows(sort, at=at, creator_id=creator_id).order_by(*sort.order)
        found = _told(kind, sort, list(rows[skip : skip + limit + 1]), at=at)
    return found[:limit], len(found) > limit


def sums(kind: Kind, *, at: datetime, creator_id: int | None = None) -> tuple[int, list[Money]]:
    """All that is held for that reason: diamonds in thousandths, and cash by currency."""
    if kind == Kind.MATURING:
        return _maturing_sum(creator_id), []
    rows = _rows(_SORTS[kind], at=at, creator_id=creator_id)
    if kind == Kind.TWO_PEOPLE:
        waiting = rows.order_by("currency").values("currency").annotate(sum=Sum("amount_minor"))
        return 0, [money(int(row["sum"]), row["currency"]) for row in waiting]
    owners = rows.order_by().values(_SORTS[kind].creator)
    accounts = Account.objects.filter(owner_id__in=owners, code__in=CODES)
    by_unit = accounts.values("unit").annotate(
        sum=Sum(F("balance__credits") - F("balance__debits"))
    )
    amounts = {row["unit"]: int(row["sum"]) for row in by_unit if row["sum"]}
    milli = amounts.pop(totals.DIA, 0)
    return milli, [money(minor, currency_of(unit)) for unit, minor in sorted(amounts.items())]


def _rows(sort: _Sort, *, at: datetime, creator_id: int | None) -> QuerySet[Any]:
    rows = sort.rows(at)
    return rows if creator_id is None else rows.filter(**{sort.creator: creator_id})


def _has_money(creator: str) -> Exists:
    held = Account.objects.filter(owner_id=OuterRef(creator), code__in=CODES)
    return Exists(held.filter(balance__credits__gt=F("balance__debits")))


def _cases(at: datetime) -> QuerySet[Review]:
    open_ended = Q(restricted_until=None) | Q(restricted_until__gt=at)
    rows = Review.objects.filter(
        open_ended, lifted_at=None, restricts=Review.Restriction.PAYOUTS
    ).select_related("subject")
    return rows.filter(_has_money("subject_id"))


def _changed(at: datetime) -> QuerySet[Destination]:
    held = Q(usable_at__gt=at) | Q(blocked_at__isnull=False)
    rows = Destination.objects.filter(held, replaced_at=None).select_related("creator")
    return rows.filter(_has_money("creator_id"))


def _unmet(_at: datetime) -> QuerySet[EligibilityResult]:
    rows = EligibilityResult.objects.filter(is_eligible=False).select_related("creator")
    return rows.filter(_has_money("creator_id"))


def _for_two(_at: datetime) -> QuerySet[Payout]:
    states = (Payout.State.REQUESTED, Payout.State.CHECKED)
    return Payout.objects.filter(state__in=states).select_related("creator")


def unmet_words(row: EligibilityResult) -> str:
    """The titles of the lines that a creator did not meet when the gate looked last."""
    titles = [str(line["title"]) for line in row.lines if line["state"] != "done"]
    return ", ".join(titles) or row.unmet


_SORTS: Final[Mapping[Kind, _Sort]] = {
    Kind.CASE: _Sort(
        rows=_cases, creator="subject", order=("opened_at", "pk"), since="opened_at",
        until="restricted_until", why=lambda row: str(row.get_reason_display()),
    ),
    Kind.ACCOUNT: _Sort(
        rows=_changed, creator="creator", order=("usable_at", "pk"), since="added_at",
        until="usable_at", why=lambda row: row.blocked_why or "The account was changed",
    ),
    Kind.TWO_PEOPLE: _Sort(
        rows=_for_two, creator="creator", order=("requested_at", "pk"), since="requested_at",
        why=lambda row: str(row.get_state_display()),
    ),
    Kind.CHECKLIST: _Sort(
        rows=_unmet, creator="creator", order=("evaluated_at", "pk"), since="evaluated_at",
        why=unmet_words,
    ),
}  # fmt: skip


def _told(kind: Kind, sort: _Sort, rows: list[Any], *, at: datetime) -> list[Hold]:
    people: list[User] = [getattr(row, sort.creator) for row in rows]
    held = holdings_of({person.pk for person in people}, at=at)
    return [
        Hold(
            creator_id=person.pk,
            handle=person.handle,
            why=sort.why(row),
            since=getattr(row, sort.since),
            until=getattr(row, sort.until) if sort.until else None,
            milli=0 if kind == Kind.TWO_PEOPLE else held[person.pk].milli,
            cash=[row.money] if kind == Kind.TWO_PEOPLE else held[person.pk].cash,
            model=row._meta.label_lower,  # noqa: SLF001
            key=str(row.pk),
        )
        for row, person in zip(rows, people, strict=True)
    ]


def _maturing(creator_id: int | None, *, skip: int, limit: int) -> list[Hold]:
    with connection.cursor() as cursor:
        cursor.execute(_MATURING, {"creator": creator_id, "skip": skip, "limit": limit})
        return [
            Hold(
                creator_id=owner,
                handle=handle,
                why=holds.PAID_BY[HoldClass(hold)].capitalize(),
                since=None,
                until=release_at,
                milli=int(milli),
                cash=[],
            )
            for owner, handle, hold, release_at, milli in cursor
        ]


def _maturing_sum(creator_id: int | None) -> int:
    if creator_id is None:
        counted = PlatformHoldings.objects.first()
        return sum(int(part["milli"]) for part in counted.maturing) if counted else 0
    with connection.cursor() as cursor:
        cursor.execute(_MATURING_OF, [creator_id])
        return int(cursor.fetchone()[0])


# What creators owe


def debts(*, skip: int = 0, limit: int) -> tuple[list[Debt], bool]:
    """What creators owe, the largest first, and whether more follow."""
    owed = F("balance__debits") - F("balance__credits")
    accounts = list(
        Account.objects.filter(code=Account.Code.DIAMOND_DEBT)
        .filter(balance__debits__gt=F("balance__credits"))
        .select_related("balance")
        .annotate(owed=owed)
        .order_by("-owed", "owner_id")[skip : skip + limit + 1]
    )
    people = User.objects.in_bulk([account.owner_id for account in accounts])
    causes = _causes([account.pk for account in accounts])
    found = [
        _debt(account, people.get(account.owner_id), causes.get(account.pk, []))
        for account in accounts[:limit]
    ]
    return found, len(accounts) > limit


def debt_lines() -> Iterator[str]:
    """All of them as the lines of a CSV file."""
    yield history.csv_line(DEBT_HEAD)
    skip, has_more = 0, True
    while has_more:
        found, has_more = debts(skip=skip, limit=CHUNK)
        skip += CHUNK
        for row in found:
            oldest = f"{row.oldest_at.astimezone(UTC):%Y-%m-%d %H:%M}" if row.oldest_at else ""
            payments = " ".join(str(cause.purchase_id or "") for cause in row.causes)
            cells = [in_diamonds(m) for m in (row.owed_milli, row.incurred_milli, row.repaid_milli)]
            yield history.csv_line((row.handle, *cells, oldest, payments.strip()))


def _debt(account: Account, person: User | None, causes: list[Cause]) -> Debt:
    balance = account.balance
    return Debt(
        creator_id=account.owner_id,
        handle=person.handle if person else str(account.owner_id),
        owed_milli=balance.debits - balance.credits,
        incurred_milli=balance.debits,
        repaid_milli=balance.credits,
        oldest_at=_oldest(causes, repaid=balance.credits),
        causes=causes,
    )


def _oldest(causes: list[Cause], *, repaid: int) -> datetime | None:
    """Since when the oldest part that is still owed is owed: what comes first is repaid first."""
    for cause in causes:
        repaid -= cause.milli
        if repaid < 0:
            return cause.at
    return None


def _causes(accounts: Collection[int]) -> dict[int, list[Cause]]:
    """The lost payments behind each debt, oldest first."""
    rows = (
        Transfer.objects.filter(debit_account__in=accounts, code=Transfer.Code.LOSS_DIAMONDS)
        .values("debit_account_id", "op_id", "op__recorded_at", "op__context")
        .annotate(sum=Sum("amount"))
        .order_by("op__recorded_at", "op_id")
    )
    found: dict[int, list[Cause]] = {}
    for row in rows:
        kind, _, key = (row["op__context"] or "").partition(":")
        cause = Cause(
            at=row["op__recorded_at"],
            milli=int(row["sum"]),
            purchase_id=UUID(key) if kind == "purchase" else None,
        )
        found.setdefault(row["debit_account_id"], []).append(cause)
    return found
