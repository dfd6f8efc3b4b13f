"""Memberships: a month with a creator, paid with coins like a gift to them.

Promises: a month is paid once per operation id and begins in the transaction that pays it; months
bought while one runs follow it, end to start, whoever presses twice at once; nothing renews by
itself. The payment is a gift to the ledger: it becomes the creator's diamonds and can be traced. A
payment that a bank takes back ends what it bought.
"""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.urls import reverse

from accounts import events as outbox
from accounts import queries as accounts
from accounts import risk as people
from accounts import services as notices
from accounts.models import NoticeKind, User
from gifts import clubs, events, queries, risk
from gifts.models import HIDDEN_NAME, Entitlement, MembershipOffer
from wallet import ledger, reversals

MONTHS_AHEAD_MAX: Final = 12
REMIND_BEFORE: Final = timedelta(days=3)
WORDS_MAX: Final = 300
BATCH: Final = 200


class NoMembership(Exception):
    """The creator offers no membership."""


class MembershipPriceChanged(Exception):
    """The price the fan saw is not in force any more. Carries the one that is."""

    def __init__(self, *, price_coins: int) -> None:
        super().__init__(
            f"A month now costs {price_coins:,} coins. Nothing was paid; "
            "look at the new price first."
        )
        self.price_coins = price_coins


class PaidFarAhead(Exception):
    """The fan has paid for as many months as may be paid ahead."""


class NotAnOffer(Exception):
    """The price is not one of the list, or the words are too long."""


@dataclass(frozen=True, slots=True)
class Bought:
    """A month that was paid. ``balance`` is what the fan has left; None on a replay."""

    entitlement: Entitlement
    balance: int | None
    replayed: bool


@transaction.atomic(durable=True)
def set_offer(
    *, creator_id: int, is_on: bool, price_coins: int, words: str, at: datetime
) -> MembershipOffer:
    """Offer the creator's membership, or stop; months that were paid run to their end.

    Raises NotAnOffer, risk.CreatorClosed and accounts.risk.NotAllowed.
    """
    if price_coins not in MembershipOffer.PRICES or len(words) > WORDS_MAX:
        raise NotAnOffer("Choose a price of the list, and at most 300 characters.")
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if not creator.is_creator:
        raise risk.CreatorClosed("Only creators offer memberships. Open your page first.")
    if is_on:
        people.check_may_earn(creator, at)
    offer, _ = MembershipOffer.objects.update_or_create(
        creator_id=creator_id,
        defaults={
            "is_on": is_on,
            "price_coins": price_coins,
            "words": words,
            "changed_at": at,
        },
    )
    return offer


def buy(
    *,
    operation_id: UUID,
    fan_id: int,
    creator_id: int,
    price_coins: int,
    hide_name: bool = False,
    at: datetime,
) -> Bought:
    """Pay for a month with a creator, from now or from the end of what was paid, at the price seen.

    Idempotent by ``operation_id``. A fan's months with one creator take turns; then the fan's
    wallet is locked. Whoever becomes a member while the creator is live is named in that room, and
    with ``hide_name`` nowhere: neither there nor to the creator.

    Raises NoMembership, MembershipPriceChanged, PaidFarAhead, risk.SelfGift,
    risk.BlockedByCreator, risk.CreatorClosed and accounts.risk.NotAllowed (nothing stored),
    ledger.InsufficientCoins and NoRateCard (stored), OperationConflict when the id was used for
    something else.
    """
    outcome, month = _buy(
        operation_id=operation_id,
        fan_id=fan_id,
        creator_id=creator_id,
        price_coins=price_coins,
        hide_name=hide_name,
        at=at,
    )
    if outcome is not None:
        outcome.check()
    assert month is not None, "what was paid has a month"
    is_new = outcome is not None and not outcome.replayed
    return Bought(month, outcome.result["balance"] if outcome and is_new else None, not is_new)


@transaction.atomic(durable=True)
def _buy(
    *,
    operation_id: UUID,
    fan_id: int,
    creator_id: int,
    price_coins: int,
    hide_name: bool,
    at: datetime,
) -> tuple[ledger.Outcome | None, Entitlement | None]:
    _take_turns(fan_id, creator_id)
    earlier = Entitlement.objects.filter(pk=operation_id).first()
    if earlier is not None:
        if (earlier.fan_id, earlier.creator_id, earlier.coins, earlier.kind) != (
            fan_id,
            creator_id,
            price_coins,
            Entitlement.Kind.MEMBERSHIP,
        ):
            raise ledger.OperationConflict
        return None, earlier
    fan, creator = User.objects.get(pk=fan_id), User.objects.get(pk=creator_id)
    check(fan, creator, price_coins=price_coins, at=at)
    periods = clubs.periods_of(fan_id=fan_id, creator_id=creator_id, at=at)
    if len(periods) >= MONTHS_AHEAD_MAX:
        raise PaidFarAhead(
            f"You have paid for {MONTHS_AHEAD_MAX} months ahead, which is the most. "
            "Nothing was paid."
        )
    outcome = ledger.gift(_posting(operation_id, fan, creator, price_coins, hide_name=hide_name))
    if not outcome.done or outcome.replayed:
        assert not outcome.done, "what was paid has its month in the same transaction"
        return outcome, None
    starts_at, ends_at = _next_month(periods, at=at)
    month = Entitlement.objects.create(
        id=operation_id,
        fan=fan,
        creator=creator,
        kind=Entitlement.Kind.MEMBERSHIP,
        coins=price_coins,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    if not periods:
        _tell_room(month, hide_name=hide_name, at=at)
    return outcome, month


def _tell_room(month: Entitlement, *, hide_name: bool, at: datetime) -> None:
    """Tell the room where the creator is live now, if there is one, who became a member."""
    fan, creator_id = month.fan, month.creator_id
    room = queries.live_room_of(creator_id=creator_id)
    if room is None:
        return
    badge: dict[str, int | None] = {"level": None, "club_level": None}
    if not hide_name:
        badge = clubs.badge_of(fan, creator_id=creator_id, at=at)
    outbox.publish(
        name=events.CLUB_JOINED,
        subject=f"room:{room.pk}",
        payload={
            "entitlement_id": str(month.pk),
            "kind": month.kind,
            "from": HIDDEN_NAME if hide_name else fan.display_name,
            "handle": "" if hide_name else fan.handle,
            **badge,
        },
    )


def _take_turns(fan_id: int, creator_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"gifts.membership:{fan_id}:{creator_id}"],
        )


