"""Golden tables: what every package costs in every region to the minor unit, and how it is written.

The prices of US, VN, MX, BR and PE are those seen in the field (domain.md, 7.1); the others follow
from the price of a coin, half-up. The exact amounts end where rounding shows.
"""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import pytest
from django.conf import settings
from django.utils import translation

from config.templatetags import carat
from wallet import money, quotes
from wallet.models import Region

PACKAGES: Final = (30, 70, 350, 700, 1400, 3500, 7000, 17500)
EXACT: Final = (33, 101, 2_500_000)

# region: currency; what a buyer pays for each package; the tax in each; for each exact amount
PRICES: Final = {
    "AE": ("AED", (131, 307, 1533, 3066, 6132, 15330, 30660, 76650),
           (6, 15, 73, 146, 292, 730, 1460, 3650), (145, 442, 10950000)),
    "BR": ("BRL", (162, 378, 1890, 3780, 7560, 18900, 37800, 94500),
           (15, 34, 172, 344, 687, 1718, 3436, 8591), (178, 545, 13500000)),
    "DE": ("EUR", (36, 84, 420, 840, 1680, 4200, 8400, 21000),
           (6, 13, 67, 134, 268, 671, 1341, 3353), (40, 121, 3000000)),
    "FR": ("EUR", (36, 84, 420, 840, 1680, 4200, 8400, 21000),
           (6, 14, 70, 140, 280, 700, 1400, 3500), (40, 121, 3000000)),
    "GB": ("GBP", (32, 74, 368, 735, 1470, 3675, 7350, 18375),
           (5, 12, 61, 123, 245, 613, 1225, 3063), (35, 106, 2625000)),
    "IE": ("EUR", (36, 84, 420, 840, 1680, 4200, 8400, 21000),
           (7, 16, 79, 157, 314, 785, 1571, 3927), (40, 121, 3000000)),
    "IN": ("INR", (3386, 7900, 39500, 79000, 158000, 395000, 790000, 1975000),
           (517, 1205, 6025, 12051, 24102, 60254, 120508, 301271), (3724, 11399, 282142857)),
    "JP": ("JPY", (53, 123, 613, 1225, 2450, 6125, 12250, 30625),
           (5, 11, 56, 111, 223, 557, 1114, 2784), (58, 177, 4375000)),
    "KE": ("KES", (4200, 9800, 49000, 98000, 196000, 490000, 980000, 2450000),
           (579, 1352, 6759, 13517, 27034, 67586, 135172, 337931), (4620, 14140, 350000000)),
    "KR": ("KRW", (480, 1120, 5600, 11200, 22400, 56000, 112000, 280000),
           (44, 102, 509, 1018, 2036, 5091, 10182, 25455), (528, 1616, 40000000)),
    "KW": ("KWD", (110, 250, 1230, 2450, 4900, 12250, 24500, 61250),
           (0, 0, 0, 0, 0, 0, 0, 0), (120, 350, 8750000)),  # charged in tens of fils
    "MX": ("MXN", (689, 1605, 8025, 16049, 32095, 80239, 160475, 401185),
           (95, 221, 1107, 2214, 4427, 11067, 22134, 55336), (757, 2315, 57312500)),
    "PE": ("PEN", (135, 309, 1545, 3089, 6179, 15445, 30889, 77225),
           (21, 47, 236, 471, 943, 2356, 4712, 11780), (146, 446, 11032500)),
    "US": ("USD", (32, 74, 370, 740, 1480, 3700, 7400, 18500),
           (0, 0, 0, 0, 0, 0, 0, 0), (35, 107, 2642857)),
    "VN": ("VND", (9800, 22750, 113900, 227700, 455300, 1138100, 2276200, 5690400),
           (891, 2068, 10355, 20700, 41391, 103464, 206927, 517309), (10725, 32825, 812500000)),
}  # fmt: skip

# region: the smallest and the largest package as an English page writes them
WRITTEN: Final = {
    "AE": ("AED 1.31", "AED 766.50"),
    "BR": ("R$1.62", "R$945.00"),
    "DE": ("€0.36", "€210.00"),
    "FR": ("€0.36", "€210.00"),
    "GB": ("£0.32", "£183.75"),
    "IE": ("€0.36", "€210.00"),
    "IN": ("₹33.86", "₹19,750.00"),
    "JP": ("¥53", "¥30,625"),
    "KE": ("KES 42.00", "KES 24,500.00"),
    "KR": ("₩480", "₩280,000"),
    "KW": ("KWD 0.110", "KWD 61.250"),
    "MX": ("MX$6.89", "MX$4,011.85"),
    "PE": ("PEN 1.35", "PEN 772.25"),
    "US": ("$0.32", "$185.00"),
    "VN": ("₫9,800", "₫5,690,400"),
}

