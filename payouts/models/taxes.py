"""What tax offices want known of creators: a form each, certified, encrypted, valid for a time."""

import json
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db import models

from accounts import encryption

# Directive 2011/16/EU as amended by 2021/514 (DAC7) binds platforms in the 27 member states; the
# three other states of the EEA have rules of the same model (OECD model rules, 2020).
EEA: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO",
    }
)  # fmt: skip


class TaxForm(models.TextChoices):
    W9 = "w9", "W-9 (US persons)"
    W8BEN = "w8ben", "W-8BEN (people outside the US)"
    DAC7 = "dac7", "DAC7 (EU and EEA)"


def form_for(country: str) -> TaxForm:
    """Say which form somebody who lives there is asked for.

    US persons: W-9 (26 CFR 31.3406(h)-3). EU and EEA: DAC7. Anybody else, as a payer with business
    in the US asks them: W-8BEN (26 CFR 1.1441-1(e)), which holds what other countries ask for too.
    """
    if country == "US":
        return TaxForm.W9
    return TaxForm.DAC7 if country in EEA else TaxForm.W8BEN


class TaxProfile(models.Model):
    """What a creator certified for the tax office. Never edited: a change is a new row.

    All that names the person is in one encrypted value; beside it stand the last four signs of the
    number, to show it by, and marks to compare with.
    """

    class NoNumber(models.TextChoices):
        NOT_ISSUED = "not_issued", "My country gives out no such numbers"
        NOT_REQUIRED = "not_required", "I am not required to have one"

    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="tax_profiles")
    form = models.CharField(max_length=5, choices=TaxForm)
    country = models.CharField(max_length=2)  # of tax residence
    sealed = models.BinaryField()
    name_mark = models.CharField(max_length=64)
    tin_country = models.CharField(max_length=2, blank=True)
    tin_ending = models.CharField(max_length=4, blank=True)
    tin_mark = models.CharField(max_length=64, blank=True)
    no_tin_why = models.CharField(max_length=12, choices=NoNumber, blank=True)
    statement = models.CharField(max_length=600)  # the words that were certified
    certified_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["creator"],
                condition=models.Q(replaced_at=None),
                name="tax_profile_one_in_use",
            ),
            models.CheckConstraint(
                condition=models.Q(tin_mark="") ^ models.Q(no_tin_why=""),
                name="tax_profile_number_or_why_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_form_display()}, {self.masked}"

    @property
    def masked(self) -> str:
        """The number as it is shown: its last four signs."""
        return f"•••• {self.tin_ending}" if self.tin_mark else "no number"

    @property
    def context(self) -> str:
        return f"payouts_taxprofile:{self.pk}:sealed"

    def opened(self) -> dict[str, str]:
        """Decrypt all that names the person, for who may read it."""
        words: dict[str, Any] = json.loads(encryption.decrypt(self.sealed, context=self.context))
        return {name: str(value) for name, value in words.items()}

    def is_valid(self, at: datetime) -> bool:
        return self.replaced_at is None and at < self.valid_until


class TaxExport(models.Model):
    """That somebody saved the totals of a year with their tax numbers: who, which, when."""

    by = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    country = models.CharField(max_length=2)
    at = models.DateTimeField()

    class Meta:
        permissions: ClassVar = [
            ("export_tax_totals", "Can export the yearly totals of creators with their tax numbers")
        ]

    def __str__(self) -> str:
        return f"{self.year} {self.country} by {self.by_id}"
