"""The gifts that were sent."""

from typing import ClassVar, Final

from django.db import models
from django.db.models.functions import Now

from gifts.models.catalogue import GiftVersion
from gifts.models.places import Room, Video

# What everyone but staff and the sender sees of somebody who hid their name with a gift.
HIDDEN_NAME: Final = "Somebody"


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
    # Nobody but staff and the sender learns who sent it.
    is_hidden = models.BooleanField(default=False, db_default=False)
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
            models.Index(
                fields=["streak_id"],
                condition=models.Q(streak_id__isnull=False),
                name="sending_streak",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.gift_version_id} to {self.creator_id}"
