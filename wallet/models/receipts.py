"""Receipts: what was bought from which legal entity, numbered without a gap."""

from typing import ClassVar

import pghistory
import pgtrigger
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django_countries.fields import CountryField

from wallet.models.pricing import Region
from wallet.models.purchases import Purchase


@pghistory.track()
class Seller(models.Model):
    """A legal entity that sells coins. One of them sells where no other is named."""

    code = models.CharField(
        max_length=8,
        primary_key=True,
        validators=[RegexValidator(r"^[A-Z0-9]{1,8}$", "Use up to 8 capital letters and digits.")],
        help_text="Begins the number of each of its receipts.",
    )
    name = models.CharField(max_length=100)
    address = models.TextField(max_length=300, help_text="As it stands on receipts, line by line.")
    country = CountryField()
    tax_number = models.CharField(max_length=40, blank=True)
    contact = models.CharField(max_length=100, blank=True, help_text="Where buyers write to.")
    is_default = models.BooleanField(default=False, help_text="Sells where no other is named.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="seller_one_default",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class SellerRegion(models.Model):
    """Who sells in a region, where it is not the default seller."""

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="regions")
    region = models.OneToOneField(Region, models.PROTECT, related_name="seller")

    def __str__(self) -> str:
        return f"{self.region_id}: {self.seller_id}"


class ReceiptSeries(models.Model):
    """The last number a seller gave. Locked by whoever gives the next: so there are no gaps."""

    seller = models.OneToOneField(Seller, models.PROTECT, primary_key=True, related_name="series")
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.seller_id}: {self.last_number}"


class Receipt(models.Model):
    """The receipt of a purchase: waits for its number, then is what it is for good.

    ``facts`` are all it says, as they were when it was numbered.
    """

    purchase = models.OneToOneField(Purchase, models.PROTECT, related_name="receipt")
    seller = models.ForeignKey(Seller, models.PROTECT, null=True, related_name="receipts")
    number = models.PositiveBigIntegerField(null=True)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    issued_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seller", "number"], name="receipt_number_key"),
            models.CheckConstraint(
                condition=models.Q(number=None, seller=None, issued_at=None)
                | models.Q(number__gte=1, seller__isnull=False, issued_at__isnull=False),
                name="receipt_numbered_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(number=None), name="receipt_waiting")
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="receipt_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="receipt_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label or "A receipt without a number yet"

    @property
    def label(self) -> str:
        """The number as people read it."""
        return "" if self.number is None else f"{self.seller_id}-{self.number:07d}"


class ReceiptFile(models.Model):
    """A receipt as it was first handed out: the same bytes whenever it is asked for again."""

    receipt = models.OneToOneField(Receipt, models.PROTECT, primary_key=True, related_name="file")
    pdf = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="receipt_file_kept", operation=pgtrigger.Delete | pgtrigger.Update
            )
        ]

    def __str__(self) -> str:
        return f"File of {self.receipt}"
