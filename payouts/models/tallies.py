"""Sums of what creators earned, made from the ledger so that no page has to read all of it.

They are written by ``payouts.tallies`` alone and can be made again at any time. People are named by
number and without a constraint: the ledger knows people by number, and a sum never fails on one.
"""

from datetime import date
from typing import ClassVar, Final

from django.db import models
from django.db.models.functions import Now

EVER: Final = date(1970, 1, 1)  # the "month" of sums over all time
HIDDEN: Final = 0  # the gifter of all gifts sent with a hidden name


class EarningsDay(models.Model):
    """What one creator earned on one UTC day, in one place, by one gift, under one rate card.

    ``taken_milli`` went on that day with payments that banks took back, of whichever day's gifts.
    """

    pk = models.CompositePrimaryKey("creator", "day", "place", "gift", "card_id")
    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField()
    place = models.TextField()  # the operation's context: "room:…", "video:…", "membership:…"
    gift = models.TextField()  # its slug
    card_id = models.IntegerField()
    gifts = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    diamonds_milli = models.BigIntegerField(default=0)
    taken_milli = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["day"], name="earnings_day_of_all")]

    def __str__(self) -> str:
        return f"{self.creator_id} on {self.day}: {self.diamonds_milli}"


class GifterMonth(models.Model):
    """What one fan gave a creator in a UTC month, and ever. Hidden names are one row for all."""

    pk = models.CompositePrimaryKey("creator", "month", "gifter")
    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    month = models.DateField()  # its first day, or EVER
    gifter = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    gifts = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    diamonds_milli = models.BigIntegerField(default=0)
    taken_milli = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["creator", "month", "-diamonds_milli"], name="gifter_month_top"),
        ]

    def __str__(self) -> str:
        return f"{self.gifter_id} to {self.creator_id}: {self.diamonds_milli}"


class EarningsLabel(models.Model):
    """What a place or a gift was called when it last earned: ``key`` is a place, or "gift:slug"."""

    pk = models.CompositePrimaryKey("creator", "key")
    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    key = models.TextField()
    words = models.TextField()

    def __str__(self) -> str:
        return self.words


class EarningsCursor(models.Model):
    """How far the ledger is counted: every transaction below ``xid``. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    xid = models.BigIntegerField(default=0)
    counted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="earnings_cursor_one")
        ]

    def __str__(self) -> str:
        return f"counted below {self.xid}"
