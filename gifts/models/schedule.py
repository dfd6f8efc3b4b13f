"""Lives that creators plan, and who wants to hear when they begin."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models

from gifts.models.places import Room


class PlannedLive(models.Model):
    """A live as it is planned. ``room`` is the live that it became."""

    EARLY: Final = timedelta(hours=1)  # who goes live so much sooner means this one
    LATE: Final = timedelta(hours=1)  # not begun by then, it says so
    GONE: Final = timedelta(days=1)  # and nobody is told of it any more

    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="planned_lives")
    title = models.CharField(max_length=80)
    words = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    planned_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    room = models.OneToOneField(Room, models.PROTECT, null=True, related_name="plan")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["starts_at"],
                condition=models.Q(cancelled_at=None, room=None),
                name="planned_live_coming",
            )
        ]

    def __str__(self) -> str:
        return f"{self.title}, {self.starts_at:%Y-%m-%d %H:%M} UTC"

    def is_open(self, at: datetime) -> bool:
        """Whether it can still begin."""
        is_kept = self.cancelled_at is None and self.room_id is None
        return is_kept and at <= self.starts_at + self.LATE


class PlanDeed(models.Model):
    """What a creator did with a plan, under an id made before the first try; never edited.

    The first planned it; ``starts_at`` is empty where it was cancelled. A time that became another
    one is told to those who asked: until ``told_at`` says so, somebody may not know.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    planned = models.ForeignKey(PlannedLive, models.CASCADE, related_name="deeds")
    title = models.CharField(max_length=80)
    words = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField(null=True)
    was_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["done_at"], condition=models.Q(told_at=None), name="plan_deed_untold"
            )
        ]

    def __str__(self) -> str:
        return f"{self.planned_id} at {self.done_at:%Y-%m-%d %H:%M} UTC"

    def asks(self, *, title: str, words: str, starts_at: datetime) -> bool:
        """Whether it was this that was asked."""
        return (self.title, self.words, self.starts_at) == (title, words, starts_at)


class LiveReminder(models.Model):
    """Somebody asked to hear when a planned live begins."""

    planned = models.ForeignKey(PlannedLive, models.CASCADE, related_name="reminders")
    fan = models.ForeignKey("accounts.User", models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["planned", "fan"], name="live_reminder_once")
        ]

    def __str__(self) -> str:
        return f"{self.fan_id} for {self.planned_id}"
