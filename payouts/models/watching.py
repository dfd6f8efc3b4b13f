"""What the watch over earnings keeps: when it last looked, and how many watched each live."""

from typing import ClassVar

from django.db import models


class LiveAudience(models.Model):
    """How many watched one live at once, at most: told by an event, and kept here for rules."""

    room_id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.CASCADE, related_name="+", db_index=False)
    viewers = models.PositiveIntegerField()
    ended_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["creator", "ended_at"], name="live_audience_creator")
        ]

    def __str__(self) -> str:
        return f"{self.viewers} at {self.room_id}"


class EarningsWatch(models.Model):
    """When all earnings were last looked at, and what came of it. One row, locked by who looks."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    looked_at = models.DateTimeField(null=True)
    creators = models.PositiveIntegerField(default=0)
    hits = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)  # ends of lives are read up to this event

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="earnings_watch_one")
        ]

    def __str__(self) -> str:
        return f"looked at {self.looked_at:%Y-%m-%d %H:%M}" if self.looked_at else "never looked"
