"""The gift catalogue: what may be sent, as it is from a date on."""

from typing import ClassVar

import pghistory
from django.core.validators import MinValueValidator
from django.db import models

from gifts.models.art import GiftArt


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
    # Level in the club of whoever is given it, which unlocks it too.
    club_level = models.PositiveSmallIntegerField(null=True, blank=True)
    # It carries words, shown highlighted for so long; 0: it carries none.
    highlight_s = models.PositiveIntegerField(default=0, db_default=0)
    # Uploaded by staff; none: our own drawing of the gift's slug.
    art = models.ForeignKey(GiftArt, models.PROTECT, null=True, blank=True, related_name="+")
    valid_from = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gift", "version"], name="gift_version_key"),
            models.CheckConstraint(condition=models.Q(price_coins__gte=1), name="gift_costs_coins"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.price_coins:,} coins)"
