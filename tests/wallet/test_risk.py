"""The margin floor, exact, in four currencies with 0, 2 and 3 decimals."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet import risk
from wallet.models import MethodFee, Price, RateCard, Region
from wallet.money import half_up

CARD = RateCard(diamonds_per_coin_milli=1000, diamond_usd=Decimal("0.005000"))

# region, price row, method's share, rate: what a coin brings in, in dollars.
MARKETS = {
    "US": ("USD", 0, False, (74, 70), (290, 30), "1"),
    "DE": ("EUR", 1900, True, (120, 100), (150, 25), "0.9000"),
    "VN": ("VND", 1000, True, (325, 1), (290, 5000), "25400"),
    "KW": ("KWD", 0, True, (35, 10), (290, 75), "0.3070"),
}


def market(code: str) -> tuple[Region, Price, MethodFee, Decimal]:
    currency, tax_bps, included, (minor, coins), (bps, fixed), per_usd = MARKETS[code]
    region = Region(code=code, currency=currency, tax_bps=tax_bps, tax_is_included=included)
    price = Price(region=region, amount_minor=minor, coins=coins, currency=currency)
    return (
        region,
        price,
        MethodFee(currency=currency, fee_bps=bps, fee_minor=fixed),
        Decimal(per_usd),
    )


@pytest.mark.parametrize(
    ("code", "exact"),
    [
        ("US", Fraction(74, 7000) * Fraction(971, 1000)),
        ("DE", Fraction(12, 1000) * (Fraction(100, 119) - Fraction(15, 1000)) / Fraction(9, 10)),
        ("VN", 325 * (Fraction(10, 11) - Fraction(29, 1000)) / 25400),
        ("KW", Fraction(35, 10000) * Fraction(971, 1000) / Fraction(307, 1000)),
    ],
)
def test_what_a_coin_brings_in_is_exact_in_each_currency(code: str, exact: Fraction) -> None:
    region, price, fee, per_usd = market(code)

    net = risk.net_per_coin(price=price, region=region, fee_bps=fee.fee_bps, per_usd=per_usd)

    assert net == exact


def test_tax_on_top_of_the_price_costs_the_method_s_share_of_it_and_no_more() -> None:
    region = Region(currency="USD", tax_bps=1000, tax_is_included=False)

    assert risk.share_kept(region=region, fee_bps=300) == 1 - Fraction(11, 10) * Fraction(3, 100)


def test_a_coin_costs_its_diamonds_at_the_card_s_value() -> None:
    card = RateCard(diamonds_per_coin_milli=375, diamond_usd=Decimal("0.012000"))

    assert risk.cost_per_coin(card=card) == Fraction(45, 10_000)


def test_the_floor_is_kept_at_exactly_its_amount_and_not_a_hair_below() -> None:
    cost = Fraction(5, 1000)
    floor = Fraction(55, 10_000)

    assert risk.margin_ok(net=floor, cost=cost, floor_bps=1000)
    assert not risk.margin_ok(net=floor - Fraction(1, 10**12), cost=cost, floor_bps=1000)


@pytest.mark.parametrize(("code", "coins"), [("US", 64), ("DE", 52), ("VN", 35), ("KW", 45)])
def test_a_fixed_fee_is_carried_from_a_number_of_coins_on(code: str, coins: int) -> None:
    region, rate, fee, per_usd = market(code)

    least = risk.method_from_coins(
        rate=rate, region=region, fee=fee, card=CARD, per_usd=per_usd, floor_bps=1000
    )

    assert least == coins


def test_a_method_whose_share_alone_breaks_the_floor_is_never_offered() -> None:
    region, rate, _fee, per_usd = market("US")
    dear = MethodFee(currency="USD", fee_bps=5000, fee_minor=0)

    least = risk.method_from_coins(
        rate=rate, region=region, fee=dear, card=CARD, per_usd=per_usd, floor_bps=1000
    )

    assert least is None


@given(code=st.sampled_from(sorted(MARKETS)), more=st.integers(0, 5000))
def test_every_charge_from_that_number_on_keeps_the_floor_after_rounding(
    code: str, more: int
) -> None:
    region, rate, fee, per_usd = market(code)
    least = risk.method_from_coins(
        rate=rate, region=region, fee=fee, card=CARD, per_usd=per_usd, floor_bps=1000
    )
    assert least is not None
    coins = least + more

    assert risk.charge_ok(
        amount_minor=half_up(rate.minor_per_coin * coins),
        coins=coins,
        region=region,
        fee=fee,
        card=CARD,
        per_usd=per_usd,
        floor_bps=1000,
    )


@pytest.mark.parametrize("code", sorted(MARKETS))
def test_control_well_below_that_number_the_floor_is_broken(code: str) -> None:
    region, rate, fee, per_usd = market(code)
    coins = 20

    assert not risk.charge_ok(
        amount_minor=half_up(rate.minor_per_coin * coins),
        coins=coins,
        region=region,
        fee=fee,
        card=CARD,
        per_usd=per_usd,
        floor_bps=1000,
    )
