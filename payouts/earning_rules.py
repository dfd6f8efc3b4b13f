"""Rules on earnings: what is known of a creator's last gifts in, verdicts with their reasons out.

Promises: pure functions without a clock and a database. Each rule has its thresholds and their
source beside it. A hit holds the creator's payouts until a person has looked; no rule takes
anything away. Reasons are sentences the creator reads: they give sums and shares, and never who
somebody is or what they use. Signals are for staff, and name people by number.

The patterns are those of Turkey's MASAK on gifts in live streams (few followers and huge gifts,
gifts to oneself from many accounts, stolen cards), of the Bits case of 2021 (stolen cards, small
streamers who hand most of it back) and of FATF's guidance on placement and layering. Where no
source has a number it is our own, of 2026-11, chosen so that an honest audience does not meet it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from accounts.models import ReviewReason
from payouts.earning_facts import Earner, Share, Trait

DIAMOND: Final = 1000  # thousandths

# CONCENTRATION and LOW_AUDIENCE: the rules on payouts as this site announces them.
TOP_TWO_PERCENT: Final = 80
TOP_TWO_FROM: Final = 50_000 * DIAMOND
AUDIENCE_FROM: Final = 100_000 * DIAMOND
# How much of the earnings, in percent, and from how many diamonds on. 5,000 are US$25.
OWN: Final = (20, 5_000 * DIAMOND)
HOME: Final = (50, 10_000 * DIAMOND)
ONE_HAND: Final = (40, 5_000 * DIAMOND)
RING: Final = (30, 3_000 * DIAMOND)
PAIR: Final = (50, 10_000 * DIAMOND)  # two who give to each other are often just friends
PAIR_SIZE: Final = 2
NEAR: Final = (40, 10_000 * DIAMOND)
NEAR_DAYS: Final = 5
BACK: Final = (30, 5_000 * DIAMOND)
HOPPER: Final = (50, 5_000 * DIAMOND)
CLAIMED: Final = (20, 2_000 * DIAMOND)
BORROWED: Final = (50, 10_000 * DIAMOND)  # couples share cards, too
FRESH: Final = (50, 10_000 * DIAMOND)
FRESH_SENDERS: Final = 5
FRESH_MEAN: Final = 2_000 * DIAMOND  # what one of them gives: a new fan tries small gifts first
CARDS: Final = (60, 5_000 * DIAMOND)
CARDS_SENDERS: Final = 10
BIG: Final = (50, 30_000 * DIAMOND)
BIG_SENDERS: Final = 3  # one is looked at by itself: ``wallet.rules.new_big``
SUDDEN: Final = (60, 20_000 * DIAMOND)
SILENT_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule says: whether it hits, and why."""

    rule: ReviewReason
    reasons: tuple[str, ...] = ()
    signals: tuple[tuple[str, str], ...] = ()
    sender_ids: tuple[int, ...] = ()  # who gave most of what it is about, for staff

    @property
    def is_hit(self) -> bool:
        return bool(self.reasons)


def concentration(earner: Earner) -> Verdict:
    """More than 80 % of more than 50,000 diamonds came from one or two who hardly give others."""
    part = _percent(earner.top_two_milli, earner)
    is_hit = (
        earner.milli > TOP_TWO_FROM and earner.top_two_milli * 100 > earner.milli * TOP_TWO_PERCENT
    )
    return _said(
        ReviewReason.CONCENTRATION,
        f"One or two people, who hardly give to others, gave {part} of the "
        f"{_diamonds(earner.milli)} you earned in 30 days.",
        earner,
        Share(
            milli=earner.top_two_milli,
            senders=2,
            first_ids=earner.share(Trait.DEVOTED).first_ids[:2],
        ),
        is_hit=is_hit,
    )


