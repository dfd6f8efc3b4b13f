"""One history of a person's money, coins and gifts.

Promises: everything that moved the person's coins, and every purchase that has not (yet) brought
any; newest first; one entry an operation, however many lots paid for it. Paging is by position and
not by time, so equal times neither repeat nor drop an entry. The same entries make the CSV file.
"""

import csv
import heapq
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import groupby, islice
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import Q
from djmoney.money import Money

from wallet import reversals
from wallet.models import Account, Lot, Operation, Purchase, Transfer
from wallet.money import currency_of, half_up, money

CHUNK: Final = 200
# What spreadsheets take for the start of a formula: OWASP, "CSV Injection" (2025), with the
# full-width forms that Excel reads alike, and the line feed that some strip first.
FORMULA_STARTS: Final = frozenset("=+-@\t\r\n\0＝＋－＠")
CSV_HEAD: Final = (
    "Time (UTC)", "Kind", "What", "Where", "State", "Coins", "Amount", "Currency", "Id",
)  # fmt: skip


class Kind(models.TextChoices):
    PURCHASE = "purchases", "Purchases"
    GIFT = "gifts", "Gifts"
    WAIT = "waits", "Gifts that wait"
    ADJUSTMENT = "adjustments", "Corrections"
    RETURN = "returns", "Refunds and disputes"


KIND_OF: Final = {
    Operation.Kind.BUY: Kind.PURCHASE,
    Operation.Kind.GIFT: Kind.GIFT,
    Operation.Kind.HOLD_GIFT: Kind.WAIT,
    Operation.Kind.FREE_GIFT: Kind.WAIT,
    Operation.Kind.ADJUST_COINS: Kind.ADJUSTMENT,
    Operation.Kind.HOLD_REFUND: Kind.RETURN,
    Operation.Kind.RESOLVE_REFUND: Kind.RETURN,
    Operation.Kind.RETURN_REFUND: Kind.RETURN,
    Operation.Kind.OPEN_DISPUTE: Kind.RETURN,
    Operation.Kind.RESOLVE_DISPUTE: Kind.RETURN,
    Operation.Kind.REPAY_COINS: Kind.RETURN,
}


