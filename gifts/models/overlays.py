"""Where creators' streaming programs show what happens in their lives."""

from typing import ClassVar

from django.db import models


class Overlay(models.Model):
    """The one address of a creator's overlay. A renewed address is a new row: its passes are new.

    ``digest`` is the SHA-256 of the secret in the address, which is nowhere else.
    """

    creator = models.ForeignKey(
        "accounts.User", models.CASCADE, related_name="+", db_index=False
    )  # the constraint's index does
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator"], name="overlay_one_a_creator")
        ]

    def __str__(self) -> str:
        return f"overlay of {self.creator_id}"
