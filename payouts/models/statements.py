"""Monthly statements: what became of a creator's diamonds and money, numbered, for good."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from wallet.models import Seller


class StatementMonth(models.Model):
    """A UTC calendar month, from its end until every creator's statement is made."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the month's last seal"
        MAKING = "making", "Being made"
        DONE = "done", "Done"

    month = models.DateField(primary_key=True)  # its first day
    # All that was recorded in the month lies in transactions below this one, which was the next
    # when somebody looked, after the month had ended.
    mark = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    first_period = models.IntegerField(null=True)
    last_period = models.IntegerField(null=True)
    last_seal = models.CharField(max_length=64, blank=True)
    # Transfers of the month have greater numbers; smaller ones may be older.
    after_transfer = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    sealed_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["month"],
                condition=~models.Q(state="done"),
                name="statement_month_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"


class StatementSeries(models.Model):
    """The last number a seller gave to a statement. Locked by whoever gives the next."""

    seller = models.OneToOneField(
        Seller, models.PROTECT, primary_key=True, related_name="statement_series"
    )
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.seller_id}: {self.last_number}"


class Statement(models.Model):
    """A creator's month: waits for its number, then is what it is for good.

    ``facts`` are all it says. ``digest`` is the SHA-256 of its lines (``payouts.papers``), ``code``
    what anybody who holds it can have it checked by.
    """

    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="statements")
    month = models.ForeignKey(StatementMonth, models.PROTECT, related_name="statements")
    seller = models.ForeignKey(Seller, models.PROTECT, null=True, related_name="statements")
    number = models.PositiveBigIntegerField(null=True)
    issued_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True, db_index=True)
    code = models.CharField(max_length=16, null=True, unique=True)  # noqa: DJ001 - unique once given

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator", "month"], name="statement_once"),
            models.UniqueConstraint(fields=["seller", "number"], name="statement_number_key"),
            models.CheckConstraint(
                condition=models.Q(number=None, seller=None, issued_at=None, code=None, digest="")
                | models.Q(
                    number__gte=1, seller__isnull=False, issued_at__isnull=False,
                    code__isnull=False, digest__regex="^[0-9a-f]{64}$",
                ),
                name="statement_numbered_whole",
            ),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(
                fields=["month", "creator"],
                condition=models.Q(number=None),
                name="statement_waiting",
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="statement_kept",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__number__isnull=False),
            ),
            pgtrigger.Protect(
                name="statement_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label or "A statement without a number yet"

    @property
    def label(self) -> str:
        """The number as people read it."""
        return "" if self.number is None else f"{self.seller_id}-S{self.number:07d}"

    @property
    def code_words(self) -> str:
        """The code in groups of four."""
        code = self.code or ""
        return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


class StatementFile(models.Model):
    """A statement's PDF as it was first handed out: the same bytes whenever it is asked for."""

    statement = models.OneToOneField(
        Statement, models.PROTECT, primary_key=True, related_name="file"
    )
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="statement_file_kept", operation=pgtrigger.Delete | pgtrigger.Update
            )
        ]

    def __str__(self) -> str:
        return f"File of {self.statement}"