def self_deal(earner: Earner) -> Verdict:
    """A good part came from who shares a device, a card or an account with the creator, or home."""
    own, home = earner.share(Trait.OWN), earner.share(Trait.HOME)
    if _is_over(own, OWN, earner):
        return _shared(ReviewReason.SELF_DEAL, own, "a device, a card or a payout account", earner)
    if _is_over(home, HOME, earner):
        return _shared(ReviewReason.SELF_DEAL, home, "a device or a network", earner)
    return Verdict(rule=ReviewReason.SELF_DEAL)


def _shared(rule: ReviewReason, share: Share, what: str, earner: Earner) -> Verdict:
    part = _percent(share.milli, earner)
    words = f"{part} of what you earned in 30 days came from accounts that share {what} with you."
    return _said(rule, words, earner, share)


def low_audience(earner: Earner) -> Verdict:
    """More than 100,000 diamonds with too few followers, or viewers where that is known.

    50 followers and 5 viewers, where the operator says nothing else.
    """
    is_large = earner.milli > AUDIENCE_FROM
    few_follow = earner.followers < earner.followers_min
    few_watch = earner.viewers is not None and earner.viewers < earner.viewers_min
    audience = f"{earner.followers} followers"
    if few_watch and not few_follow:
        audience = f"about {earner.viewers} people watching at once"
    words = f"You earned {_diamonds(earner.milli)} in 30 days with {audience}."
    share = Share(milli=earner.milli, senders=earner.senders, first_ids=earner.top_ids)
    return _said(
        ReviewReason.LOW_AUDIENCE,
        words,
        earner,
        share,
        is_hit=is_large and (few_follow or few_watch),
    )


def gift_ring(earner: Earner) -> Verdict:
    """Gifts go round: members of a ring gave a good part. Of two people more is asked."""
    ring = earner.ring
    is_hit = _is_over(ring, PAIR if ring.senders <= PAIR_SIZE else RING, earner)
    words = (
        f"{_percent(ring.milli, earner)} of what you earned in 30 days came from creators to whom "
        "your own gifts lead back."
    )
    return _said(ReviewReason.GIFT_RING, words, earner, ring, is_hit=is_hit)


def new_senders(earner: Earner) -> Verdict:
    """Most came from accounts some days old: several with much each, or many with gift cards."""
    fresh, cards = earner.share(Trait.FRESH), earner.share(Trait.FRESH_CARD)
    big = earner.share(Trait.BIG)
    found = next(
        (
            share
            for share, bounds, least in (
                (fresh, FRESH, FRESH_SENDERS),
                (cards, CARDS, CARDS_SENDERS),
                (big, BIG, BIG_SENDERS),
            )
            if _is_over(share, bounds, earner)
            and share.senders >= least
            and (share is not fresh or share.milli >= share.senders * FRESH_MEAN)
        ),
        None,
    )
    if found is None:
        return Verdict(rule=ReviewReason.NEW_SENDERS)
    words = (
        f"{found.senders} accounts gave {_percent(found.milli, earner)} of what you earned in 30 "
        "days in the first week after they joined."
    )
    return _said(ReviewReason.NEW_SENDERS, words, earner, found)


def one_hand(earner: Earner) -> Verdict:
    """A good part came from several accounts on the same device, card or small network."""
    share = earner.share(Trait.ONE_HAND)
    words = (
        f"{share.senders} accounts that share devices, cards or a network gave "
        f"{_percent(share.milli, earner)} of what you earned in 30 days."
    )
    return _said(
        ReviewReason.ONE_HAND, words, earner, share, is_hit=_is_over(share, ONE_HAND, earner)
    )


def below_limits(earner: Earner) -> Verdict:
    """A good part came from people who pay, day by day, just below what is looked at."""
    share = earner.share(Trait.NEAR)
    is_hit = _is_over(share, NEAR, earner) and earner.near_days >= NEAR_DAYS
    words = (
        f"{_percent(share.milli, earner)} of what you earned in 30 days came from people who paid "
        "amounts just below those at which we look, again and again."
    )
    return _said(ReviewReason.BELOW_LIMITS, words, earner, share, is_hit=is_hit)


