"""What was told to the merchant, and what was answered under a key."""

from typing import ClassVar, Self

from django.db import models


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class PlanMode(models.TextChoices):
    DELIVER = "deliver"
    HOLD = "hold"
    DROP = "drop"


class Event(models.Model):
    """Something that happened, with its object as it stood then."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=60)
    snapshot = models.JSONField()
    request_id = models.CharField(max_length=40, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind}"


class Delivery(models.Model):
    """One copy of an event on its way to the merchant; tried until it is taken or too old."""

    number = models.BigAutoField(primary_key=True)
    event: models.ForeignKey[Event, Event] = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="deliveries"
    )
    state = models.CharField(max_length=10, choices=DeliveryState.choices)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    last_status = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    # How a copy is forged; empty for the real ones. A forged copy is tried once.
    forgery = models.CharField(max_length=20, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=["state", "next_at"], name="delivery_due"),)

    def __str__(self) -> str:
        return f"{self.number} {self.state}"


class DeliveryPlan(models.Model):
    """How events are to be delivered: a single row, changed by tests alone."""

    number = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=10, choices=PlanMode.choices, default=PlanMode.DELIVER)
    copies = models.PositiveIntegerField(default=1)
    reorder_seed = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.mode


class StoredAnswer(models.Model):
    """The answer first given under an idempotency key; without a status it is still being made."""

    number = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=255, unique=True)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    request_id = models.CharField(max_length=40)
    status = models.PositiveIntegerField(null=True)
    body = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.key


class FaultScript(models.Model):
    """What goes wrong, how often and by which seed: a single row, changed by tests alone."""

    number = models.BigAutoField(primary_key=True)
    seed = models.BigIntegerField(default=0)
    per_mille = models.JSONField(default=dict)
    late_s = models.FloatField(default=0.2)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"seed {self.seed}"


class FaultTry(models.Model):
    """How often a request was made while faults are on, so that each try has its own fate."""

    number = models.BigAutoField(primary_key=True)
    request = models.CharField(max_length=255, unique=True)
    tries = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.request


class FaultDone(models.Model):
    """A fault that was committed, so that a test can say how many there were."""

    number = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=255)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
