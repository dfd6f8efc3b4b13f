"""Combos: gifts of one kind that somebody sends one after another, shown as one that grows."""

from typing import ClassVar

from django.db import models

from gifts.models.catalogue import GiftVersion
from gifts.models.places import Room, Video


class Streak(models.Model):
    """One combo. Only its sender's gifts write it, each in its own transaction.

    ``quantity`` and ``coins`` are the sums of its sendings. Once it has ended nothing joins it. Its
    keys carry no database constraint, for the reason that a sending's carry none.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    sender = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    room = models.ForeignKey(
        Room, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    video = models.ForeignKey(
        Video, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    gift_version = models.ForeignKey(
        GiftVersion, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity = models.PositiveBigIntegerField()
    coins = models.PositiveBigIntegerField()
    is_hidden = models.BooleanField(default=False, db_default=False)  # the sender's name
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(room=None, video__isnull=False)
                | models.Q(room__isnull=False, video=None),
                name="streak_in_one_place",
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, coins__gte=1), name="streak_amounts"
            ),
        ]
        # `last_at` is in no index: every gift of a combo moves it, and few combos run at once.
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(ended_at=None), name="streak_running"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.gift_version_id} in a row"