def check(fan: User, creator: User, *, price_coins: int, at: datetime) -> None:
    """Let pass who may buy a month with a creator at that price. Raises as ``buy`` does."""
    people.check_may_spend(fan, at)
    if fan.pk == creator.pk:
        raise risk.SelfGift("You cannot become a member of yourself.")
    if accounts.is_blocked(blocker_id=creator.pk, blocked_id=fan.pk):
        raise risk.BlockedByCreator(
            f"You cannot become a member of {creator.display_name}. Nothing was paid."
        )
    if not risk.may_earn(creator, at=at):
        raise risk.CreatorClosed(
            f"{creator.display_name} cannot take members at the moment. Nothing was paid."
        )
    offer = clubs.offer_of(creator_id=creator.pk)
    if offer is None:
        raise NoMembership(
            f"{creator.display_name} offers no membership at the moment. Nothing was paid."
        )
    if offer.price_coins != price_coins:
        raise MembershipPriceChanged(price_coins=offer.price_coins)


def _posting(
    operation_id: UUID, fan: User, creator: User, coins: int, *, hide_name: bool
) -> ledger.Gift:
    signed: dict[str, Any] = {"from": fan.display_name, "from_handle": fan.handle}
    if hide_name:
        signed = {"from": HIDDEN_NAME, "hidden": True}
    return ledger.Gift(
        operation_id=operation_id,
        payer_id=fan.pk,
        creator_id=creator.pk,
        coins=coins,
        actor_id=fan.pk,
        context=f"membership:{creator.pk}",
        memo={
            "gift": "Monthly membership",
            "slug": "join-heart",  # its picture
            "quantity": 1,
            "to": creator.display_name,
            "to_handle": creator.handle,
            "where": "Membership",
            **signed,
        },
    )


def month_after(at: datetime, *, months: int = 1) -> datetime:
    """The same moment so many calendar months later; the month's last day where it has no such."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def _next_month(periods: list[Entitlement], *, at: datetime) -> tuple[datetime, datetime]:
    """When the next month begins and ends: the 31st stays the 31st over a shorter month."""
    if not periods:
        return at, month_after(at)
    starts_at = periods[-1].ends_at
    assert starts_at is not None, "a membership has an end"
    in_step = month_after(periods[0].starts_at, months=len(periods) + 1)
    return starts_at, max(in_step, month_after(starts_at))


# By the clock


@transaction.atomic(durable=True)
def remind(*, at: datetime) -> int:
    """Tell whose membership ends within ``REMIND_BEFORE`` and is not paid on; how many were told.

    Each is told once. Locks their rows.
    """
    ending = (
        Entitlement.objects.filter(
            kind=Entitlement.Kind.MEMBERSHIP,
            revoked_at=None,
            reminded_at=None,
            starts_at__lte=at,
            ends_at__gt=at,
            ends_at__lte=at + REMIND_BEFORE,
        )
        .select_related("creator")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("pk")
    )
    told = 0
    for month in ending[:BATCH]:
        until = clubs.paid_until(fan_id=month.fan_id, creator_id=month.creator_id, at=at)
        if until == month.ends_at:
            _tell(month, f"Your membership of {month.creator.display_name} ends soon", _ends(month))
            told += 1
        month.reminded_at = at
        month.save(update_fields=["reminded_at"])
    return told


def _ends(month: Entitlement) -> str:
    assert month.ends_at is not None, "a membership has an end"
    return (
        f"It ends on {month.ends_at:%-d %B %Y at %H:%M} UTC. It does not renew by itself: "
        "nothing is charged unless you pay for another month."
    )


@transaction.atomic(durable=True)
def revoke_taken_back(*, at: datetime) -> int:
    """End what was bought with payments that a bank took back; how many. Locks their rows."""
    taken = (
        Entitlement.objects.filter(pk__in=reversals.gifts_taken_back(), revoked_at=None)
        .select_related("creator")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
    ended = list(taken)
    for row in ended:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        if row.ends_at is not None and row.ends_at > at:
            name = row.creator.display_name
            words = "A bank took back the payment whose coins bought this month."
            _tell(row, f"A month of your membership of {name} is taken back", words)
    return len(ended)


def _tell(month: Entitlement, title: str, body: str) -> None:
    notices.notify(
        user_id=month.fan_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"membership:{month.pk}{':revoked' if month.revoked_at else ''}",
        title=title,
        body=body,
        path=reverse("gifts:club", args=[month.creator.handle]),
    )
