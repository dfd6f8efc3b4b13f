"""What was counted of gifts: by whom in a room, by whom in a week, and which a creator received."""

from typing import ClassVar

from django.db import models

from gifts.models.catalogue import Gift
from gifts.models.places import Room


class Counted(models.Model):
    """Gifts added up. ``taken_*`` were counted too and left again: a bank took their payment back.

    ``reached_at`` is when the last gift that counts was sent: of equal sums the earlier is first.
    """

    coins = models.PositiveBigIntegerField()
    gifts = models.PositiveBigIntegerField()
    taken_coins = models.PositiveBigIntegerField(default=0)
    taken_gifts = models.PositiveBigIntegerField(default=0)
    reached_at = models.DateTimeField()

    class Meta:
        abstract = True


class RoomGifter(Counted):
    """What one person gave in one room. What they hid their name with is counted apart."""

    room = models.ForeignKey(
        Room, models.PROTECT, related_name="gifters", db_constraint=False, db_index=False
    )
    gifter = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    is_hidden = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["room", "gifter", "is_hidden"], name="room_gifter_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["room", "-coins", "reached_at"], name="room_gifter_rank")
        ]

    def __str__(self) -> str:
        return f"{self.gifter_id} in {self.room_id}: {self.coins:,}"


class WeekGifter(Counted):
    """What one person gave one creator in one week (its Monday, UTC), live and on videos.

    What they hid their name with is counted apart.
    """

    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    week = models.DateField()
    gifter = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    is_hidden = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["creator", "week", "gifter", "is_hidden"], name="week_gifter_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["creator", "week", "-coins", "reached_at"], name="week_gifter_rank"
            ),
            models.Index(fields=["week", "creator"], name="week_gifter_week"),
        ]

    def __str__(self) -> str:
        return f"{self.gifter_id} to {self.creator_id} from {self.week}: {self.coins:,}"


class ReceivedGift(Counted):
    """How often a creator was given a gift, ever."""

    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    gift = models.ForeignKey(
        Gift, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator", "gift"], name="received_gift_once")
        ]

    def __str__(self) -> str:
        return f"{self.gifts:,} x {self.gift_id} to {self.creator_id}"


class RankDifference(models.Model):
    """A sum that was not what the gifts add up to. It was put right when it was found."""

    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    what = models.CharField(max_length=120)
    counted_coins = models.PositiveBigIntegerField()
    real_coins = models.PositiveBigIntegerField()
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.what}: {self.counted_coins:,} counted, {self.real_coins:,} given"
