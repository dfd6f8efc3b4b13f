"""The demo's audience: invented fans who buy coins and send gifts, so that the site is alive.

Promises: it goes through the same doors as everybody: coins are bought from the payment company and
paid there, gifts go through ``gifts.services``; it sends one to four gifts a second
in all; it runs nowhere but in a demo, and ends within a second when told.
"""

import itertools
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
import structlog
from django.conf import settings
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from accounts.models import User
from config import demo
from gifts import queries
from gifts import services as gifts
from gifts.models import GiftVersion, Room, Video
from wallet import ledger, limits, own_limits, payments, purchases, reviewing
from wallet.providers.base import Declined, Unavailable

PAUSE_S: Final = (0.4, 1.4)  # with one to three gifts at a time: about two a second
AT_ONCE_MAX: Final = 3
ARRIVE_AT_ONCE: Final = 2
BUYERS_AT_FIRST: Final = 2
REST_S: Final = 3.0  # after something was away
SPEND_COINS_MAX: Final = 1_100  # dearer gifts are for people
BASKET_COINS: Final = 7_000  # within what a new account may pay in each of their countries
FAN_COINS: Final = 3_500
SHOW_OFF: Final = 0.85  # the dearer a gift, the rarer: by its price to minus this power
VIDEO_SHARE: Final = 0.1
FAVOURITE_WEIGHT: Final = 3
CARD: Final = "visa"

log = structlog.get_logger(__name__)
chance = random.Random()  # noqa: S311 - for play, not for secrets


class NoDemo(Exception):
    """Simulated fans have no place on a real site."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the audience finds: people, places and gifts."""

    crowd: Sequence[int]
    rooms: Sequence[Room]
    videos: Sequence[Video]
    offers: Sequence[GiftVersion]


def run(*, stop: threading.Event) -> None:
    """Watch and send until told to stop. Raises NoDemo."""
    if not settings.DEMO:
        raise NoDemo("The simulated audience runs in the demo only: `manage.py demo` starts it.")
    arriving = demo.gather_crowd(at=timezone.now())
    crowd: list[User] = []
    pause_s = 0.0
    while not stop.wait(pause_s):
        pause_s = chance.uniform(*PAUSE_S)
        try:
            crowd.extend(itertools.islice(arriving, ARRIVE_AT_ONCE))
            if not _welcome_one(crowd):
                act(crowd, at=timezone.now())
        except (OperationalError, Unavailable, Declined, httpx.HTTPError) as error:
            log.warning("the audience rests", error=type(error).__name__)
            close_old_connections()
            pause_s = REST_S
        except (purchases.CheckoutUnavailable, purchases.CheckoutDeclined) as error:
            log.warning("no coins for the audience", error=type(error).__name__)
            pause_s = REST_S
        except (limits.Refused, own_limits.StillStarting) as error:
            log.info("one of the audience has bought enough", error=type(error).__name__)
        except reviewing.PurchasesPaused as error:
            log.info("one of the audience waits for a review", review_id=error.review_id)


def act(crowd: Sequence[User], *, at: datetime) -> int:
    """Send a few gifts, and buy coins for one who has too few; how many were sent."""
    scene = look(crowd, at=at)
    if not (scene.crowd and scene.rooms and scene.offers):
        return 0
    intents = [_intent(scene) for _ in range(chance.randint(1, AT_ONCE_MAX))]
    answers = gifts.send_gifts(intents=intents, at=at)
    broke = {
        intent.sender_id
        for intent, answer in zip(intents, answers, strict=True)
        if isinstance(answer, ledger.InsufficientCoins)
    }
    for user in [one for one in crowd if one.pk in broke][:1]:
        buy(user=user, coins=BASKET_COINS)
    return sum(isinstance(answer, gifts.Sent) for answer in answers)


def look(crowd: Sequence[User], *, at: datetime) -> Scene:
    """See who is live now and what may be sent."""
    offers = queries.versions_in_force(at=at)
    return Scene(
        crowd=[user.pk for user in crowd],
        rooms=list(
            Room.objects.filter(state=Room.State.LIVE, gifts_on=True).select_related("creator")
        ),
        videos=list(Video.objects.filter(is_public=True, gifts_on=True)),
        offers=[
            offer
            for offer in offers
            if offer.unlock_level is None
            and offer.club_level is None
            and offer.price_coins <= SPEND_COINS_MAX
        ],
    )


def buy(*, user: User, coins: int) -> None:
    """Buy coins as a person does, and pay with a test card.

    Raises what purchases raise, and httpx.HTTPError when the stand-in is away.
    """
    purchase = purchases.start_purchase(
        purchase_id=ledger.new_operation_id(),
        user=user,
        coins=coins,
        method_code="card",
        evidence={"address": str(user.country)},  # they are at home, whatever their test card says
        at=timezone.now(),
    )
    with httpx.Client(base_url=settings.STRIPE_API_URL, timeout=10, trust_env=False) as payer:
        payer.post(
            "/standin/pay",
            json={"session": purchase.checkout_ref, "card": CARD, "holder": user.handle},
            headers={"Authorization": f"Bearer {settings.STRIPE_API_KEY}"},
        ).raise_for_status()
    payments.settle_purchase(purchase_id=purchase.pk, at=timezone.now())


def _welcome_one(crowd: Sequence[User]) -> bool:
    """Buy coins for one who has bought none, the demo's fan first; whether anybody had to."""
    fan = User.objects.filter(handle=demo.FAN.handle).first()
    if fan is not None and not fan.purchases.exists():
        buy(user=fan, coins=FAN_COINS)
        return True
    for user in crowd[:BUYERS_AT_FIRST]:
        if not user.purchases.exists():
            buy(user=user, coins=BASKET_COINS)
            return True
    return False


def _intent(scene: Scene) -> gifts.Intent:
    is_for_video = bool(scene.videos) and chance.random() < VIDEO_SHARE
    video = chance.choice(scene.videos) if is_for_video else None
    room = None if is_for_video else _room(scene.rooms)
    offers = [offer for offer in scene.offers if video is None or offer.on_videos]
    weights = [offer.price_coins**-SHOW_OFF for offer in offers]
    (offer,) = chance.choices(offers, weights)
    return gifts.Intent(
        operation_id=ledger.new_operation_id(),
        sender_id=chance.choice(scene.crowd),
        gift_version_id=offer.pk,
        quantity=chance.choice((1, 1, 1, 2, 5)) if offer.is_streakable else 1,
        room_id=room.pk if room else None,
        video_id=video.pk if video else None,
    )


def _room(rooms: Sequence[Room]) -> Room:
    """Most of them are here for the first creator."""
    favourite = demo.CREATORS[0].person.handle
    weights = [FAVOURITE_WEIGHT if room.creator.handle == favourite else 1 for room in rooms]
    (room,) = chance.choices(rooms, weights)
    return room
