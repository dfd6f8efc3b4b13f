"""What everyone in a room sees, in one order."""

from typing import ClassVar

from django.db import models

from gifts.models.places import Room


class RoomLog(models.Model):
    """How far a room's events are numbered, and how far they were shown to its viewers."""

    room = models.OneToOneField(Room, models.PROTECT, primary_key=True, related_name="log")
    last_number = models.PositiveBigIntegerField(default=0)
    shown_number = models.PositiveBigIntegerField(default=0)
    peak_viewers = models.PositiveIntegerField(default=0, db_default=0)  # the most at once

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["room"],
                condition=models.Q(last_number__gt=models.F("shown_number")),
                name="room_log_unshown",
            )
        ]

    def __str__(self) -> str:
        return f"{self.room_id} to {self.last_number}"


class RoomEvent(models.Model):
    """One event of a room, numbered from 1 without a gap after it was committed. Never changed.

    ``payload`` is what everyone may see.
    """

    pk = models.CompositePrimaryKey("room", "number")
    room = models.ForeignKey(Room, models.PROTECT, related_name="events")
    number = models.PositiveBigIntegerField()
    name = models.CharField(max_length=40)
    payload = models.JSONField()
    at = models.DateTimeField()
    outbox_id = models.BigIntegerField(unique=True)  # the event it tells of: told once

    def __str__(self) -> str:
        return f"{self.room_id} {self.number} {self.name}"
