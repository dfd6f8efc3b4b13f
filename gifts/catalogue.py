"""The catalogue's deeds: a gift changes only by a new version from a date on.

Promises: no gift is offered that nobody could see: it wears artwork that was uploaded, or our own
drawing. A version is never edited: what a fan paid for a gift, and how it looked, can be found
again for every gift ever sent; a change of price stands in the gift's history with its date.
"""

import functools
import re
from datetime import datetime
from pathlib import Path
from typing import Final

import pghistory
from django.db import transaction

from gifts.models import Category, Gift, GiftArt, GiftVersion

DRAWINGS: Final = Path(__file__).parent / "static" / "gifts" / "art.svg"


class NoArtwork(Exception):
    """Nothing of the gift could be shown: it has no artwork, and we drew none."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"There is no picture for “{slug}”: we drew none, and no artwork was chosen. "
            "Upload artwork first, then choose it here."
        )


class ArtTooLong(Exception):
    """The artwork moves for longer than the gift is shown."""


class VersionOutOfOrder(Exception):
    """A version begins in the past, or not after the one before it."""


def check_order(*, slug: str, valid_from: datetime, at: datetime) -> GiftVersion | None:
    """Let pass a beginning that is to come and after the gift's last version, which it returns.

    Raises VersionOutOfOrder.
    """
    if valid_from < at:
        raise VersionOutOfOrder("A version cannot begin in the past. Choose a later time.")
    last = GiftVersion.objects.filter(gift__slug=slug).order_by("version").last()
    if last is not None and valid_from <= last.valid_from:
        raise VersionOutOfOrder(
            f"Version {last.version} begins on {last.valid_from:%d %B %Y at %H:%M} UTC. "
            "Choose a later time."
        )
    return last


@functools.cache
def drawn_slugs() -> frozenset[str]:
    """Give the slugs of the gifts that we drew ourselves."""
    return frozenset(re.findall(r'<symbol id="gift-([a-z0-9-]+)"', DRAWINGS.read_text()))


@transaction.atomic(durable=True)
def announce_gift_version(
    *,
    slug: str,
    name: str,
    category: Category,
    price_coins: int,
    is_streakable: bool = False,
    is_join_gift: bool = False,
    on_videos: bool = False,
    animation_ms: int = 1000,
    unlock_level: int | None = None,
    club_level: int | None = None,
    highlight_s: int = 0,
    art: GiftArt | None = None,
    valid_from: datetime,
    by_id: int,
    at: datetime,
) -> GiftVersion:
    """Announce a gift as it will be from ``valid_from`` on; a new slug is a new gift.

    Locks the gift. A gift that was retired is offered again by its new version.
    Raises VersionOutOfOrder, NoArtwork, ArtTooLong.
    """
    if art is None and slug not in drawn_slugs():
        raise NoArtwork(slug)
    if art is not None and art.length_ms > animation_ms:
        raise ArtTooLong(
            f"This artwork moves for {art.length_ms:,} milliseconds and the gift is shown for "
            f"{animation_ms:,}. Show it longer, or upload a shorter one."
        )
    gift, _ = Gift.objects.get_or_create(slug=slug)
    Gift.objects.select_for_update(no_key=True).get(pk=gift.pk)
    last = check_order(slug=slug, valid_from=valid_from, at=at)
    with pghistory.context(by=by_id, deed="announce_gift_version"):
        return GiftVersion.objects.create(
            gift=gift,
            version=last.version + 1 if last else 1,
            name=name,
            category=category,
            price_coins=price_coins,
            is_streakable=is_streakable,
            is_join_gift=is_join_gift,
            on_videos=on_videos,
            animation_ms=animation_ms,
            unlock_level=unlock_level,
            club_level=club_level,
            highlight_s=highlight_s,
            art=art,
            valid_from=valid_from,
        )


@transaction.atomic(durable=True)
def retire_gift(*, gift_id: int, by_id: int, at: datetime) -> None:
    """Stop offering a gift: the version in force now and every announced one. Locks the gift."""
    gift = Gift.objects.select_for_update(no_key=True).get(pk=gift_id)
    current = gift.versions.filter(valid_from__lte=at).order_by("valid_from", "version").last()
    offered = gift.versions.filter(retired_at=None)
    if current is not None:
        offered = offered.filter(valid_from__gte=current.valid_from)
    with pghistory.context(by=by_id, deed="retire_gift"):
        offered.update(retired_at=at)
