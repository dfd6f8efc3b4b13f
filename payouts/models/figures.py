"""What the back office's first page shows of days and of everybody, counted by a clock.

Written by ``payouts.figures`` alone, and made again at any time: no page reads all of the ledger.
"""

from typing import ClassVar

from django.db import models


class PlatformDay(models.Model):
    """One UTC day of the whole platform. Money is in US cents, at the latest rate of the count."""

    day = models.DateField(primary_key=True)
    sold_usd_cents = models.BigIntegerField(default=0)
    gifts = models.BigIntegerField(default=0)
    gift_coins = models.BigIntegerField(default=0)
    paid_usd_cents = models.BigIntegerField(default=0)
    without_rate = models.CharField(max_length=100, blank=True)  # currencies that are not in it
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.day)


class PlatformHoldings(models.Model):
    """What everybody holds, and what matures when, as it was counted last. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    totals = models.JSONField(default=list)  # [{code, currency, amount, usd_cents}]
    maturing = models.JSONField(default=list)  # [{week, milli}]
    counted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="platform_holdings_one")
        ]

    def __str__(self) -> str:
        return f"counted {self.counted_at:%Y-%m-%d %H:%M}"
