"""What a fan does about their own spending: limits, breaks, and being told how near they are.

Promises: a limit is lowered, and a break begins, at once; a limit is raised after a wait in which
it can still be withdrawn, and a break is never shortened. Whoever starts a purchase holds the
buyer's lock (``lock``), so limits and rules see, of any number at once, each those before it.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.urls import reverse
from djmoney.money import Money
from psycopg.errors import LockNotAvailable

from accounts import fingerprints
from accounts import services as people
from accounts.models import Fingerprint, NoticeKind
from wallet import events, facts, limits, money, queries, reviewing
from wallet.models import (
    OwnLimit,
    Purchase,
    PurchaseAttempt,
    SpendingLimits,
    Window,
    kind_of,
)

Kind = Fingerprint.Kind

TIME_OUT_MIN: Final = timedelta(hours=24)
TIME_OUT_MAX: Final = timedelta(weeks=6)
OWN_LIMIT_MINOR_MAX: Final = 10**13
ATTEMPTS_KEPT: Final = timedelta(days=30)


class NotALimit(Exception):
    """The amount is none that a limit can have."""


class NotATimeOut(Exception):
    """The break is too short, too long, or would end one that runs earlier."""


class StillStarting(Exception):
    """Another purchase of the person's, or of their network, is being started and takes long."""

    def __init__(self) -> None:
        super().__init__(
            "Another purchase of yours is still being started. You have not been charged for this "
            "one. Send it again in a moment."
        )


def lock(*, user_id: int) -> SpendingLimits:
    """Lock the buyer until the caller's transaction ends: the one lock of what they buy.

    Its row is made when it is missing. Taken before the rows of the person and of their reviews, so
    that whoever decides about them waits for no purchase and no purchase for them in a circle.
    """
    assert connection.in_atomic_block, "the lock is held to the end of a transaction"
    rows = SpendingLimits.objects.select_for_update(no_key=True).filter(pk=user_id)
    found = rows.first()
    if found is None:
        SpendingLimits.objects.bulk_create([SpendingLimits(pk=user_id)], ignore_conflicts=True)
        found = rows.get()
    return found


def lock_buyer(*, user_id: int, address: str) -> str:
    """Lock a buyer, then the network they are on, so that both are counted one purchase at a time.

    Returns the network's hash, nothing where there is no address. Raises StillStarting.
    """
    network = fingerprints.digest(Kind.NETWORK, fingerprints.seen(address=address).network)
    try:
        lock(user_id=user_id)
        if network:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [network])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise StillStarting from error
        raise
    return network


@transaction.atomic(durable=True)
def set_limit(
    *, user_id: int, window: Window, amount_minor: int | None, currency: str, at: datetime
) -> OwnLimit:
    """Set a limit of the person's own; without an amount, none. Lower now, higher after a wait.

    A raise that waits is replaced. What is in force already is no change. Raises NotALimit, and
    queries.FxMissing or FxStale where the limit before was in another currency.
    """
    if amount_minor is not None and not 1 <= amount_minor <= OWN_LIMIT_MINOR_MAX:
        raise NotALimit("Enter an amount above zero. To buy nothing at all, take a break.")
    lock(user_id=user_id)
    current = facts.own_limits(user_id=user_id, at=at).get(window)
    _withdraw(user_id=user_id, window=window, at=at)
    if _is_same(current, amount_minor=amount_minor, currency=currency):
        return current or OwnLimit(
            user_id=user_id, window=window, currency=currency, asked_at=at, effective_at=at
        )
    waits = timedelta(0)
    if not _is_lower(current, amount_minor=amount_minor, currency=currency, at=at):
        waits = wait_to_raise(usd=_usd(amount_minor, currency=currency, at=at))
    row = OwnLimit.objects.create(
        user_id=user_id,
        window=window,
        amount_minor=amount_minor,
        currency=currency,
        asked_at=at,
        effective_at=at + waits,
    )
    _tell_of_change(row)
    return row


@transaction.atomic(durable=True)
def keep_limit(*, user_id: int, window: Window, at: datetime) -> bool:
    """Withdraw a raise that waits, so that the limit stays; whether there was one."""
    lock(user_id=user_id)
    return _withdraw(user_id=user_id, window=window, at=at) > 0


@transaction.atomic(durable=True)
def take_time_out(*, user_id: int, length: timedelta, at: datetime) -> datetime:
    """Begin a break from buying, or make the one that runs longer; its end. Raises NotATimeOut."""
    if not TIME_OUT_MIN <= length <= TIME_OUT_MAX:
        raise NotATimeOut("A break lasts from 24 hours to 6 weeks.")
    row, until = lock(user_id=user_id), at + length
    if row.time_out_until is not None and until <= row.time_out_until:
        raise NotATimeOut(
            f"Your break runs until {row.time_out_until:%-d %B %Y, %H:%M UTC} already. It can be "
            "made longer, not shorter."
        )
    row.time_out_until, row.time_out_at = until, at
    row.save(update_fields=["time_out_until", "time_out_at"])
    people.notify(
        user_id=user_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"time-out:{until.isoformat()}",
        title=f"Your break from buying runs until {until:%-d %B %Y, %H:%M UTC}",
        body="Nobody can end it early, our staff neither. Coins you have can still be given.",
        path=reverse("wallet:limits"),
    )
    return until


def note_attempt(purchase: Purchase, *, network: str, at: datetime) -> None:
    """Keep where a purchase was started from, in the caller's transaction."""
    PurchaseAttempt.objects.create(purchase=purchase, network=network, at=at)


