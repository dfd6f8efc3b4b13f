"""The price book and the exchange rates: dated rows, added and never edited.

Promises: a price is checked against the margin floor under every rate card that will be in force
with it; the past is never touched, so a quote given stays explained by its row.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.conf import settings
from django.db import transaction

from wallet import pricebook, providers, risk
from wallet.models import CoinPackage, FxRate, Price, Region
from wallet.money import CURRENCY_NUMBERS

# A rate that moves more between two entries is far more often a slip than a market: the euro's
# largest daily move against the dollar since 1999 is under 5 % (ECB reference rates, 2026-01).
FX_JUMP_MAX: Final = Fraction(20, 100)


class PriceInThePast(Exception):
    """The row would begin before now."""


class PriceDateTaken(Exception):
    """The same price has another row that begins at the same moment."""


class FxInTheFuture(Exception):
    """The rate is dated after now."""


class FxDateTaken(Exception):
    """The currency has a rate of that moment."""


class FxUnknown(Exception):
    """The currency is not one that Carat knows, or the rate is not above zero."""


class FxJump(Exception):
    """A rate is far from the one before it, and nobody confirmed that it is meant."""


class NoSuchAdapter(Exception):
    """A payment method names an adapter that is not there."""

    def __init__(self) -> None:
        super().__init__("There is no such adapter. Check the dotted path.")


class NoSuchRail(Exception):
    """A payment method names a rail that its provider does not offer."""


def add_price(
    *,
    region: Region,
    channel: str,
    package: CoinPackage | None,
    coins: int,
    amount_minor: int,
    valid_from: datetime,
    created_by_id: int,
    at: datetime,
) -> Price:
    """Add a row that is in force from ``valid_from`` until the next; without a package, the rate.

    Raises PriceInThePast, PriceDateTaken, risk.MarginBelowFloor, queries.FxMissing, FxStale.
    """
    price = Price(
        region=region,
        channel=channel,
        package=package,
        coins=coins if package is None else package.coins,
        amount_minor=amount_minor,
        currency=region.currency,
        valid_from=valid_from,
        created_by_id=created_by_id,
    )
    with transaction.atomic(durable=True):
        # The region's row: additions to its prices, and announcements of cards, form one line.
        Region.objects.select_for_update(no_key=True).get(pk=region.pk)
        check_price(price=price, at=at)
        price.save(force_insert=True)
    return price


def check_price(*, price: Price, at: datetime) -> None:
    """Refuse what ``add_price`` refuses, without writing."""
    if price.valid_from < at:
        raise PriceInThePast("A price cannot begin in the past. Let it begin now or later.")
    if Price.objects.filter(
        region=price.region,
        channel=price.channel,
        package=price.package,
        valid_from=price.valid_from,
    ).exists():
        raise PriceDateTaken("This price already changes at that moment. Choose another time.")
    mine = [offer for offer in pricebook.offers(at=at, extra=[price]) if offer.price is price]
    risk.check_margin(
        offers=mine, spans=pricebook.card_spans(at=at), floor_bps=settings.MARGIN_FLOOR_BPS
    )


def add_fx_rates(
    *,
    per_usd: Mapping[str, Decimal],
    quoted_at: datetime,
    source: str,
    at: datetime,
    jump_confirmed: bool = False,
) -> list[FxRate]:
    """Add one rate for each currency, units for one US dollar, all or none.

    Raises FxUnknown, FxInTheFuture, FxDateTaken, FxJump.
    """
    if quoted_at > at:
        raise FxInTheFuture("A rate cannot be of the future. Enter when it was quoted.")
    with transaction.atomic(durable=True):
        for currency, rate in per_usd.items():
            _check_fx(currency, rate, quoted_at=quoted_at, jump_confirmed=jump_confirmed)
        return FxRate.objects.bulk_create(
            FxRate(currency=currency, per_usd=rate, quoted_at=quoted_at, source=source)
            for currency, rate in per_usd.items()
        )


def below_floor(*, at: datetime) -> list[risk.Shortfall]:
    """What breaks the floor as things are, one for each region: after a tax or fee changed."""
    found = risk.shortfalls(
        offers=pricebook.offers(at=at),
        spans=pricebook.card_spans(at=at),
        floor_bps=settings.MARGIN_FLOOR_BPS,
    )
    return risk.worst_by_region(found)


def _check_fx(
    currency: str, per_usd: Decimal, *, quoted_at: datetime, jump_confirmed: bool
) -> None:
    if currency not in CURRENCY_NUMBERS or per_usd <= 0:
        raise FxUnknown(f"{per_usd} {currency} for one dollar is not a rate. Check it.")
    rates = FxRate.objects.filter(currency=currency)
    if rates.filter(quoted_at=quoted_at).exists():
        raise FxDateTaken(f"There is a rate for {currency} of that moment. Choose another time.")
    before = rates.filter(quoted_at__lt=quoted_at).order_by("-quoted_at").first()
    if before is None or jump_confirmed:
        return
    moved = abs(Fraction(per_usd) / Fraction(before.per_usd) - 1)
    if moved > FX_JUMP_MAX:
        raise FxJump(
            f"{per_usd} {currency} for one dollar is {round(moved * 100)} % away from "
            f"{before.per_usd.normalize():f} before it. Check it, and confirm if it is meant."
        )


def check_rail(*, provider: str, rail: str) -> None:
    """Look whether an adapter is there and offers a rail. Raises NoSuchAdapter, NoSuchRail."""
    try:
        rails = providers.load(provider).rails()
    except ImportError as error:
        raise NoSuchAdapter from error
    codes = [one.code for one in rails]
    if rail not in codes:
        raise NoSuchRail(f"This provider does not offer it. Use one of: {', '.join(codes)}.")
