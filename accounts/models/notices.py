"""What people were told, and where they want to be told."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User


class NoticeKind(models.TextChoices):
    """What people are told about. What concerns their money or safety cannot be turned off."""

    PURCHASE = "purchase", "Coins arrived or a payment failed"
    GIFT = "gift", "Gifts you received"
    LIVE = "live", "A creator you follow is live"
    EARNINGS = "earnings", "Diamonds became available, settlements"
    PAYOUT = "payout", "Payouts on their way, arrived or failed"
    RATES = "rates", "Rates and prices change"
    ACCOUNT = "account", "Your account and its safety"

    @property
    def is_kept(self) -> bool:
        """Whether people are always told, on the site and by email."""
        return self in {
            NoticeKind.PURCHASE,
            NoticeKind.PAYOUT,
            NoticeKind.RATES,
            NoticeKind.ACCOUNT,
        }

    @property
    def by_email_at_first(self) -> bool:
        """Whether it is emailed until the person chooses. A gift may come every second."""
        return self != NoticeKind.GIFT


class Notice(models.Model):
    """One thing a person was told, on the site and perhaps by email."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    subject_key = models.CharField(max_length=80)
    title = models.CharField(max_length=120)
    body = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=200, blank=True)
    document_path = models.CharField(max_length=200, blank=True, db_default="")
    document_name = models.CharField(max_length=40, default="Receipt", db_default="Receipt")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    read_at = models.DateTimeField(null=True)
    on_site = models.BooleanField(default=True, db_default=True)
    email_due = models.BooleanField(default=False)
    emailed_at = models.DateTimeField(null=True)
    email_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    email_leased_until = models.DateTimeField(null=True)  # a sender has it in hand, or it waits

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "subject_key"], name="notice_told_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="notice_latest"),
            models.Index(
                fields=["id"],
                condition=models.Q(email_due=True, emailed_at=None),
                name="notice_email_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class NoticePreference(models.Model):
    """Where a person wants to hear of one kind of notice. No row: as NoticeKind says."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notice_preferences")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    on_site = models.BooleanField(default=True)
    by_email = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "kind"], name="notice_preference_once")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind}"