def note_payment(purchase: Purchase, *, instrument: str, was_closed: bool, at: datetime) -> None:
    """Keep what a purchase was paid with, tell the buyer how near their limits they are, and say
    when a payment that came late took them over one. In the transaction that records it as paid.
    """
    used = {"instrument": fingerprints.digest(Kind.INSTRUMENT, instrument)}
    PurchaseAttempt.objects.update_or_create(
        purchase=purchase, defaults=used, create_defaults=used | {"at": at}
    )
    lock(user_id=purchase.buyer_id)
    try:
        _tell_of_use(purchase, at=at)
        if was_closed:
            _tell_of_late(purchase, at=at)
    except (queries.FxMissing, queries.FxStale) as problem:
        # Money that arrived is never held up by a rate that is missing; somebody should look.
        _look_into(purchase, why=f"Its limits cannot be judged. {problem}", at=at)


@transaction.atomic(durable=True)
def forget_attempts(*, at: datetime) -> int:
    """Delete what is kept of attempts past its term; how many."""
    return PurchaseAttempt.objects.filter(at__lte=at - ATTEMPTS_KEPT).delete()[0]


def change_words(row: OwnLimit) -> str:
    """Say what a limit is, or from when on it will be."""
    what = "no limit" if row.money is None else str(row.money)
    waits = row.effective_at > row.asked_at
    when = f" from {row.effective_at:%-d %B %Y, %H:%M UTC}" if waits else ""
    return f"Your own limit {Window(row.window).label}: {what}{when}"


def wait_to_raise(*, usd: Fraction | None) -> timedelta:
    """How long a raise of one's own limit waits: longer for much, or for no limit at all."""
    is_large = usd is None or usd > settings.OWN_LIMIT_LARGE_USD
    return timedelta(hours=72 if is_large else 24)


def crossed(*, before_minor: int, after_minor: int, limit_minor: int) -> int | None:
    """The highest share of a limit in percent that a payment reached: 50, 80 or 100."""
    return max(
        (
            share
            for share in (50, 80, 100)
            if 100 * before_minor < share * limit_minor <= 100 * after_minor
        ),
        default=None,
    )


def _withdraw(*, user_id: int, window: Window, at: datetime) -> int:
    waiting = OwnLimit.objects.filter(user_id=user_id, window=window, withdrawn_at=None)
    return waiting.filter(effective_at__gt=at).update(withdrawn_at=at)


def _is_same(current: OwnLimit | None, *, amount_minor: int | None, currency: str) -> bool:
    if current is None or current.amount_minor is None:
        return amount_minor is None
    return (current.amount_minor, current.currency) == (amount_minor, currency)


def _is_lower(
    current: OwnLimit | None, *, amount_minor: int | None, currency: str, at: datetime
) -> bool:
    if amount_minor is None:
        return False
    if current is None or current.amount_minor is None:
        return True
    before = facts.convert(current.amount_minor, source=current.currency, target=currency, at=at)
    return amount_minor < before


def _usd(amount_minor: int | None, *, currency: str, at: datetime) -> Fraction | None:
    """What an amount is in US dollars; None where there is none, or no rate to tell it by."""
    if amount_minor is None:
        return None
    try:
        cents = facts.convert(amount_minor, source=currency, target=queries.BASE_CURRENCY, at=at)
    except (queries.FxMissing, queries.FxStale):
        return None
    return cents / Fraction(10 ** money.decimals(queries.BASE_CURRENCY))


def _tell_of_change(row: OwnLimit) -> None:
    people.notify(
        user_id=row.user_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"own-limit:{row.pk}",
        title=change_words(row),
        body="It counts from now on."
        if row.effective_at == row.asked_at
        else "Until then your limit stays as it is, and you can withdraw the change.",
        path=reverse("wallet:limits"),
    )


def _tell_of_use(purchase: Purchase, *, at: datetime) -> None:
    """Tell of each own limit of which this payment reached half, four fifths or all."""
    for window, row in facts.own_limits(user_id=purchase.buyer_id, at=at).items():
        if row.amount_minor is None or window == Window.PURCHASE:
            continue
        after = facts.paid_since(
            user_id=purchase.buyer_id, since=at - window.length, currency=row.currency, at=at
        )
        this = facts.convert(
            purchase.gross_minor, source=purchase.currency, target=row.currency, at=at
        )
        share = crossed(
            before_minor=after - round(this), after_minor=after, limit_minor=row.amount_minor
        )
        if share is not None:
            _tell_of_share(
                purchase, window=window, share=share, used=money.money(after, row.currency), row=row
            )


def _tell_of_share(
    purchase: Purchase, *, window: Window, share: int, used: Money, row: OwnLimit
) -> None:
    events.limit_reached(purchase, window=window, share=share)
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"own-limit-use:{purchase.pk}:{window}",
        title=f"You have used {share} % of your own limit"
        if share < 100
        else "You have reached your own limit",
        body=f"{used} of {row.money} {window.label} are spent. Your limits page says when there "
        "is room again, and lets you lower the limit or take a break.",
        path=reverse("wallet:limits"),
    )


def _tell_of_late(purchase: Purchase, *, at: datetime) -> None:
    """Say that a purchase that had ended was paid after all, and that a limit is passed by it."""
    region = purchase.region
    buyer_now = facts.of_buyer(user=purchase.buyer, region=region, at=at)
    kind = kind_of(purchase.method.hold_class)
    over = [
        line
        for line in limits.all_lines(buyer=buyer_now, kind=kind)
        if (purchase.gross_minor if line.is_per_purchase else line.used_minor) > line.amount_minor
    ]
    if over:
        line = over[0]
        why = f"Paid after it had ended; {line.used} of {line.amount} {line.words} are used."
        _look_into(purchase, why=why, at=at)


def _look_into(purchase: Purchase, *, why: str, at: datetime) -> None:
    events.limit_passed(purchase, why=why)
    reviewing.late_over_limit(purchase=purchase, limit=why, at=at)
