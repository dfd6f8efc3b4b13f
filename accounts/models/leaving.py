"""Leaving: a copy of what we keep about somebody, and an account that is closed and then erased."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User


class DataExport(models.Model):
    """A copy of what we keep about a person, asked for by them, made later, kept for days."""

    class State(models.TextChoices):
        ASKED = "asked", "Being made"
        READY = "ready", "Ready"
        GONE = "gone", "Deleted"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, Iterable[str]]] = {
        State.ASKED: frozenset({State.READY, State.GONE}),
        State.READY: frozenset({State.GONE}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="exports")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    size_bytes = models.PositiveIntegerField(default=0)
    archive = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(state="asked"), name="export_one_at_a_time"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["asked_at"], condition=models.Q(state="asked"), name="export_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"Export of {self.person_id}"


class Closure(models.Model):
    """An account its owner closed. Until ``erase_at`` staff can open it again; then it is erased.

    The row outlives the person's data: it says that and when they were erased, of a number.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Closed"
        REOPENED = "reopened", "Opened again"
        ERASED = "erased", "Erased"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, Iterable[str]]] = {
        State.CLOSED: frozenset({State.REOPENED, State.ERASED}),
    }

    person = models.ForeignKey(User, models.PROTECT, related_name="closures")
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    coins_left = models.PositiveBigIntegerField(default=0)
    closed_at = models.DateTimeField()
    erase_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"],
                condition=~models.Q(state="reopened"),
                name="closure_one_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"Closure of account {self.person_id}"