def money_back(earner: Earner) -> Verdict:
    """A good part came from people who ask payments back again and again, or whose banks do."""
    share = earner.share(Trait.BACK)
    words = (
        f"{_percent(share.milli, earner)} of what you earned in 30 days came from people whose "
        "payments are asked back or disputed."
    )
    return _said(
        ReviewReason.MONEY_BACK, words, earner, share, is_hit=_is_over(share, BACK, earner)
    )


def region_hop(earner: Earner) -> Verdict:
    """Most came from people who bought at the prices of more than one region."""
    share = earner.share(Trait.HOPPER)
    words = (
        f"{_percent(share.milli, earner)} of what you earned in 30 days came from people who "
        "bought coins at the prices of several regions."
    )
    return _said(
        ReviewReason.REGION_HOP, words, earner, share, is_hit=_is_over(share, HOPPER, earner)
    )


def borrowed_card(earner: Earner) -> Verdict:
    """Some came from who may be a minor, or most from new accounts with others' cards."""
    claimed, borrowed = earner.share(Trait.CLAIMED), earner.share(Trait.BORROWED)
    is_claimed = _is_over(claimed, CLAIMED, earner)
    share = claimed if is_claimed else borrowed
    words = (
        f"{_percent(share.milli, earner)} of what you earned in 30 days may have been paid for by "
        "somebody else than who sent it."
    )
    is_hit = is_claimed or _is_over(borrowed, BORROWED, earner)
    return _said(ReviewReason.BORROWED_CARD, words, earner, share, is_hit=is_hit)


def sudden(earner: Earner) -> Verdict:
    """Earned a lot after 90 days without a gift, mostly from people who do not follow."""
    share = earner.share(Trait.STRANGER)
    is_hit = (
        earner.silent_days >= SILENT_DAYS
        and earner.milli >= SUDDEN[1]
        and _is_over(share, (SUDDEN[0], 0), earner)
    )
    words = (
        f"After {earner.silent_days} days without gifts you earned {_diamonds(earner.milli)}, "
        f"{_percent(share.milli, earner)} of it from people who do not follow you."
    )
    return _said(ReviewReason.SUDDEN, words, earner, share, is_hit=is_hit)


RULES: Final[Sequence[Callable[[Earner], Verdict]]] = (
    concentration,
    self_deal,
    low_audience,
    gift_ring,
    new_senders,
    one_hand,
    below_limits,
    money_back,
    region_hop,
    borrowed_card,
    sudden,
)


def hits(earner: Earner) -> list[Verdict]:
    """Ask every rule; those that hit."""
    return [verdict for rule in RULES for verdict in [rule(earner)] if verdict.is_hit]


def _is_over(share: Share, bounds: tuple[int, int], earner: Earner) -> bool:
    percent, least = bounds
    return 0 < share.milli >= least and share.milli * 100 >= earner.milli * percent


def _said(
    rule: ReviewReason, words: str, earner: Earner, share: Share, *, is_hit: bool = True
) -> Verdict:
    if not is_hit:
        return Verdict(rule=rule)
    return Verdict(
        rule=rule,
        reasons=(words,),
        signals=(
            ("earned in 30 days", _diamonds(earner.milli)),
            ("of it by this rule", f"{_diamonds(share.milli)} ({_percent(share.milli, earner)})"),
            ("people", f"{share.senders} of {earner.senders} senders"),
        ),
        sender_ids=tuple(share.first_ids),
    )


def _percent(milli: int, earner: Earner) -> str:
    """A share in whole percent, rounded down: for words alone."""
    return f"{milli * 100 // max(earner.milli, 1)} %"


def _diamonds(milli: int) -> str:
    """Whole diamonds, rounded down: for words alone."""
    return f"{milli // DIAMOND:,} diamonds"
