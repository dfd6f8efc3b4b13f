"""What a new Carat opens with: regions, prices, methods, exchange rates, a rate card and 31 gifts.

Facts and their sources are in the comments beside them; prices without one are our own choice, at
parity with the US price plus the region's tax. Idempotent: what is there is left as it is.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.models import Terms
from config import opening_limits
from gifts.models import Category, Gift, GiftVersion
from wallet import ledger
from wallet.models import (
    FIRST_HOLD,
    Channel,
    CoinPackage,
    FxRate,
    HoldClass,
    MethodFee,
    PaymentMethod,
    Price,
    RateCard,
    RecoursePolicy,
    Region,
    RegionCountry,
    Seller,
)

# Where everything begins; rows of the opening catalogue are dated here.
OPENED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)

PACKAGES: Final = (30, 70, 350, 700, 1400, 3500, 7000, 17500)

# code, name, currency, tax in basis points, its name, included, (minor units, for coins).
# US, MX, BR, PE, VN and AE: web prices seen in 2022-2025; IN: a third-party shop; others parity.
REGIONS: Final = (
    ("US", "United States", "USD", 0, "Sales tax", False, (74, 70)),
    ("MX", "Mexico", "MXN", 1600, "IVA", True, (22925, 1000)),
    ("BR", "Brazil", "BRL", 1000, "Tributos", True, (378, 70)),
    ("PE", "Peru", "PEN", 1800, "IGV", True, (4413, 1000)),
    ("VN", "Vietnam", "VND", 1000, "VAT", True, (325, 1)),
    ("AE", "United Arab Emirates", "AED", 500, "VAT", True, (438, 100)),
    ("IN", "India", "INR", 1800, "GST", True, (7900, 70)),
    ("GB", "United Kingdom", "GBP", 2000, "VAT", True, (105, 100)),
    ("DE", "Germany", "EUR", 1900, "MwSt.", True, (120, 100)),
    ("FR", "France", "EUR", 2000, "TVA", True, (120, 100)),
    ("IE", "Ireland", "EUR", 2300, "VAT", True, (120, 100)),
    ("JP", "Japan", "JPY", 1000, "Consumption tax", True, (175, 100)),
    ("KR", "South Korea", "KRW", 1000, "VAT", True, (16, 1)),
    ("KE", "Kenya", "KES", 1600, "VAT", True, (140, 1)),
    ("KW", "Kuwait", "KWD", 0, "VAT", True, (35, 10)),
)  # fmt: skip

# What creators bear of a payment that was taken back: ground, its age in days, how much. Card fraud
# can be disputed for 120 days (docs.stripe.com/disputes, 2026-11); older losses, and money that our
# own staff sent back at the payment company, reach only diamonds that nobody was promised yet.
RECOURSE: Final = (
    ("", 120, RecoursePolicy.Recourse.FULL),
    ("", 3_650, RecoursePolicy.Recourse.UNRELEASED_ONLY),
    ("refunded at the payment company", 3_650, RecoursePolicy.Recourse.UNRELEASED_ONLY),
)

# code: days to give unused coins back, whether by our goodwill alone, working days until the
# refund, the youngest buyer. EEA and UK: Directive 2011/83/EU, articles 9 and 13, and the Consumer
# Contracts Regulations 2013; Brazil: Código de Defesa do Consumidor, article 49; South Korea:
# E-Commerce Act, articles 17 and 18, and Youth Protection Act, article 2. Elsewhere: goodwill.
WINDOWS: Final = {
    "BR": (7, False, 7, 18), "GB": (14, False, 7, 18), "DE": (14, False, 7, 18),
    "FR": (14, False, 7, 18), "IE": (14, False, 7, 18), "KR": (7, False, 3, 19),
}  # fmt: skip
GOODWILL: Final = (14, True, 7, 18)

# Explicit prices that differ from the exact ratio by rounding: (region, coins): minor units.
LISTED: Final = {
    ("VN", 30): 9_800, ("VN", 350): 113_900, ("VN", 700): 227_700, ("VN", 1400): 455_300,
    ("VN", 3500): 1_138_100, ("VN", 7000): 2_276_200, ("VN", 17500): 5_690_400,
    ("MX", 30): 689, ("MX", 350): 8_025, ("MX", 700): 16_049, ("MX", 1400): 32_095,
    ("MX", 3500): 80_239, ("MX", 7000): 160_475, ("MX", 17500): 401_185,
    ("PE", 30): 135, ("PE", 350): 1_545, ("PE", 700): 3_089, ("PE", 1400): 6_179,
    ("PE", 3500): 15_445, ("PE", 7000): 30_889, ("PE", 17500): 77_225,
    ("KW", 30): 110, ("KW", 70): 250, ("KW", 350): 1_230,  # dinars are charged in tens of fils
}  # fmt: skip

# Mid-2026 orders of magnitude, for the opening only: an operator's own table replaces them.
FX: Final = {
    "USD": "1", "MXN": "18.30", "BRL": "5.40", "PEN": "3.70", "VND": "25400", "AED": "3.6725",
    "INR": "84.00", "GBP": "0.7700", "EUR": "0.9000", "JPY": "150.00", "KRW": "1380.00",
    "KES": "129.00", "KWD": "0.3070", "CHF": "0.8800", "CAD": "1.3700", "AUD": "1.5200",
}  # fmt: skip

# currency: share in basis points, fixed part in minor units. Card processing list prices, rounded.
CARD_FEES: Final = {
    "USD": (290, 30), "MXN": (360, 300), "BRL": (399, 39), "PEN": (390, 100), "VND": (290, 5000),
    "AED": (290, 100), "INR": (200, 200), "GBP": (150, 20), "EUR": (150, 25), "JPY": (360, 0),
    "KRW": (290, 0), "KES": (290, 1500), "KWD": (290, 75),
}  # fmt: skip

# code, name, rail, hold class, regions, {currency: fee as above}. List prices of PayPal (2.9 to
# 3.5 % and a fixed part) and of Stripe for instant bank transfers (stripe.com/pricing/
# local-payment-methods: Pix 1.19 %, others about 1.5 %), rounded, November 2026. They are there and
# not offered: an account at the payment company must have each switched on before it can be.
OTHER_METHODS: Final = (
    ("paypal", "PayPal", "paypal", HoldClass.WALLET, ("US", "GB", "DE", "FR", "IE"),
     {"USD": (349, 49), "GBP": (290, 30), "EUR": (299, 39)}),
    ("bank", "Pay by bank", "pay_by_bank", HoldClass.BANK, ("GB", "DE", "FR", "IE"),
     {"GBP": (150, 20), "EUR": (150, 20)}),
    ("pix", "Pix", "pix", HoldClass.BANK, ("BR",), {"BRL": (119, 0)}),
    ("upi", "UPI", "upi", HoldClass.BANK, ("IN",), {"INR": (200, 0)}),
)  # fmt: skip

HOLD_DAYS: Final = {
    HoldClass.BANK: 3, HoldClass.WALLET: 7, HoldClass.GIFT_CARD: 7, HoldClass.CARD_3DS: 14,
    HoldClass.CARD: 30, HoldClass.APP_STORE: 30, HoldClass.CARRIER: 45,
}  # fmt: skip
FIRST_DAYS: Final = 21  # until three payouts have reached a creator

H, C, A, E = Category.HEARTS, Category.CLASSIC, Category.ANIMATED, Category.EXCLUSIVE
# slug, name, coins, category, streakable, animation in seconds, fan level that unlocks it.
GIFTS: Final = (
    ("heart", "Heart", 1, H, True, 1, None),
    ("rosebud", "Rosebud", 1, H, True, 1, None),
    ("join-heart", "Join Heart", 1, H, False, 2, None),
    ("good-game", "Good Game", 1, C, True, 1, None),
    ("finger-heart", "Finger Heart", 5, H, True, 1, None),
    ("applause", "Applause", 9, C, True, 1, None),
    ("bouquet", "Bouquet", 10, H, True, 1, None),
    ("perfume", "Perfume", 20, C, True, 1, None),
    ("doughnut", "Doughnut", 30, C, True, 1, None),
    ("shout", "Shout", 50, C, False, 2, None),
    ("paper-crane", "Paper Crane", 99, C, True, 2, None),
    ("megaphone", "Megaphone", 100, C, False, 2, None),
    ("confetti", "Confetti", 100, A, False, 3, None),
    ("club-crown", "Club Crown", 150, A, False, 4, None),
    ("shades", "Shades", 199, A, False, 3, None),
    ("corgi", "Corgi", 299, A, False, 4, None),
    ("billboard", "Billboard", 500, C, False, 3, None),
    ("confetti-cannon", "Confetti Cannon", 500, A, False, 4, None),
    ("swan-lake", "Swan Lake", 699, A, False, 5, None),
    ("night-train", "Night Train", 899, A, False, 5, None),
    ("nebula", "Nebula", 1_000, A, False, 6, None),
    ("fireworks", "Fireworks", 1_088, A, False, 6, None),
    ("motorbike", "Motorbike", 2_988, A, False, 7, None),
    ("aurora-jet", "Aurora Jet", 4_888, A, False, 8, None),
    ("unicorn", "Unicorn", 5_000, E, False, 8, 5),
    ("roadster", "Roadster", 7_000, E, False, 9, 8),
    ("starship", "Starship", 10_000, E, False, 10, 10),
    ("sky-castle", "Sky Castle", 20_000, E, False, 12, 15),
    ("phoenix", "Phoenix", 25_999, E, False, 12, 20),
    ("golden-lion", "Golden Lion", 29_999, E, False, 14, 25),
    ("pegasus", "Pegasus", 42_999, E, False, 15, 30),
    ("cosmos", "Cosmos", 44_999, E, False, 15, 35),
)  # fmt: skip
# Gifts that carry words, and for how many seconds those are highlighted.
HIGHLIGHTS: Final = {"shout": 30, "megaphone": 60, "billboard": 300}
# Gifts that a level in the creator's fan club unlocks.
CLUB_GIFTS: Final = {"club-crown": 2}
VIDEO_GIFT_COINS: Final = range(5, 3_001)  # gifts on videos cost 5 to 3,000 coins in the field


def seed(
    *,
    holds: bool,
    notice_days: int,
    every_method: bool = False,
    step: Callable[[str], None] = lambda _name: None,
) -> None:
    """Write whatever of the opening is not there.

    Without ``holds`` diamonds mature at once; with ``every_method`` not the card alone is offered.
    """
    with transaction.atomic():
        step("regions, prices and payment methods")
        _regions()
        _card_method()
        opening_limits.seed(opened_at=OPENED_AT)
        _recourse()
        _other_methods(are_offered=every_method)
        _gift_card_method()
        _seller()
        step("exchange rates")
        for currency, per_usd in FX.items():
            FxRate.objects.get_or_create(
                currency=currency,
                quoted_at=_today(),
                defaults={"per_usd": Decimal(per_usd), "source": "Opening table"},
            )
        step("rate card")
        if not RateCard.objects.exists():
            ledger.announce_card(
                name="v1",
                diamonds_per_coin_milli=1000,
                diamond_usd=Decimal("0.005000"),
                hold_days=_hold_days(holds=holds),
                notice_days=notice_days,
                effective_at=OPENED_AT,
                announced_by_id=0,
            )
        step("gifts")
        _gifts()
        step("terms")
        if not Terms.objects.exists():
            text = (settings.BASE_DIR / "templates/documents/terms-1.txt").read_text()
            Terms.objects.create(version="1", text=text, effective_at=OPENED_AT)


def _hold_days(*, holds: bool) -> dict[int, int]:
    """Return the holds by payment class and for first payouts, all 0 where there are none."""
    days = {int(key): days for key, days in HOLD_DAYS.items()} | {int(FIRST_HOLD): FIRST_DAYS}
    return days if holds else dict.fromkeys(days, 0)


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _regions() -> None:
    packages = {coins: CoinPackage.objects.get_or_create(coins=coins)[0] for coins in PACKAGES}
    for code, name, currency, tax_bps, tax_name, included, (minor, per_coins) in REGIONS:
        withdrawal_days, is_goodwill, refund_days, age_min = WINDOWS.get(code, GOODWILL)
        region, created = Region.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "currency": currency,
                "tax_bps": tax_bps,
                "tax_name": tax_name,
                "tax_is_included": included,
                "withdrawal_days": withdrawal_days,
                "is_goodwill": is_goodwill,
                "refund_days": refund_days,
                "age_min": age_min,
            },
        )
        if not created:
            continue
        RegionCountry.objects.create(country=code, region=region)
        rows = [
            Price(
                region=region,
                package=package,
                coins=coins,
                amount_minor=LISTED.get((code, coins)) or _rounded(minor * coins, per_coins),
            )
            for coins, package in packages.items()
        ]
        rows.append(Price(region=region, package=None, coins=per_coins, amount_minor=minor))
        for row in rows:
            row.channel, row.currency, row.valid_from = Channel.WEB, currency, OPENED_AT
        Price.objects.bulk_create(rows)


def _recourse() -> None:
    if not RecoursePolicy.objects.exists():
        RecoursePolicy.objects.bulk_create(
            RecoursePolicy(ground=ground, days_max=days, recourse=recourse)
            for ground, days, recourse in RECOURSE
        )


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _card_method() -> None:
    card, created = PaymentMethod.objects.get_or_create(
        code="card",
        defaults={
            "name": "Card",
            "provider": "wallet.providers.stripe.Stripe",
            "hold_class": HoldClass.CARD,
        },
    )
    if created:
        card.regions.set(Region.objects.all())
        for currency, (bps, minor) in CARD_FEES.items():
            MethodFee.objects.create(method=card, currency=currency, fee_bps=bps, fee_minor=minor)


def _other_methods(*, are_offered: bool) -> None:
    for code, name, rail, hold_class, regions, fees in OTHER_METHODS:
        method, created = PaymentMethod.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "provider": "wallet.providers.stripe.Stripe",
                "rail": rail,
                "hold_class": hold_class,
                "is_offered": are_offered,
            },
        )
        if created:
            method.regions.set(Region.objects.filter(code__in=regions))
            for currency, (bps, minor) in fees.items():
                MethodFee.objects.create(
                    method=method, currency=currency, fee_bps=bps, fee_minor=minor
                )


def _gift_card_method() -> None:
    """Never offered at the checkout: a card is redeemed on a page of its own."""
    PaymentMethod.objects.get_or_create(
        code="gift_card",
        defaults={
            "name": "Gift card",
            "provider": "wallet.gift_cards",
            "hold_class": HoldClass.GIFT_CARD,
            "is_offered": False,
        },
    )


def _seller() -> None:
    """Who receipts are from, until the operator writes in their own name."""
    if not Seller.objects.exists():
        Seller.objects.create(
            code="CARAT",
            name=settings.SITE_NAME,
            address="Write your address here: Admin, Sellers",
            country="DE",
            is_default=True,
        )


def _gifts() -> None:
    for slug, name, coins, category, streakable, seconds, level in GIFTS:
        gift, created = Gift.objects.get_or_create(slug=slug)
        if created:
            GiftVersion.objects.create(
                gift=gift,
                name=name,
                category=category,
                price_coins=coins,
                is_streakable=streakable,
                is_join_gift=slug == "join-heart",
                on_videos=coins in VIDEO_GIFT_COINS
                and category != Category.EXCLUSIVE
                and slug not in HIGHLIGHTS,
                highlight_s=HIGHLIGHTS.get(slug, 0),
                animation_ms=seconds * 1000,
                unlock_level=level,
                club_level=CLUB_GIFTS.get(slug),
                valid_from=OPENED_AT,
            )
