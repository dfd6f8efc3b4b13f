"""Rate cards: what a coin earns and what a diamond is worth, announced before it binds.

Promises: a card is checked against the margin floor in every open region before it is announced;
the database has the last word on notice, and its refusal is put into words here. Diamonds already
earned keep the card they were earned under. Every creator is told in the same transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import services as people
from accounts.models import NoticeKind
from wallet import events, ledger, pricebook, risk
from wallet.models import HoldClass, RateCard, Region


class NoticeTooShort(Exception):
    """The card is worse for creators and would begin inside the notice they were promised."""


class CardNameTaken(Exception):
    """Another card has the name."""


class CardDateTaken(Exception):
    """Another card begins at the same moment."""


class HoldsIncomplete(Exception):
    """A payment class has no hold, or a negative one."""


def announce_rate_card(
    *,
    name: str,
    diamonds_per_coin_milli: int,
    diamond_usd: Decimal,
    hold_days: Mapping[int, int],
    notice_days: int,
    effective_at: datetime,
    announced_by_id: int,
    at: datetime,
) -> RateCard:
    """Announce a card that takes effect at ``effective_at``; afterwards nobody can change it.

    Creators get a notice each, and ``rate_card.announced`` is published, with the card or not.

    Raises risk.MarginBelowFloor, NoticeTooShort, CardNameTaken, CardDateTaken, HoldsIncomplete,
    and queries.FxMissing or FxStale where the floor cannot be judged.
    """
    if any(hold_days.get(hold, -1) < 0 for hold in HoldClass.values):
        raise HoldsIncomplete("Every payment class needs a hold of 0 or more days.")
    card = RateCard(
        name=name,
        diamonds_per_coin_milli=diamonds_per_coin_milli,
        diamond_usd=diamond_usd,
        hold_days={str(hold): days for hold, days in hold_days.items()},
        notice_days=notice_days,
        announced_at=at,
        effective_at=effective_at,
        announced_by=announced_by_id,
    )
    try:
        with transaction.atomic(durable=True):
            # Every region's row, by code: no price is added while the card is judged.
            list(Region.objects.select_for_update(no_key=True).order_by("code"))
            check_margin(card=card, at=at)
            card.pk = ledger.announce_card(
                name=name,
                diamonds_per_coin_milli=diamonds_per_coin_milli,
                diamond_usd=diamond_usd,
                hold_days=dict(hold_days),
                notice_days=notice_days,
                effective_at=effective_at,
                announced_by_id=announced_by_id,
            )
            events.rate_card_announced(card)
            _tell_creators(card)
    except IntegrityError as error:
        raise _in_words(error, card=card, at=at) from error
    return RateCard.objects.get(pk=card.pk)


def _tell_creators(card: RateCard) -> None:
    per_coin = Decimal(card.diamonds_per_coin_milli) / 1000
    diamonds = "1 diamond" if per_coin == 1 else f"{per_coin:g} diamonds"
    people.notify_creators(
        kind=NoticeKind.RATES,
        subject_key=f"rate-card:{card.pk}",
        title=f"New rates from {card.effective_at:%d %B %Y, %H:%M UTC}",
        body=f"From then on a coin earns you {diamonds}, and each diamond earned from "
        f"then on is worth US${card.diamond_usd.normalize():f}. Holds run from "
        f"{min(card.hold_days.values())} to {max(card.hold_days.values())} days. "
        "Diamonds you earned before keep their value.",
        path=reverse("wallet:rates"),
    )


def check_margin(*, card: RateCard, at: datetime) -> None:
    """Refuse a card under which any price would break the floor. Raises risk.MarginBelowFloor."""
    spans = [span for span in pricebook.card_spans(at=at, extra=[card]) if span.card is card]
    risk.check_margin(
        offers=pricebook.offers(at=at), spans=spans, floor_bps=settings.MARGIN_FLOOR_BPS
    )


def is_worse(*, card: RateCard, before: RateCard) -> bool:
    """Say whether creators lose by the card: less value, a longer hold, or less notice.

    The same rule as the database's own (``ledger.is_worse``), which decides.
    """
    return (
        risk.cost_per_coin(card=card) < risk.cost_per_coin(card=before)
        or card.notice_days < before.notice_days
        or any(card.hold_days[hold] > days for hold, days in before.hold_days.items())
    )


def earliest_start(*, card: RateCard, at: datetime) -> datetime:
    """Give the first moment from ``at`` on at which the card could take effect."""
    wanted = max(card.effective_at, at)
    cards = list(RateCard.objects.order_by("effective_at"))
    moments = {
        wanted,
        *(at + timedelta(days=before.notice_days) for before in cards),
        *(before.effective_at + timedelta(seconds=1) for before in cards),
    }
    return next(
        moment
        for moment in sorted(moments)
        if moment >= wanted and _may_start(card, cards, moment=moment, at=at)
    )


def _may_start(
    card: RateCard, cards: Sequence[RateCard], *, moment: datetime, at: datetime
) -> bool:
    before = next((c for c in reversed(cards) if c.effective_at <= moment), None)
    return (
        before is None
        or not is_worse(card=card, before=before)
        or moment >= at + timedelta(days=before.notice_days)
    )


def _in_words(error: IntegrityError, *, card: RateCard, at: datetime) -> Exception:
    match getattr(getattr(error.__cause__, "diag", None), "constraint_name", None):
        case "rate_card_notice":
            return NoticeTooShort(_notice_words(card=card, at=at))
        case "rate_card_name_key":
            return CardNameTaken(f'There is a rate card named "{card.name}". Choose another name.')
        case "rate_card_effective_at_key":
            return CardDateTaken("Another rate card begins at that moment. Choose another time.")
    return error


def _notice_words(*, card: RateCard, at: datetime) -> str:
    start = earliest_start(card=card, at=at)
    if start > max(card.effective_at, at):
        return (
            "Creators were promised notice before a rate card that is worse for them. "
            f"This one could start on {start:%d %B %Y at %H:%M UTC}, no earlier."
        )
    following = (
        RateCard.objects.filter(effective_at__gt=card.effective_at).order_by("effective_at").first()
    )
    if card.effective_at > at and following and is_worse(card=following, before=card):
        return (
            f'"{following}", already announced for {following.effective_at:%d %B %Y}, would follow '
            "this card as a worse one inside its notice. Start this card after it."
        )
    return "A rate card cannot take effect in the past. Let it start a little later than now."
