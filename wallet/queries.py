"""Reads of value, each scoped by whose it is."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from djmoney.money import Money

from wallet.models import Account, Balance, Channel, FxRate, Price, RateCard, Region
from wallet.money import half_up, money


class FxMissing(Exception):
    """Nobody has entered an exchange rate for the currency."""


class FxStale(Exception):
    """The newest exchange rate is older than may be used."""


def coins(*, user_id: int) -> int:
    """How many coins the person holds."""
    return (
        Balance.objects.filter(account__owner_id=user_id, account__code=Account.Code.WALLET)
        .values_list(F("credits") - F("debits"), flat=True)
        .first()
        or 0
    )


def region_for(*, country: str) -> Region | None:
    """The open region that sells to the country, if one does."""
    return Region.objects.filter(countries__country=country, is_open=True).first()


def price_rows(*, region: Region, channel: str, at: datetime) -> list[Price]:
    """The packages' prices in force, smallest package first."""
    return list(
        Price.objects.filter(
            region=region, channel=channel, package__is_offered=True, valid_from__lte=at
        )
        .order_by("coins", "package_id", "-valid_from")
        .distinct("coins", "package_id")
    )


def rate_for(*, region: Region, channel: str, at: datetime) -> Price | None:
    """The price row in force for exact amounts."""
    return (
        Price.objects.filter(region=region, channel=channel, package=None, valid_from__lte=at)
        .order_by("-valid_from")
        .first()
    )


def card_in_force(*, at: datetime) -> RateCard | None:
    """The rate card under which a gift sent at that time earns."""
    return RateCard.objects.filter(effective_at__lte=at).order_by("-effective_at").first()


def fx(*, currency: str, at: datetime) -> FxRate:
    """The newest exchange rate at that time. Raises FxMissing, FxStale."""
    rate = (
        FxRate.objects.filter(currency=currency, quoted_at__lte=at).order_by("-quoted_at").first()
    )
    if rate is None:
        raise FxMissing(f"There is no exchange rate for {currency}. Enter one first.")
    if rate.quoted_at < at - timedelta(hours=settings.FX_MAX_AGE_HOURS):
        raise FxStale(
            f"The exchange rate for {currency} is of {rate.quoted_at:%d %B %Y}, which is too old. "
            "Enter a new one first."
        )
    return rate


def value_of_coins(*, region: Region, coins: int, at: datetime | None = None) -> Money | None:
    """What that many coins cost in the region, rounded half-up to the minor unit."""
    rate = rate_for(region=region, channel=Channel.WEB, at=at or timezone.now())
    return money(half_up(rate.minor_per_coin * coins), rate.currency) if rate else None
