"""What a creator hopes for in a live."""

from typing import ClassVar

from django.db import models

from gifts.models.places import Room


class Goal(models.Model):
    """So many coins for something the creator then does. A room has one at a time.

    It begins when the room's log tells of it: every gift after that line counts, none before.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    room = models.ForeignKey(Room, models.PROTECT, related_name="goals")
    words = models.CharField(max_length=60)
    target_coins = models.PositiveBigIntegerField()
    coins = models.PositiveBigIntegerField(default=0)
    has_begun = models.BooleanField(default=False)
    set_at = models.DateTimeField()
    reached_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["room"], condition=models.Q(removed_at=None), name="goal_one_a_room"
            ),
            models.CheckConstraint(
                condition=models.Q(target_coins__gte=1), name="goal_costs_coins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.words}: {self.coins:,} of {self.target_coins:,} coins"
