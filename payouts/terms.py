"""What a payout costs, how little and how much is paid out at once: the operator's terms.

Promises: pure arithmetic over the settings, exact, in the payout's currency. What is least is
rounded up and what is most is rounded down to the minor unit, and a fee down: in the creator's
favour. Numbers of others stand beside the settings.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from django.conf import settings
from djmoney.money import Money

from payouts.runs import Used
from wallet import money
from wallet.models import FxRate


class TooMuch(Exception):
    """More than is paid out in a day or a week."""


def minimum_minor(rate: FxRate) -> int:
    """The least that is paid out."""
    return ceil(_of_cents(settings.PAYOUT_MINIMUM_USD_CENTS, rate))


def second_person_minor(rate: FxRate) -> int:
    """From which amount two members of staff must approve."""
    return ceil(_of_cents(settings.PAYOUT_SECOND_PERSON_USD_CENTS, rate))


def fee_minor(rate: FxRate, *, rail: str) -> int:
    """What the creator pays for a transfer by that rail."""
    return floor(_of_cents(int(settings.PAYOUT_FEES_USD_CENTS.get(rail, 0)), rate))


def left_minor(rate: FxRate, *, used: Used) -> int:
    """How much more may be paid out now: the smaller of what day and week leave."""
    day = floor(_of_cents(settings.PAYOUT_DAY_MAX_USD_CENTS, rate)) - used.day_minor
    week = floor(_of_cents(settings.PAYOUT_WEEK_MAX_USD_CENTS, rate)) - used.week_minor
    return max(0, min(day, week))


def maxima(rate: FxRate) -> tuple[Money, Money]:
    """The most that is paid out in a day and in a week."""
    limits = (settings.PAYOUT_DAY_MAX_USD_CENTS, settings.PAYOUT_WEEK_MAX_USD_CENTS)
    day, week = (money.money(floor(_of_cents(cents, rate)), rate.currency) for cents in limits)
    return day, week


def check_maximum(amount_minor: int, *, rate: FxRate, used: Used) -> None:
    """Raise TooMuch when the amount is over what day or week leave."""
    left = left_minor(rate, used=used)
    if amount_minor > left:
        day, week = maxima(rate)
        raise TooMuch(
            f"At most {day} a day and {week} a week are paid out. Now it is "
            f"{money.money(left, rate.currency)}: ask for that, and for the rest tomorrow."
        )


def _of_cents(usd_cents: int, rate: FxRate) -> Fraction:
    return _exact(usd_cents, rate.per_usd, rate.currency)


@lru_cache(maxsize=1024)  # a run asks for the same few amounts once a creator
def _exact(usd_cents: int, per_usd: Decimal, currency: str) -> Fraction:
    minor_a_unit: int = 10 ** money.decimals(currency)
    return Fraction(usd_cents, 100) * Fraction(per_usd) * minor_a_unit
