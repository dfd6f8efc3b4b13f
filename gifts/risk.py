"""May this gift be sent here? Facts in; nothing out when it may, the refusal when it may not.

Pure: no clock, no database. Every refusal says first why, then what to do next.
"""

from datetime import datetime
from typing import Final

from django.conf import settings

from accounts import consents
from accounts import risk as people
from accounts.models import AccountKind, Scope, User
from gifts import clubs
from gifts.facts import Offer, SendFacts
from wallet.rules import NEW_BIG_AGE, NEW_BIG_COINS

QUANTITY_MAX: Final = 999  # a slip of the finger is bounded; a combo is many sends


class GiftRefused(Exception):
    """A gift that may not be sent. Nothing was posted and nothing was stored."""


class PlaceUnknown(GiftRefused):
    """There is no such live room or video."""


class RoomEnded(GiftRefused):
    """The live has ended."""


class VideoHidden(GiftRefused):
    """The video is not public."""


class GiftsOff(GiftRefused):
    """The creator has switched gifts off here."""


class SelfGift(GiftRefused):
    """The sender is the creator."""


class CreatorClosed(GiftRefused):
    """The creator may not receive gifts now; why is nobody else's business."""


class KindWithoutGifts(GiftRefused):
    """The account is of a kind that is given no gifts."""


class BlockedByCreator(GiftRefused):
    """The creator wants nothing to do with the sender."""


class GiftNotOffered(GiftRefused):
    """The gift is unknown, not on sale any more, or not for this kind of place."""


class GiftLocked(GiftRefused):
    """The gift is exclusive, and the sender has not unlocked it."""


class MembersOnly(GiftRefused):
    """The place is for the creator's members, and the sender is none."""


class GiftNeedsLook(GiftRefused):
    """A very big gift of a new account: a person looks first. Sent in person, it waits for that."""


class WordsMissing(GiftRefused):
    """The gift carries words, and none were given; or it is sent one at a time."""


class WordsNotCarried(GiftRefused):
    """The gift carries no words, and some were given."""


class QuantityOutOfRange(GiftRefused):
    """The quantity is not a whole number from 1 to ``QUANTITY_MAX``."""


class PriceChanged(GiftRefused):
    """The version the sender saw is not in force any more. Carries the one that is."""

    def __init__(self, *, name: str, version_id: int, price_coins: int) -> None:
        super().__init__(
            f"{name} now costs {price_coins:,} {_coins(price_coins)}. "
            "Nothing was sent; look at the new price and send it again if you like."
        )
        self.version_id = version_id
        self.price_coins = price_coins


# Everything that `check` raises.
REFUSALS: Final = (GiftRefused, people.NotAllowed, consents.ConsentMissing)


def check(facts: SendFacts, *, at: datetime) -> None:
    """Raise the first rule that forbids this gift.

    Raises GiftRefused, NotAllowed when it is about the sender's own account, and before all others
    ConsentMissing: a service learns nothing about a fan who has not allowed it.
    """
    if not facts.is_allowed:
        raise consents.missing(Scope.GIFTS_SEND)
    if not 1 <= facts.quantity <= QUANTITY_MAX:
        raise QuantityOutOfRange(f"Choose a number from 1 to {QUANTITY_MAX}.")
    _check_place(facts)
    people.check_may_spend(facts.sender, at)
    _check_creator(facts, at=at)
    _check_member(facts)
    _check_gift(facts)
    _check_size(facts, at=at)


def _check_size(facts: SendFacts, *, at: datetime) -> None:
    """Last of all: what this refuses, ``holding`` keeps for a look."""
    assert facts.current is not None, "the gift was checked first"
    coins = facts.current.price_coins * facts.quantity
    if coins >= NEW_BIG_COINS and at - facts.sender.joined_at < NEW_BIG_AGE:
        raise GiftNeedsLook(
            f"Gifts of {NEW_BIG_COINS:,} coins or more from new accounts are looked at first. "
            "Send it yourself on the site: it waits there for the look."
        )


def _check_place(facts: SendFacts) -> None:
    if facts.creator is None:
        raise PlaceUnknown("There is no such place to send a gift to.")
    if facts.place == "room" and not facts.is_open:
        raise RoomEnded(
            "This live has ended, so gifts cannot be sent any more. No coins were spent."
        )
    if facts.place == "video" and not facts.is_open:
        raise VideoHidden("This video is not public, so gifts cannot be sent. No coins were spent.")
    if not facts.gifts_on:
        raise GiftsOff(
            f"{facts.creator.display_name} has switched gifts off here. No coins were spent."
        )


def _check_creator(facts: SendFacts, *, at: datetime) -> None:
    creator = facts.creator
    assert creator is not None, "the place was checked first"
    if creator.id == facts.sender.id:
        raise SelfGift("You cannot send gifts to yourself.")
    if facts.is_blocked:
        raise BlockedByCreator(
            f"You cannot send gifts to {creator.display_name}. No coins were spent."
        )
    if creator.kind in people.KINDS_WITHOUT_GIFTS:
        raise KindWithoutGifts(
            f"{creator.display_name} is a {AccountKind(creator.kind).label.lower()} account, and "
            "those are given no gifts here. No coins were spent."
        )
    if not may_earn(creator, at=at):
        raise CreatorClosed(
            f"{creator.display_name} cannot receive gifts at the moment. No coins were spent."
        )


def _check_member(facts: SendFacts) -> None:
    if not facts.may_enter:
        assert facts.creator is not None, "the place was checked first"
        raise MembersOnly(
            f"This is for members of {facts.creator.display_name}. "
            "Become a member on their page; no coins were spent."
        )


def may_earn(creator: User, *, at: datetime) -> bool:
    """Whether somebody may be given gifts now."""
    if not (creator.is_creator and creator.is_active):
        return False
    try:
        people.check_may_earn(creator, at)
    except people.NotAllowed:
        return False
    return True


def _check_gift(facts: SendFacts) -> None:
    shown, current = facts.shown, facts.current
    if shown is None or current is None:
        raise GiftNotOffered("This gift is not offered any more. Choose another one.")
    if facts.place == "video" and not current.on_videos:
        raise GiftNotOffered(f"{current.name} can be sent in live rooms only. Choose another gift.")
    lock = clubs.lock_of(current.unlock_level, current.club_level, facts.standing)
    if lock is not None:
        raise GiftLocked(f"{current.name} is locked. {lock.unlocks}. {lock.missing}")
    if shown.id != current.id:
        raise PriceChanged(
            name=current.name, version_id=current.id, price_coins=current.price_coins
        )
    _check_words(facts, current)


def _check_words(facts: SendFacts, current: Offer) -> None:
    if facts.words and not current.highlight_s:
        raise WordsNotCarried(f"{current.name} carries no words. Choose a gift that does.")
    if current.highlight_s and not (facts.words and facts.place == "room"):
        raise WordsMissing(f"{current.name} carries your words in a live. Write some first.")
    if current.highlight_s and facts.quantity != 1:
        raise WordsMissing(f"{current.name} is sent one at a time. Nothing was sent.")


def confirm_from(sender: User) -> int:
    """From how many coins on a gift is asked about: where the site asks, or sooner by choice."""
    site: int = settings.GIFT_CONFIRM_COINS
    return min(site, sender.confirm_coins or site)


def _coins(count: int) -> str:
    return "coin" if count == 1 else "coins"
