"""Gifts that wait before they are sent."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from gifts.models.catalogue import GiftVersion
from gifts.models.places import Room, Video


class HeldGift(models.Model):
    """A gift whose coins are set aside. Its id is the operation that sends it, if it is sent.

    A big one waits some seconds, in which it can be taken back; one with a review waits for that.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        TAKEN_BACK = "taken_back", "Taken back"
        REFUSED = "refused", "Not sent"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.WAITING: frozenset({State.SENT, State.TAKEN_BACK, State.REFUSED})
    }

    id = models.UUIDField(primary_key=True, editable=False)
    hold_id = models.UUIDField(unique=True, editable=False)  # the operation that set coins aside
    sender = models.ForeignKey("accounts.User", models.PROTECT, related_name="gifts_held")
    room = models.ForeignKey(Room, models.PROTECT, null=True, related_name="+")
    video = models.ForeignKey(Video, models.PROTECT, null=True, related_name="+")
    gift_version = models.ForeignKey(GiftVersion, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    coins = models.PositiveBigIntegerField()
    is_hidden = models.BooleanField(default=False, db_default=False)  # the sender's name
    review = models.ForeignKey("accounts.Review", models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField()
    held_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(room=None, video__isnull=False)
                | models.Q(room__isnull=False, video=None),
                name="held_gift_in_one_place",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], condition=models.Q(state="waiting"), name="held_gift_waiting"
            ),
            models.Index(fields=["sender", "-held_at"], name="held_gift_sender"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.gift_version_id} by {self.sender_id}: {self.state}"
