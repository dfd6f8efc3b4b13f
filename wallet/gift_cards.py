"""Gift cards: what a code is, and coins for whoever enters one.

Promises: a code credits one purchase, ever, whoever enters it how often at once. Of a code its
SHA-256 alone is kept; it has 95 random bits, so the plain hash cannot be turned back by trying.
Wrong codes are counted by person, under a lock. ``gift_batches`` makes the codes.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import risk as people_risk
from accounts import states
from accounts.models import User
from wallet import charges, facts, limits, money, own_limits, payments, queries
from wallet.models import (
    BPS,
    Channel,
    GiftCard,
    GiftCardTries,
    MethodFee,
    PaymentKind,
    PaymentMethod,
    Purchase,
    Region,
)

METHOD: Final = "gift_card"
# Crockford's base 32: no I, L, O or U, so that a code read aloud or off a card is not mistaken.
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 20
MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
WRONG_MAX: Final = 10
WRONG_SPAN: Final = timedelta(hours=1)


class CannotRedeem(Exception):
    """A code is not turned into coins. Each refusal says why, and what to do."""


class TooManyTries(CannotRedeem):
    """The person entered too many wrong codes."""

    def __init__(self, *, until: datetime) -> None:
        super().__init__(
            f"You entered {WRONG_MAX} codes that did not work. "
            f"You can try again from {until:%H:%M} UTC."
        )
        self.until = until


class CodeMistyped(CannotRedeem):
    """Not a code of ours, whatever is in the books: its check letter is wrong."""

    def __init__(self) -> None:
        super().__init__(
            "There is a mistake in this code. Compare it with the card, letter by letter: "
            "it has five groups of four."
        )


class CodeUnknown(CannotRedeem):
    def __init__(self) -> None:
        super().__init__(
            "We do not know this code. Compare it with the card; if it is right, "
            "take it back to where you got it."
        )


class CodeUsed(CannotRedeem):
    pass


class CodeVoided(CannotRedeem):
    def __init__(self) -> None:
        super().__init__(
            "This card was cancelled, so it gives no coins. Take it back to where you got it."
        )


class CodeExpired(CannotRedeem):
    def __init__(self, *, at: datetime) -> None:
        super().__init__(
            f"This card expired on {at:%-d %B %Y}. Write to us with a picture of it and its "
            "receipt, and our staff look what can be done."
        )


class WrongRegion(CannotRedeem):
    def __init__(self, *, region: str) -> None:
        super().__init__(
            f"This card is for {region}, and your account is not. It has not been used: "
            "give it to somebody there, or take it back to where you got it."
        )


class RedemptionConflict(CannotRedeem):
    """The purchase's id was used before, for something else."""

    def __init__(self) -> None:
        super().__init__(
            "This form was sent before with other contents. Open the page again; "
            "your card has not been used."
        )


class NotRedeemedHere(CannotRedeem):
    def __init__(self) -> None:
        super().__init__(
            "Gift cards are not taken here right now. Your card keeps its coins; try again later."
        )


# Codes