# currency: decimals; one minor unit and 1,234,567 of them in English; the latter in a language
# that is read where the currency is, if Carat speaks it, else in French
CURRENCIES: Final = {
    "AED": (2, "AED 0.01", "AED 12,345.67", "fr", "12 345,67 AED"),
    "AUD": (2, "A$0.01", "A$12,345.67", "fr", "12 345,67 $AU"),
    "BRL": (2, "R$0.01", "R$12,345.67", "pt-br", "R$ 12.345,67"),
    "CAD": (2, "CA$0.01", "CA$12,345.67", "fr", "12 345,67 $CA"),
    "CHF": (2, "CHF 0.01", "CHF 12,345.67", "fr", "12 345,67 CHF"),
    "EUR": (2, "€0.01", "€12,345.67", "de", "12.345,67 €"),
    "GBP": (2, "£0.01", "£12,345.67", "en-gb", "£12,345.67"),
    "INR": (2, "₹0.01", "₹12,345.67", "hi", "₹12,345.67"),
    "JPY": (0, "¥1", "¥1,234,567", "ja", "￥1,234,567"),
    "KES": (2, "KES 0.01", "KES 12,345.67", "sw", "Ksh 12,345.67"),
    "KRW": (0, "₩1", "₩1,234,567", "ko", "₩1,234,567"),
    "KWD": (3, "KWD 0.001", "KWD 1,234.567", "fr", "1 234,567 KWD"),
    "MXN": (2, "MX$0.01", "MX$12,345.67", "es", "12.345,67 MXN"),
    "PEN": (2, "PEN 0.01", "PEN 12,345.67", "es", "12.345,67 PEN"),
    "USD": (2, "$0.01", "$12,345.67", "fr", "12 345,67 $US"),
    "VND": (0, "₫1", "₫1,234,567", "vi", "1.234.567 ₫"),
}


def plain(words: str) -> str:
    """Write the blanks that never break as others, to be compared by eye."""
    return words.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_tables_have_every_seeded_region_and_currency(db: None) -> None:
    assert set(PRICES) == set(WRITTEN) == set(Region.objects.values_list("pk", flat=True))
    assert set(CURRENCIES) == set(settings.CURRENCIES) == set(money.CURRENCY_NUMBERS)
    assert {CURRENCIES[currency][0] for currency, *_ in PRICES.values()} == {0, 2, 3}


@pytest.mark.parametrize("code", PRICES)
def test_what_is_charged_in_each_region_to_the_minor_unit(db: None, code: str) -> None:
    region = Region.objects.get(pk=code)
    till = quotes.till_of(region=region, at=datetime.now(UTC))

    packages = [(basket.coins, basket.offers[0].charge) for basket in till.packages()]
    exact = tuple(till.exact(coins).offers[0].charge.gross_minor for coins in EXACT)

    found = (
        region.currency,
        tuple(charge.gross_minor for _, charge in packages),
        tuple(charge.tax_minor for _, charge in packages),
        exact,
    )
    assert found == PRICES[code]
    assert tuple(coins for coins, _ in packages) == PACKAGES


@pytest.mark.parametrize("code", WRITTEN)
def test_how_each_region_s_prices_are_written(db: None, code: str) -> None:
    till = quotes.till_of(region=Region.objects.get(pk=code), at=datetime.now(UTC))
    baskets = till.packages()

    words = [plain(carat.money(one.offers[0].gross)) for one in (baskets[0], baskets[-1])]

    assert tuple(words) == WRITTEN[code]


@pytest.mark.parametrize("currency", CURRENCIES)
def test_how_each_currency_is_written(currency: str) -> None:
    decimals, least, english, language, local = CURRENCIES[currency]

    assert money.decimals(currency) == decimals
    assert [plain(carat.money((minor, currency))) for minor in (1, 1_234_567)] == [least, english]
    with translation.override(language):
        assert plain(carat.money((1_234_567, currency))) == local


@pytest.mark.parametrize("currency", CURRENCIES)
def test_minor_units_go_into_money_and_back_and_no_part_of_one_does(currency: str) -> None:
    for minor in (0, 1, 9, 10, 99, 1_000, 1_234_567, 10**15 + 1):
        assert money.minor(money.money(minor, currency)) == minor

    half = money.money(1, currency) / 2
    with pytest.raises(ValueError, match=f"{currency} has {CURRENCIES[currency][0]} decimals"):
        money.minor(half)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        (Fraction(1, 2), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),  # half up, not to even
        (Fraction(49999, 100000), 0),
        (Fraction(50001, 100000), 1),
        (Fraction(1225, 10), 123),  # 70 coins at 1.75 yen
        (Fraction(735, 6), 123),  # the tax in 7.35 pounds
        (Fraction(10**15, 3), 333_333_333_333_333),
    ],
)
def test_halves_are_rounded_up(exact: Fraction, rounded: int) -> None:
    assert money.half_up(exact) == rounded