class BadCursor(Exception):
    """The place to continue from is not one that a page gave out."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to go on: the last coins shown, by transfer, and the last purchase shown."""

    transfer_id: int | None = None
    created_at: datetime | None = None
    purchase_id: UUID | None = None

    def __str__(self) -> str:
        created = self.created_at.isoformat() if self.created_at else ""
        transfer = "" if self.transfer_id is None else self.transfer_id
        return f"{transfer}~{created}~{self.purchase_id or ''}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read a cursor out of an address. Raises BadCursor."""
        try:
            transfer, created, purchase = text.split("~")
            at = datetime.fromisoformat(created) if created else None
            if (at is None) != (purchase == "") or (at and at.tzinfo is None):
                raise BadCursor(text)
            return cls(
                int(transfer) if transfer else None, at, UUID(purchase) if purchase else None
            )
        except ValueError as error:
            raise BadCursor(text) from error


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``coins`` is signed; ``price`` is what was paid for those coins.

    ``cursor`` continues a list after it; ``top`` is its newest transfer.
    """

    id: UUID
    at: datetime
    kind: Kind
    what: str
    where: str
    coins: int | None
    price: Money | None
    state: str
    slug: str
    is_settled: bool
    top: int
    cursor: Cursor
    is_reversed: bool = False
    art: str = ""  # the digest of a gift's artwork

    @property
    def coins_moved(self) -> int:
        return abs(self.coins or 0)

    @property
    def direction(self) -> str:
        return "in" if (self.coins or 0) > 0 else "out"


@dataclass(frozen=True, slots=True)
class Page:
    entries: Sequence[Entry]
    following: Cursor | None


def page(
    *, user_id: int, after: Cursor | None = None, kinds: Iterable[str] = (), limit: int = 30
) -> Page:
    """Up to ``limit`` entries after the cursor, of these kinds (none: of all)."""
    found = list(islice(entries(user_id=user_id, after=after, kinds=kinds), limit + 1))
    gifts = [entry.id for entry in found[:limit] if entry.kind == Kind.GIFT]
    reversed_ids = reversals.reversed_gifts(operation_ids=gifts)
    shown = [replace(entry, is_reversed=entry.id in reversed_ids) for entry in found[:limit]]
    return Page(shown, shown[-1].cursor if len(found) > limit else None)


def entries(
    *, user_id: int, after: Cursor | None = None, kinds: Iterable[str] = ()
) -> Iterator[Entry]:
    """Every entry after the cursor, newest first, read in chunks as they are asked for."""
    start = after or Cursor()
    wanted = {Kind(kind) for kind in kinds} or set(Kind)
    moved = _moved(user_id, start.transfer_id, wanted)
    bought = _not_credited(user_id, start) if Kind.PURCHASE in wanted else iter(())
    move, purchase = next(moved, None), next(bought, None)
    place = _bounded(start, move, purchase)
    while move or purchase:
        if purchase is None or (move is not None and move.at >= purchase.at):
            assert move is not None
            entry, move = move, next(moved, None)
            place = replace(place, transfer_id=entry.cursor.transfer_id)
        else:
            entry, purchase = purchase, next(bought, None)
            place = replace(place, created_at=entry.at, purchase_id=entry.id)
        yield replace(entry, cursor=place)


def _bounded(start: Cursor, move: Entry | None, purchase: Entry | None) -> Cursor:
    """Where a list begins, so that what comes in later is above it even where nothing was shown."""
    place = start
    if place.transfer_id is None:
        place = replace(place, transfer_id=move.top + 1 if move else 0)
    if place.created_at is None:
        at = purchase.at if purchase else datetime.min.replace(tzinfo=UTC)
        place = replace(place, created_at=at, purchase_id=UUID(int=2**128 - 1))
    return place


def csv_lines(*, user_id: int) -> Iterator[str]:
    """The whole history as the lines of a CSV file, that no spreadsheet takes for formulas."""
    yield csv_line(CSV_HEAD)
    for entry in entries(user_id=user_id):
        yield csv_line(
            (
                entry.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
                entry.kind.label,
                entry.what,
                entry.where,
                entry.state,
                "" if entry.coins is None else entry.coins,
                "" if entry.price is None else entry.price.amount,
                "" if entry.price is None else str(entry.price.currency),
                str(entry.id),
            )
        )


def csv_cell(value: object) -> object:
    """Give a cell that is shown and never computed: words that look like a formula get a quote.

    Numbers stay numbers. Blanks in front are looked through, as spreadsheets do.
    """
    if not isinstance(value, str):
        return value
    first = value.lstrip(" \u00a0\u3000\ufeff")[:1]
    return f"'{value}" if first in FORMULA_STARTS and first else value


def csv_line(cells: Iterable[object]) -> str:
    """Write one line of a CSV file of such cells."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC).writerow([csv_cell(cell) for cell in cells])
    return line.getvalue()


def _moved(user_id: int, before: int | None, wanted: set[Kind]) -> Iterator[Entry]:
    """Operations on the person's wallet. Its lock keeps the transfers of one side by side."""
    wallet = Account.objects.filter(owner_id=user_id, code=Account.Code.WALLET).first()
    if wallet is None:
        return
    told = [deed for deed, kind in KIND_OF.items() if kind in wanted]
    transfers = Transfer.objects.filter(op__kind__in=told).select_related("op", "lot")
    sides = (
        _by_chunks(transfers.filter(debit_account_id=wallet.pk), before),
        _by_chunks(transfers.filter(credit_account_id=wallet.pk), before),
    )
    merged = heapq.merge(*sides, key=lambda transfer: -transfer.pk)
    for _, group in groupby(merged, key=lambda transfer: transfer.op_id):
        yield _entry_of_operation(wallet.pk, list(group))


