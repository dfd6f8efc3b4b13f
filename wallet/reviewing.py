"""Reviews about buying: facts are gathered, rules are asked, verdicts kept, cases opened.

Promises: every verdict is stored with the facts it went by, hit or not; a hit opens one case, which
the buyer reads of; what a case holds back is refused here with why, until when and how to appeal;
a rule that staff cleared lately stops nobody again meanwhile. A purchase is asked about under its
buyer's lock: two at once count each other.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final
from uuid import UUID

from accounts import fingerprints
from accounts import queries as people
from accounts import reviewing as cases
from accounts import risk as people_risk
from accounts.models import Review, ReviewReason, User
from wallet import money, queries, rules
from wallet.models import Purchase, tier_of

Restriction = Review.Restriction

DAY: Final = timedelta(days=1)
INSTRUMENT_WINDOW: Final = timedelta(days=7)

# What is held back while a case of each rule is open. A spike alone holds nothing back.
RESTRICTS: Final[Mapping[ReviewReason, Restriction]] = {
    ReviewReason.SPEND_SPIKE: Restriction.NOTHING,
    ReviewReason.SPEND_ABS: Restriction.LARGE_PURCHASES,
    ReviewReason.MULTI_CARD: Restriction.PURCHASES,
    ReviewReason.NEW_BIG: Restriction.GIFT,
    ReviewReason.LATE_OVER_LIMIT: Restriction.NOTHING,
    ReviewReason.EFW: Restriction.PURCHASES,
    ReviewReason.DISPUTE: Restriction.PURCHASES,
}


class PurchasesPaused(people_risk.NotAllowed):
    """A review holds this purchase back. The words are the buyer's; the remedy is its page."""

    remedy = "accounts:reviews"

    def __init__(self, review: Review, *, at: datetime) -> None:
        super().__init__(_words(review, at=at))
        self.review_id = review.pk


def _words(review: Review, *, at: datetime) -> str:
    what = "Buying coins is paused"
    if review.restricts == Restriction.LARGE_PURCHASES:
        what = "This purchase is paused; smaller ones go through"
    if review.is_waiting:
        end = f"We decide by {review.decide_by_at:%-d %B %Y}; until then nothing changes."
    elif review.restricted_until is not None:
        end = f"That holds until {review.restricted_until:%-d %B %Y at %H:%M} UTC."
    else:
        end = "That holds until further notice."
    appeal = ""
    if review.can_be_appealed(at) and review.appeal_until_at is not None:
        appeal = f" You can appeal until {review.appeal_until_at:%-d %B %Y}."
    return (
        f"{what}. {review.why} {end}{appeal} Nothing was charged, and the coins you have stay "
        "yours. Your reviews say what we saw and how to object."
    )


def check_not_paused(*, user_id: int, at: datetime) -> None:
    """Let pass whom no review keeps from buying at all. Raises PurchasesPaused."""
    review = _pausing(user_id, at=at)
    if review is not None:
        raise PurchasesPaused(review, at=at)


def _pausing(user_id: int, *, at: datetime) -> Review | None:
    paused = people.restricting_reviews(user_id=user_id, restricts=(Restriction.PURCHASES,), at=at)
    return paused.last()


def screen_purchase(
    *, purchase_id: UUID, user_id: int, gross_minor: int, currency: str, at: datetime
) -> PurchasesPaused | None:
    """Ask every rule about a purchase before it is begun, in the caller's transaction.

    The caller holds the buyer's lock (``own_limits.lock``). Returns the refusal instead of raising
    it: verdicts and the case commit first, then the caller raises.
    """
    paused = _pausing(user_id, at=at)
    if paused is not None:
        return PurchasesPaused(paused, at=at)
    this = _usd_cents({currency: gross_minor}, at=at)
    facts = buyer_facts(user_id=user_id, at=at, with_usd_cents=this)
    refusal = None
    for verdict in rules.judge_buyer(facts):
        review = _act(verdict, user_id, key=f"purchase:{purchase_id}", facts=facts, at=at)
        if review is not None and review.is_restricting(at):
            refusal = PurchasesPaused(review, at=at)
    return refusal


def payment_seen(*, purchase: Purchase, instrument: str, at: datetime) -> None:
    """Note the instrument of a payment that arrived, and ask the rules again, in its transaction.

    What was paid is credited whatever they say; a hit holds back what comes next.
    """
    if instrument:
        seen = fingerprints.seen(instrument=instrument)
        fingerprints.note(user_id=purchase.buyer_id, seen=seen, at=at)
    facts = buyer_facts(user_id=purchase.buyer_id, at=at)
    verdict = rules.multi_card(facts)
    _act(verdict, purchase.buyer_id, key=f"purchase:{purchase.pk}", facts=facts, at=at)


def buyer_facts(*, user_id: int, at: datetime, with_usd_cents: int = 0) -> rules.BuyerFacts:
    """Gather what the rules about buyers go by; pending purchases count as spent."""
    joined_at = User.objects.values_list("joined_at", flat=True).get(pk=user_id)
    day = _spent(user_id, since=at - DAY, until=None, at=at)
    month = _spent(user_id, since=at - rules.DAYS_OF_MEAN * DAY, until=None, at=at)
    before = _spent(user_id, since=at - (rules.DAYS_OF_MEAN + 1) * DAY, until=at - DAY, at=at)
    return rules.BuyerFacts(
        tier=tier_of(
            joined_at=joined_at,
            has_paid=queries.has_paid(user_id=user_id),
            is_verified=people.is_identity_verified(user_id=user_id),
            at=at,
        ),
        spent_24h_usd_cents=day + with_usd_cents,
        spent_30d_usd_cents=month + with_usd_cents,
        before_30d_usd_cents=before,
        instruments_7d=people.instruments_since(user_id=user_id, since=at - INSTRUMENT_WINDOW),
        declines_24h=queries.declines_since(user_id=user_id, since=at - DAY),
    )


