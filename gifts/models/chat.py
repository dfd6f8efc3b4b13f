"""What is said in rooms, and who keeps order there."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models

from gifts.models.places import Room
from gifts.models.sendings import HIDDEN_NAME


class ChatMessage(models.Model):
    """One message, plain text. One that was paid for has the id of its sending.

    Removed ones keep their words for staff until the room's log is forgotten. Rooms are hot and
    undeletable, so their keys carry no database constraint, as those of sendings.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    room = models.ForeignKey(
        Room, models.PROTECT, related_name="messages", db_constraint=False, db_index=False
    )
    author = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    words = models.CharField(max_length=200)
    said_at = models.DateTimeField()
    paid_coins = models.PositiveBigIntegerField(default=0, db_default=0)
    highlight_s = models.PositiveIntegerField(default=0, db_default=0)
    is_hidden = models.BooleanField(default=False, db_default=False)  # the author's name
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["room", "-said_at"], name="chat_message_latest"),
            models.Index(fields=["author", "room", "-said_at"], name="chat_message_pace"),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def author_name(self) -> str:
        """Who everyone sees said it."""
        return HIDDEN_NAME if self.is_hidden else self.author.display_name

    @property
    def highlighted_until(self) -> datetime:
        """Until when its price keeps it up."""
        return self.said_at + timedelta(seconds=self.highlight_s)


class ChatRules(models.Model):
    """How a creator wants people to talk in their rooms. No row: as anybody likes."""

    creator = models.OneToOneField(
        "accounts.User", models.PROTECT, primary_key=True, related_name="chat_rules"
    )
    slow_s = models.PositiveSmallIntegerField(default=0)
    banned_words = models.TextField(blank=True)  # one a line

    def __str__(self) -> str:
        return f"Chat rules of {self.creator_id}"


class Moderator(models.Model):
    """Somebody who keeps order in a creator's rooms."""

    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="moderators")
    person = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    named_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator", "person"], name="moderator_once")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} moderates for {self.creator_id}"


class Mute(models.Model):
    """Somebody may not talk in a creator's rooms until a time; None: until it is taken back."""

    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    person = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    until = models.DateTimeField(null=True)
    muted_at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator", "person"], name="mute_once")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} is muted by {self.creator_id}"
