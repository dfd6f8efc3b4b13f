"""Creators' overlays: pages with a secret address that their streaming programs show.

Promises: an address is told once, when it is made, and kept as a digest alone; a creator has one at
a time, and a new one ends the old at once, also where it is open. Whoever tries many wrong ones is
told to wait; right ones are never made to.
"""

import hashlib
import secrets
from datetime import datetime
from typing import Any, Final

import redis
import structlog
from django.db import transaction

from accounts import valkey
from accounts.models import User
from gifts import rooms
from gifts.models import Overlay

SECRET_BYTES: Final = 32
WRONG_MAX: Final = 100  # from one network in WRONG_S: an old address left open asks a few times
WRONG_S: Final = 600

log = structlog.get_logger(__name__)


class TooManyWrong(Exception):
    """Too many addresses of no overlay from one network."""

    def __init__(self) -> None:
        super().__init__("Too many wrong overlay addresses came from here. Wait ten minutes.")


@transaction.atomic(durable=True)
def renew(*, creator_id: int, at: datetime) -> str:
    """Make a new address and end the one before; return the secret in it, which is told once.

    Locks the creator's row. Raises rooms.NotACreator.
    """
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if not creator.is_creator:
        raise rooms.NotACreator
    secret = secrets.token_urlsafe(SECRET_BYTES)
    Overlay.objects.filter(creator=creator).delete()
    Overlay.objects.create(creator=creator, digest=_digest(secret), made_at=at)
    return secret


@transaction.atomic(durable=True)
def end(*, creator_id: int) -> None:
    """End the creator's address, if there is one."""
    Overlay.objects.filter(creator_id=creator_id).delete()


def of(*, creator_id: int) -> Overlay | None:
    """Find the creator's overlay."""
    return Overlay.objects.filter(creator_id=creator_id).first()


def at_address(*, secret: str, network: str) -> Overlay | None:
    """Find the overlay of an address; None when there is none. Raises TooManyWrong."""
    found = Overlay.objects.filter(digest=_digest(secret)).select_related("creator").first()
    if found is None:
        _count_wrong(network)
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _count_wrong(network: str) -> None:
    """Count in Valkey; without it nobody is told to wait, and nobody guesses 256 bits either."""
    key = f"carat:overlay-wrong:{hashlib.sha256(network.encode()).hexdigest()[:32]}"
    try:
        step: Any = valkey.client().pipeline()
        counted = step.incr(key).expire(key, WRONG_S, nx=True).execute()
    except redis.RedisError as error:
        log.warning("wrong overlays not counted", error=type(error).__name__)
        return
    if counted[0] > WRONG_MAX:
        raise TooManyWrong