def _spent(user_id: int, *, since: datetime, until: datetime | None, at: datetime) -> int:
    return _usd_cents(queries.begun_between(user_id=user_id, since=since, until=until), at=at)


def _usd_cents(sums: Mapping[str, int], *, at: datetime) -> int:
    """Value sums in US cents, half-up, at the latest rates: for rules alone, nothing is paid."""
    total = sum(
        Fraction(minor) / 10 ** money.decimals(currency) / Fraction(rate)
        for currency, minor in sums.items()
        if (rate := queries.latest_per_usd(currency, at=at)) is not None
    )
    return money.half_up(Fraction(total) * 100)


def _act(
    verdict: rules.Verdict,
    user_id: int,
    *,
    key: str,
    facts: rules.BuyerFacts | rules.GiftFacts,
    at: datetime,
) -> Review | None:
    """Store the verdict; a hit opens its case, or joins the one there is. Returns that."""
    review = None
    if verdict.is_hit and not people.is_quiet(user_id=user_id, reason=verdict.rule, at=at):
        review = _case(verdict, user_id, key=key, at=at)
    cases.record_verdict(
        subject_id=user_id,
        rule=verdict.rule,
        subject_key=key,
        is_hit=verdict.is_hit,
        reasons=verdict.reasons,
        facts=facts.as_json(),
        review_id=review.pk if review else None,
        at=at,
    )
    return review


def _case(verdict: rules.Verdict, user_id: int, *, key: str, at: datetime) -> Review:
    """The case of a hit: one of a person's spending, or one of a gift. A decision still holds."""
    restricts = RESTRICTS[verdict.rule]
    is_gift = verdict.rule == ReviewReason.NEW_BIG
    if not is_gift:
        held = people.restricting_reviews(
            user_id=user_id, restricts=list(Restriction), at=at
        ).filter(reason=verdict.rule)
        decided = held.exclude(state__in=(Review.State.OPENED, Review.State.ASSIGNED)).last()
        if decided is not None:
            return decided
    return cases.open_review(
        subject_id=user_id,
        reason=verdict.rule,
        subject_key=key if is_gift else f"user:{user_id}",
        grounds=cases.Grounds(
            reasons=verdict.reasons,
            signals=[(verdict.rule.label, key)],
            is_by_rule=True,
        ),
        restricts=restricts,
        at=at,
    )


# What others tell: the bank, the limits, the gifts


def early_fraud_warning(*, purchase: Purchase, kind: str, at: datetime) -> Review:
    """Open the case of a fraud warning about a payment, in the caller's transaction."""
    return _about_payment(purchase, ReviewReason.EFW, ("Kind of warning", kind), at=at)


def dispute_opened(*, purchase: Purchase, reason: str, at: datetime) -> Review:
    """Open the case of a disputed payment, in the caller's transaction."""
    return _about_payment(purchase, ReviewReason.DISPUTE, ("Reason of dispute", reason), at=at)


def late_over_limit(*, purchase: Purchase, limit: str, at: datetime) -> Review:
    """Open the case of a payment that came late and over a limit, in the caller's transaction.

    The coins are credited and nothing is held back: the limit itself does that.
    """
    return _about_payment(purchase, ReviewReason.LATE_OVER_LIMIT, ("Limit", limit), at=at)


def _about_payment(
    purchase: Purchase, reason: ReviewReason, signal: tuple[str, str], *, at: datetime
) -> Review:
    key = f"purchase:{purchase.pk}"
    sentence = f"It is about the {purchase.coins:,} coins of {purchase.created_at:%-d %B %Y}."
    review = cases.open_review(
        subject_id=purchase.buyer_id,
        reason=reason,
        subject_key=key,
        grounds=cases.Grounds(reasons=[sentence], signals=[signal], is_by_rule=True),
        restricts=RESTRICTS[reason],
        at=at,
    )
    cases.record_verdict(
        subject_id=purchase.buyer_id,
        rule=reason,
        subject_key=key,
        is_hit=True,
        reasons=[sentence],
        facts={
            "purchase": str(purchase.pk),
            "gross_minor": purchase.gross_minor,
            "currency": purchase.currency,
            "said": signal[1],
        },
        review_id=review.pk,
        at=at,
    )
    return review


def screen_gift(*, sender: User, gift_key: str, coins: int, at: datetime) -> Review | None:
    """Ask the rule about large gifts of new accounts, in the caller's transaction.

    Returns the case when the gift is to be held, for the app that holds it; None when it goes.
    Below the rule's number of coins nothing is read or stored: every gift passes here.
    """
    if coins < rules.NEW_BIG_COINS:
        return None
    age_s = int((at - sender.joined_at).total_seconds())
    facts = rules.GiftFacts(account_age_s=age_s, coins=coins)
    return _act(rules.new_big(facts), sender.pk, key=gift_key, facts=facts, at=at)
