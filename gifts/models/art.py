"""Pictures of gifts that staff uploaded."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class GiftArt(models.Model):
    """One picture, as we made it anew from what was uploaded. Never changed; named by its content.

    It lives in the database, so that a backup holds it. ``still`` stands for it where nothing
    moves. ``length_ms`` is one round of the movement; 0: it does not move.
    """

    digest = models.CharField(primary_key=True, max_length=64, editable=False)
    name = models.CharField(max_length=60)
    moving = models.BinaryField()
    still = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    frames = models.PositiveSmallIntegerField()
    length_ms = models.PositiveIntegerField()
    created_by = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "artwork"
        verbose_name_plural = "artwork"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(frames=1, length_ms=0)
                | models.Q(frames__gte=2, length_ms__gte=1),
                name="gift_art_moves_or_not",
            )
        ]

    def __str__(self) -> str:
        moves = f", {self.length_ms / 1000:.1f} s" if self.length_ms else ""
        return f"{self.name} ({self.width} × {self.height}{moves})"
