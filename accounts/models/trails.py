"""What happened, of any app: the trail of states, and the outbox every app publishes through."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User


class StateChange(models.Model):
    """One move of one stateful row, of any app: the trail that staff cannot edit."""

    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=40)
    before = models.CharField(max_length=20)
    after = models.CharField(max_length=20)
    why = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    until = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="state_change_subject"),
            models.Index(
                fields=["-at", "-id"],
                condition=models.Q(by__isnull=False),
                name="state_change_by_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id}: {self.before} to {self.after}"


class OutboxEvent(models.Model):
    """Something that happened, committed with its cause. The relay hands it on at least once."""

    name = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    relayed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    heard_by = models.JSONField(null=True)  # who has heard it; NULL: the relay has not seen it yet

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(relayed_at=None), name="outbox_event_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"
