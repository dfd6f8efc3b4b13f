"""The places gifts are sent in: live rooms and videos."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


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
    for_members = models.BooleanField(default=False, db_default=False)
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
            models.Index(
                fields=["-started_at"], condition=models.Q(state="live"), name="room_live"
            ),
            models.Index(fields=["creator", "started_at"], name="room_creator_start"),
        ]

    def __str__(self) -> str:
        return self.title


class Video(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="videos")
    title = models.CharField(max_length=80)
    video_url = models.URLField(max_length=500, blank=True)
    gifts_on = models.BooleanField(default=True)
    for_members = models.BooleanField(default=False, db_default=False)
    is_public = models.BooleanField(default=True)
    posted_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-posted_at"], name="video_latest")]

    def __str__(self) -> str:
        return self.title