def _by_chunks(transfers: models.QuerySet[Transfer], before: int | None) -> Iterator[Transfer]:
    while True:
        rows = transfers if before is None else transfers.filter(pk__lt=before)
        chunk = list(rows.order_by("-pk")[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        before = chunk[-1].pk


def _entry_of_operation(wallet_id: int, transfers: Sequence[Transfer]) -> Entry:
    operation = transfers[0].op
    kind = KIND_OF[Operation.Kind(operation.kind)]
    memo = operation.memo or {}
    return Entry(
        id=operation.pk,
        at=operation.recorded_at,
        kind=kind,
        what=words(kind, memo),
        where=str(memo.get("where") or memo.get("method", "")),
        coins=sum(t.amount if t.credit_account_id == wallet_id else -t.amount for t in transfers),
        price=price_of((t.lot, t.amount) for t in transfers if t.lot is not None),
        state="",
        slug=str(memo.get("slug", "")),
        art=str(memo.get("art", "")),
        is_settled=True,
        top=max(t.pk for t in transfers),
        cursor=Cursor(transfer_id=min(t.pk for t in transfers)),
    )


def words(kind: Kind, memo: dict[str, Any]) -> str:
    """Say what happened, in the words that were frozen when it did."""
    if kind in {Kind.GIFT, Kind.WAIT}:
        quantity = memo.get("quantity", 1)
        times = f" ×{quantity:,}" if isinstance(quantity, int) and quantity > 1 else ""
        signed = ", your name hidden" if memo.get("hidden") else ""
        gift = f"{memo.get('gift', 'Gift')}{times} to {memo.get('to', 'a creator')}{signed}"
        return gift if kind == Kind.GIFT else str(memo.get("text") or f"Coins set aside: {gift}")
    if kind == Kind.PURCHASE:
        return str(memo.get("text") or "Bought coins")
    return str(memo.get("text") or memo.get("reason") or "Correction by our staff")


def price_of(slices: Iterable[tuple[Lot, int]]) -> Money | None:
    """What was paid for coins of these lots, half-up; None when unpaid or in several currencies."""
    sums: dict[int, Fraction] = {}
    for lot, coins in slices:
        if lot.cash_unit is None:
            return None
        exact = Fraction(lot.gross_minor * coins, lot.amount)
        sums[lot.cash_unit] = sums.get(lot.cash_unit, Fraction()) + exact
    if len(sums) != 1:
        return None
    ((unit, exact),) = sums.items()
    return money(half_up(exact), currency_of(unit))


def _not_credited(user_id: int, start: Cursor) -> Iterator[Entry]:
    """Purchases that brought no coins (yet), newest first."""
    rows = Purchase.objects.filter(buyer_id=user_id).exclude(state=Purchase.State.CREDITED)
    created_at, purchase_id = start.created_at, start.purchase_id
    while True:
        older = Q(created_at__lt=created_at) | Q(created_at=created_at, pk__lt=purchase_id)
        chunk = list(
            (rows.filter(older) if created_at else rows)
            .select_related("method")
            .order_by("-created_at", "-pk")[:CHUNK]
        )
        yield from map(_entry_of_purchase, chunk)
        if len(chunk) < CHUNK:
            return
        created_at, purchase_id = chunk[-1].created_at, chunk[-1].pk


def _entry_of_purchase(purchase: Purchase) -> Entry:
    return Entry(
        id=purchase.pk,
        at=purchase.created_at,
        kind=Kind.PURCHASE,
        what=f"{purchase.coins:,} coins",
        where=purchase.method.name,
        coins=None,
        price=purchase.money,
        state=purchase.get_state_display(),
        slug="",
        is_settled=False,
        top=0,
        cursor=Cursor(created_at=purchase.created_at, purchase_id=purchase.pk),
    )
