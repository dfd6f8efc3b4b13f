"""The gift catalogue, the places gifts are sent in, and the gifts sent."""

from collections.abc import Mapping
from typing import ClassVar

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now


class Category(models.TextChoices):
    HEARTS = "hearts", "Hearts"
    CLASSIC = "classic", "Classic"
    ANIMATED = "animated", "Animated"
    EXCLUSIVE = "exclusive", "Exclusive"


class Gift(models.Model):
    """A gift by its lasting name. What it costs and looks like is a version."""

    slug = models.SlugField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.slug


@pghistory.track()
class GiftVersion(models.Model):
    """One gift as it is from a date on. Never edited: a change is a new version."""

    gift = models.ForeignKey(Gift, models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=40)
    category = models.CharField(max_length=10, choices=Category)
    price_coins = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    is_streakable = models.BooleanField(default=False)
    is_join_gift = models.BooleanField(default=False)
    on_videos = models.BooleanField(default=False)
    animation_ms = models.PositiveIntegerField(default=1000)
    unlock_level = models.PositiveSmallIntegerField(null=True, blank=True)
    valid_from = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gift", "version"], name="gift_version_key"),
            models.CheckConstraint(condition=models.Q(price_coins__gte=1), name="gift_costs_coins"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.price_coins:,} coins)"


class Room(models.Model):
    """One live broadcast of a creator."""

    class State(models.TextChoices):
        LIVE = "live", "Live"
        ENDED = "ended", "Ended"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {State.LIVE: frozenset({State.ENDED})}

    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="rooms")
    title = models.CharField(max_length=80)
    stream_url = models.URLField(max_length=500, blank=True)
    gifts_on = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=State, default=State.LIVE)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["creator"], condition=models.Q(state="live"), name="room_one_live"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["-started_at"], condition=models.Q(state="live"), name="room_live")
        ]

    def __str__(self) -> str:
        return self.title


class Video(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="videos")
    title = models.CharField(max_length=80)
    video_url = models.URLField(max_length=500, blank=True)
    gifts_on = models.BooleanField(default=True)
    is_public = models.BooleanField(default=True)
    posted_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-posted_at"], name="video_latest")]

    def __str__(self) -> str:
        return self.title


class Sending(models.Model):
    """One gift sent: what was shown and agreed to. The ledger's operation has the same id.

    The parents are hot (one creator, one room) and undeletable, so their keys carry no database
    constraint: its row locks would queue every sender behind the others.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    sender = models.ForeignKey(
        "accounts.User",
        models.PROTECT,
        related_name="gifts_sent",
        db_constraint=False,
        db_index=False,
    )
    creator = models.ForeignKey(
        "accounts.User",
        models.PROTECT,
        related_name="gifts_received",
        db_constraint=False,
        db_index=False,
    )
    room = models.ForeignKey(
        Room,
        models.PROTECT,
        null=True,
        related_name="sendings",
        db_constraint=False,
        db_index=False,
    )
    video = models.ForeignKey(
        Video,
        models.PROTECT,
        null=True,
        related_name="sendings",
        db_constraint=False,
        db_index=False,
    )
    gift_version = models.ForeignKey(
        GiftVersion, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity = models.PositiveIntegerField()
    coins = models.PositiveBigIntegerField()
    streak_id = models.UUIDField(null=True)
    client_id = models.CharField(max_length=100, blank=True)
    shown_minor = models.PositiveBigIntegerField(null=True)
    shown_currency = models.CharField(max_length=3, blank=True)
    sent_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(room=None, video__isnull=False)
                | models.Q(room__isnull=False, video=None),
                name="sending_in_one_place",
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, coins__gte=1)
                & ~models.Q(sender=models.F("creator")),
                name="sending_amounts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["room", "sent_at"],
                condition=models.Q(room__isnull=False),
                name="sending_room",
            ),
            models.Index(
                fields=["video", "sent_at"],
                condition=models.Q(video__isnull=False),
                name="sending_video",
            ),
            models.Index(fields=["creator", "id"], name="sending_creator"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.gift_version_id} to {self.creator_id}"
