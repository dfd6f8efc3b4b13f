"""People whom the merchant pays out: their accounts, the links to open them, and what was sent."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q


class ConnectedAccount(models.Model):
    """Somebody's own account with the company, which the merchant can transfer to."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField()
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    email = models.CharField(max_length=512, blank=True)
    metadata = models.JSONField(default=dict)
    is_submitted = models.BooleanField(default=False)
    # What the company still wants to know; payouts are off while there is something.
    due = models.JSONField(default=list)
    disabled_reason = models.CharField(max_length=60, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_enabled(self) -> bool:
        return self.is_submitted and not self.due and not self.disabled_reason


class AccountLink(models.Model):
    """A link to the company's page where an account is opened; it works once and not for long."""

    number = models.BigAutoField(primary_key=True)
    token = models.CharField(max_length=60, unique=True)
    account: models.ForeignKey[ConnectedAccount, ConnectedAccount] = models.ForeignKey(
        ConnectedAccount, on_delete=models.PROTECT
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    refresh_url = models.CharField(max_length=2000)
    return_url = models.CharField(max_length=2000)
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"link {self.number}"


class ConnectTransfer(models.Model):
    """Money moved from the merchant's balance to an account. It is there at once."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(db_index=True)
    # Lists show it from then on: those of the real company lag behind.
    listed_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    reversed_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    destination: models.ForeignKey[ConnectedAccount, ConnectedAccount] = models.ForeignKey(
        ConnectedAccount, on_delete=models.PROTECT
    )
    transfer_group = models.CharField(max_length=255, blank=True, db_index=True)
    description = models.CharField(max_length=1000, blank=True)
    metadata = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0), name="connect_transfer_positive"
            ),
            models.CheckConstraint(
                condition=Q(reversed_minor__gte=0, reversed_minor__lte=models.F("amount_minor")),
                name="connect_transfer_reversed_at_most",
            ),
        )

    def __str__(self) -> str:
        return self.public_id


class TransferReversal(models.Model):
    """Part or all of a transfer, taken back to the merchant's balance."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField()
    transfer: models.ForeignKey[ConnectTransfer, ConnectTransfer] = models.ForeignKey(
        ConnectTransfer, on_delete=models.PROTECT
    )
    amount_minor = models.BigIntegerField()
    metadata = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id


class ConnectPlan(models.Model):
    """What tests change about transfers: how far lists lag, and how much the merchant has."""

    number = models.BigAutoField(primary_key=True)
    seed = models.BigIntegerField(default=0)
    lag_s = models.FloatField(default=0)
    is_broke = models.BooleanField(default=False)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"seed {self.seed}"
