"""What creators were told of money that nobody could pay them."""

from typing import ClassVar

from django.db import models


class UnclaimedReminder(models.Model):
    """That a creator was told of money that waits for them: by whom, when, and of how much.

    It is only ever added to, and stands in the trail of what staff did.
    """

    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    by = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    held = models.CharField(max_length=200)  # in words, as the creator was told
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["creator", "-at"], name="unclaimed_reminder_latest")
        ]

    def __str__(self) -> str:
        return f"{self.held} of {self.creator_id}"