def new_code() -> str:
    """Make a code: 19 random letters and one that checks them."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH - 1))
    return letters + _check_letter(letters)


def grouped(code: str) -> str:
    """Write a code as it stands on a card: five groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def code_hash(code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(f"carat gift card {code}".encode()).hexdigest()


def read_code(typed: str) -> str:
    """Read a code as people type it. Raises CodeMistyped."""
    code = "".join(c for c in typed.upper().translate(MISREAD) if c.isalnum())
    if len(code) != CODE_LENGTH or set(code) - set(LETTERS) or _check_letter(code[:-1]) != code[-1]:
        raise CodeMistyped
    return code


def _check_letter(letters: str) -> str:
    """Weigh each letter by its place, modulo the prime 31: a wrong letter or a swap shows."""
    total = sum(place * LETTERS.index(letter) for place, letter in enumerate(letters, start=1))
    return LETTERS[total % 31]


@transaction.atomic(durable=True)
def void_cards(*, card_ids: Iterable[int], at: datetime) -> int:
    """End single cards that nobody has redeemed, as a lost one; how many."""
    cards = GiftCard.objects.filter(pk__in=list(card_ids), purchase=None, voided_at=None)
    locked = cards.select_for_update().order_by("pk").values_list("pk", flat=True)
    return cards.filter(pk__in=list(locked)).update(voided_at=at)


# Redeeming


def redeem(*, purchase_id: UUID, user: User, typed: str, at: datetime) -> Purchase:
    """Turn a code into coins: a purchase that is paid by the card and credited at once.

    The same id and code again are the same purchase, whatever holds the person back by then.
    Raises what ``accounts.risk.check_may_spend`` raises, limits.Refused, own_limits.StillStarting,
    and a CannotRedeem.
    """
    before = redeemed_before(purchase_id=purchase_id, user=user, typed=typed)
    if before is not None:
        return before
    people_risk.check_may_spend(user=user, at=at)
    _count_try(user_id=user.pk, at=at)
    return _redeem(purchase_id=purchase_id, user=user, typed=typed, at=at)


def redeemed_before(*, purchase_id: UUID, user: User, typed: str) -> Purchase | None:
    """Find what this person's same request made before. Raises RedemptionConflict.

    Counts no try: it says nothing of a code that this very purchase did not use.
    """
    mine = Purchase.objects.filter(pk=purchase_id, buyer=user).select_related("gift_card").first()
    if mine is None:
        return None
    try:
        same = mine.gift_card.code_hash == code_hash(read_code(typed))
    except (GiftCard.DoesNotExist, CodeMistyped):
        same = False
    if not same:
        raise RedemptionConflict
    return mine


@transaction.atomic(durable=True)
def _count_try(*, user_id: int, at: datetime) -> None:
    """Count the try as wrong before it is made; a right one takes that back. TooManyTries."""
    GiftCardTries.objects.bulk_create(
        [GiftCardTries(user_id=user_id, since=at)], ignore_conflicts=True
    )
    tries = GiftCardTries.objects.select_for_update().get(pk=user_id)
    if tries.since + WRONG_SPAN <= at:
        tries.since, tries.wrong = at, 0
    if tries.wrong >= WRONG_MAX:
        raise TooManyTries(until=tries.since + WRONG_SPAN)
    tries.wrong += 1
    tries.save(update_fields=["since", "wrong"])


@transaction.atomic(durable=True)
def _redeem(*, purchase_id: UUID, user: User, typed: str, at: datetime) -> Purchase:
    """Locks the buyer, their count of tries, the card, then the wallet."""
    own_limits.lock_buyer(user_id=user.pk, address="")
    tries = GiftCardTries.objects.select_for_update().get(pk=user.pk)
    card = _locked_card(read_code(typed))
    purchase = card.purchase
    if purchase is None or (purchase.pk, purchase.buyer_id) != (purchase_id, user.pk):
        _check_card(card, user=user, at=at)
        purchase = _purchase(card, purchase_id=purchase_id, user=user, at=at)
        card.purchase, card.redeemed_at = purchase, at
        card.save(update_fields=["purchase", "redeemed_at"])
        payments.put_into_wallet(purchase, at=at)
    tries.wrong = max(tries.wrong - 1, 0)
    tries.save(update_fields=["wrong"])
    return purchase


def _locked_card(code: str) -> GiftCard:
    """Lock the card, then read its purchase anew: one joined here may be older than the lock."""
    card = (
        GiftCard.objects.select_for_update(of=("self",))
        .select_related("batch__region")
        .filter(code_hash=code_hash(code))
        .first()
    )
    if card is None:
        raise CodeUnknown
    return card


def _check_card(card: GiftCard, *, user: User, at: datetime) -> None:
    """Let pass a card that gives this person coins now. Raises a CannotRedeem, limits.Refused."""
    if card.redeemed_at is not None:
        assert card.purchase is not None, "redeemed as a whole"
        whose = "by you" if card.purchase.buyer_id == user.pk else "by somebody else"
        raise CodeUsed(
            f"This code was used {whose} on {card.redeemed_at:%-d %B %Y}. A card gives its coins "
            "once. If that was not you, write to us with a picture of the card."
        )
    if card.voided_at is not None:
        raise CodeVoided
    if card.batch.expires_at <= at:
        raise CodeExpired(at=card.batch.expires_at)
    region = queries.region_for(str(user.country))
    if region is None or region.pk != card.batch.region_id:
        raise WrongRegion(region=card.batch.region.name)
    buyer = facts.of_buyer(user=user, region=region, at=at)
    limits.check(buyer=buyer, kind=PaymentKind.GIFT_CARD, amount_minor=card.batch.gross_minor)


def _purchase(card: GiftCard, *, purchase_id: UUID, user: User, at: datetime) -> Purchase:
    """The purchase that the card has paid."""
    batch = card.batch
    method = PaymentMethod.objects.filter(pk=METHOD).first()
    if method is None:
        raise NotRedeemedHere
    fee = fee_in(batch.currency)
    try:
        with transaction.atomic():
            purchase = Purchase.objects.create(
                pk=purchase_id,
                buyer=user,
                region=batch.region,
                channel=Channel.GIFT_CARD,
                method=method,
                coins=batch.coins,
                gross_minor=batch.gross_minor,
                tax_minor=tax_in(batch.gross_minor, region=batch.region),
                tax_bps=batch.region.tax_bps,
                currency=batch.currency,
                evidence={"country": str(user.country), "gift_card": card.pk},
            )
    except IntegrityError as error:
        raise RedemptionConflict from error
    states.move(purchase, to=Purchase.State.PAID, why=f"Paid by {card}.", at=at)
    purchase.payment_ref = f"gift-card:{card.pk}"
    purchase.hold_class = method.hold_class
    purchase.fee_minor = charges.expected_fee_minor(gross_minor=batch.gross_minor, fee=fee)
    purchase.paid_at = at
    purchase.save(update_fields=["payment_ref", "hold_class", "fee_minor", "paid_at"])
    return purchase


def tax_in(gross_minor: int, *, region: Region) -> int:
    """The tax in what a card's buyer paid, half-up: a card's price always includes it."""
    tax = Fraction(region.tax_bps, BPS)
    return money.half_up(gross_minor * tax / (1 + tax))


def fee_in(currency: str) -> MethodFee:
    """What sellers of cards keep, by our price list."""
    fees = MethodFee.objects.filter(method=METHOD, currency=currency)
    return fees.first() or MethodFee(currency=currency)
