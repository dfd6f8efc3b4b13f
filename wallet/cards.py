"""Rate cards: what a coin earns and what a diamond is worth, announced before it binds.

Promises: a card is checked against the margin floor in every open region before it is announced;
the database has the last word on notice, and its refusal is put into words here. Diamonds already
earned keep the card they were earned under. The announcement commits with the card, and every
creator and every fan is told from it, each once, however often the telling is killed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import tellings
from accounts.models import NoticeKind
from wallet import events, ledger, pricebook, risk
from wallet.models import (
    FIRST_HOLD,
    FIRST_PAYOUTS,
    CardAnnouncement,
    HoldClass,
    RateCard,
    Region,
)

TELL_BATCH: Final = 2000
TELL_BATCHES_MAX: Final = 100  # in one run; the next goes on


class NoticeTooShort(Exception):
    """The card is worse for creators and would begin inside the notice they were promised."""


class CardNameTaken(Exception):
    """Another card has the name."""


class CardDateTaken(Exception):
    """Another card begins at the same moment."""


class HoldsIncomplete(Exception):
    """A payment class has no hold, or a hold is negative."""


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

    ``hold_days`` is by payment class, and under 0 for a creator's first payouts. What everybody
    is told commits with the card, and ``rate_card.announced`` is published, or neither is.

    Raises risk.MarginBelowFloor, NoticeTooShort, CardNameTaken, CardDateTaken, HoldsIncomplete,
    and queries.FxMissing or FxStale where the floor cannot be judged.
    """
    if any(hold_days.get(hold, -1) < 0 for hold in HoldClass.values) or min(hold_days.values()) < 0:
        raise HoldsIncomplete(
            "Every payment class needs a hold of 0 or more days, and so do first payouts."
        )
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
            _announce(card)
    except IntegrityError as error:
        raise _in_words(error, card=card, at=at) from error
    return RateCard.objects.get(pk=card.pk)


def _announce(card: RateCard) -> None:
    """Write down what everybody is told of the card."""
    before = RateCard.objects.filter(effective_at__lt=card.effective_at).order_by("effective_at")
    earlier = before.last()
    coin = _usd(risk.cost_per_coin(card=card))
    was = "" if earlier is None else f" instead of {_usd(risk.cost_per_coin(card=earlier))}"
    CardAnnouncement.objects.create(
        card_id=card.pk,
        title=f"New rates from {card.effective_at:%d %B %Y, %H:%M UTC}",
        creators_body=f"From then on a coin earns you {coin}{was}: {_diamonds(card)} of "
        f"{_usd(Fraction(card.diamond_usd))}. {_wait_words(card)} "
        "Diamonds you earned before keep their value.",
        fans_body=f"From then on each coin that you give earns a creator {coin}{was}. "
        "What coins cost you does not change by it, and gifts sent before keep their rate.",
    )


def _diamonds(card: RateCard) -> str:
    per_coin = Decimal(card.diamonds_per_coin_milli) / 1000
    return "1 diamond" if per_coin == 1 else f"{per_coin:g} diamonds"


def _usd(exact: Fraction) -> str:
    """Write dollars a coin or diamond: exact, as thousandths of diamonds times six decimals are."""
    return f"US${(Decimal(exact.numerator) / Decimal(exact.denominator)).normalize():f}"


def _wait_words(card: RateCard) -> str:
    by_class = [card.hold_days[str(hold)] for hold in HoldClass.values]
    first = card.hold_days.get(FIRST_HOLD, 0)
    least, most = min(by_class), max(by_class)
    words = f"Holds run from {least} to {most} days." if least < most else f"Holds: {most} days."
    if first > least:
        words += f" Until {FIRST_PAYOUTS} payouts have reached you they are at least {first} days."
    return words


def tell_of_cards(*, at: datetime) -> int:
    """Tell creators and fans of announced cards, a batch a transaction; says how many."""
    told = 0
    for _ in range(TELL_BATCHES_MAX):
        count = _tell_batch(at=at)
        if count is None:
            break
        told += count
    return told


@transaction.atomic(durable=True)
def _tell_batch(*, at: datetime) -> int | None:
    """Tell the next people of the oldest announcement that nobody else has in hand; None: none."""
    news = (
        CardAnnouncement.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(finished_at=None)
        .order_by("pk")
        .first()
    )
    if news is None:
        return None
    told = tellings.notify_next(
        tellings.News(
            kind=NoticeKind.RATES,
            subject_key=f"rate-card:{news.card_id}",
            title=news.title,
            creators_body=news.creators_body,
            fans_body=news.fans_body,
            path=reverse("wallet:rate_card", args=[news.card_id]),
        ),
        after_id=news.told_up_to_id,
        limit=TELL_BATCH,
    )
    news.people_told += told.people
    news.told_up_to_id = max(news.told_up_to_id, told.up_to_id)
    if told.people < TELL_BATCH:
        news.finished_at = at
    news.save(update_fields=["people_told", "told_up_to_id", "finished_at"])
    return told.people


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
        or any(days > before.hold_days.get(hold, 0) for hold, days in card.hold_days.items())
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
