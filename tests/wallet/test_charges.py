"""What a buyer is charged, by properties and by the examples that break naive money code."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from wallet import charges, quotes, risk
from wallet.models import FxRate, HoldClass, PaymentMethod, RateCard, Region
from wallet.providers import stripe_units
from wallet.providers.base import Declined


def region(*, tax_bps: int, included: bool) -> Region:
    return Region(code="T", currency="EUR", tax_bps=tax_bps, tax_is_included=included)


@given(
    price=st.fractions(min_value=Fraction(1, 100), max_value=10**9, max_denominator=1000),
    tax_bps=st.integers(0, 5000),
    included=st.booleans(),
    step=st.sampled_from([1, 10, 100]),
)
def test_a_charge_is_in_steps_near_its_price_and_its_tax_is_within_it(
    price: Fraction, tax_bps: int, included: bool, step: int
) -> None:
    charge = charges.charge(
        price_minor=price, region=region(tax_bps=tax_bps, included=included), step_minor=step
    )

    exact = price if included else price * (1 + Fraction(tax_bps, 10_000))
    assert charge.gross_minor % step == 0
    assert charge.gross_minor >= step
    assert abs(charge.gross_minor - exact) <= Fraction(step, 2) or charge.gross_minor == step
    exact_tax = charge.gross_minor * Fraction(tax_bps, 10_000 + tax_bps)
    assert abs(charge.tax_minor - exact_tax) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("price", "tax_bps", "included", "gross", "tax"),
    [
        (Fraction(840), 1900, True, 840, 134),
        (Fraction(1000), 850, False, 1085, 85),
        (Fraction(1, 2), 0, True, 1, 0),  # half-up
        (Fraction(1, 100), 0, True, 1, 0),  # nothing is free
    ],
)
def test_tax_is_taken_out_or_added(
    price: Fraction, tax_bps: int, included: bool, gross: int, tax: int
) -> None:
    charge = charges.charge(price_minor=price, region=region(tax_bps=tax_bps, included=included))

    assert (charge.gross_minor, charge.tax_minor) == (gross, tax)


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [
        (840, "EUR", 840),
        (1750, "JPY", 1750),
        (3500, "KWD", 3500),
        (12, "ISK", 1200),
        (12, "UGX", 1200),
    ],
)
def test_amounts_are_sent_as_stripe_counts_and_read_back(
    amount: int, currency: str, sent: int
) -> None:
    assert stripe_units.to_stripe(amount, currency) == sent
    assert stripe_units.from_stripe(sent, currency) == amount


def test_part_of_a_minor_unit_is_no_amount() -> None:
    with pytest.raises(Declined):
        stripe_units.from_stripe(1250, "ISK")


@pytest.mark.parametrize(
    ("booked", "fee"),
    [
        ({"currency": "eur", "fee": 54, "exchange_rate": None}, 54),
        # Settled in dollars at 1.25 a euro: 68 cents are 54.4 euro cents.
        ({"currency": "usd", "fee": 68, "exchange_rate": 1.25}, 54),
        ({"currency": "usd", "fee": 68, "exchange_rate": None}, None),
        (None, None),
    ],
)
def test_the_fee_is_told_in_the_currency_of_the_payment(
    booked: dict[str, object] | None, fee: int | None
) -> None:
    assert stripe_units.fee_minor(booked, "EUR") == fee


@pytest.mark.parametrize(
    ("method", "is_authenticated", "held"),
    [
        (HoldClass.CARD, False, HoldClass.CARD),
        (HoldClass.CARD, True, HoldClass.CARD_3DS),
        (HoldClass.BANK, True, HoldClass.BANK),
    ],
)
def test_only_a_card_waits_less_for_being_authenticated(
    method: HoldClass, is_authenticated: bool, held: HoldClass
) -> None:
    assert charges.hold_class(method_class=method, is_authenticated=is_authenticated) == held


def test_the_creators_part_is_rounded_down() -> None:
    card = RateCard(diamonds_per_coin_milli=1000, diamond_usd=Decimal("0.005"))

    minor = charges.creator_minor(coins=33, card=card, currency="EUR", per_usd=Decimal("0.9"))

    assert minor == 14  # of 14.85


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("US", "card"), ("MX", "card"), ("BR", "card"), ("PE", "card"), ("VN", "card"),
        ("AE", "card"), ("IN", "card"), ("GB", "card"), ("DE", "card"), ("JP", "card"),
        ("KE", "card"), ("KW", "card"),
        ("US", "paypal"), ("GB", "bank"), ("DE", "bank"), ("BR", "pix"), ("IN", "upi"),
    ],
)  # fmt: skip
def test_from_the_amount_a_method_names_it_is_offered_and_keeps_the_floor(
    db: None, country: str, code: str, settings: LazySettings
) -> None:
    PaymentMethod.objects.update(is_offered=True)
    till = quotes.open_till(country=country, at=datetime.now(UTC))
    first = next(one for one in till.exact(30).offers if one.code == code).from_coins
    assert first is not None

    for coins in range(first, first + 40):
        quote = till.exact(coins).quote(code)
        net = quote.gross_minor - quote.tax_minor - quote.fee_minor
        earned = risk.in_usd(Fraction(net), currency=quote.currency, per_usd=till.per_usd)
        floor = risk.floor_per_coin(
            cost=coins * risk.cost_per_coin(card=till.card), floor_bps=settings.MARGIN_FLOOR_BPS
        )
        unit = risk.in_usd(Fraction(1), currency=quote.currency, per_usd=till.per_usd)
        assert earned >= floor - unit  # tax and fee are each rounded by half a minor unit


def test_below_that_amount_a_method_is_refused_with_the_number(db: None) -> None:
    fan = factories.make_user("fan")

    with pytest.raises(quotes.MethodNotOffered, match="from 52 coins"):
        quotes.quote(user=fan, coins=30, method_code="card", at=datetime.now(UTC))


def test_without_the_rule_a_coin_would_be_sold_for_less_than_it_costs(
    db: None, settings: LazySettings
) -> None:
    """The control: with no floor at all the method is offered where the creator's part is eaten."""
    fan = factories.make_user("fan")
    settings.MARGIN_FLOOR_BPS = -10_000

    quote = quotes.quote(user=fan, coins=45, method_code="card", at=datetime.now(UTC))

    assert quote.gross_minor - quote.tax_minor - quote.fee_minor == 19
    assert quote.creator_minor == 20


def test_a_rate_that_is_too_old_stops_selling_in_that_currency_only(db: None) -> None:
    fan, dollar_fan = factories.make_user("fan"), factories.make_user("other", country="US")
    at = datetime.now(UTC) + timedelta(hours=200)
    assert FxRate.objects.filter(currency="EUR").exists()

    with pytest.raises(quotes.BuyingPaused, match="out of date"):
        quotes.quote(user=fan, coins=700, method_code="card", at=at)

    assert quotes.quote(user=dollar_fan, coins=700, method_code="card", at=at).gross_minor == 740


@pytest.mark.parametrize("coins", [29, 2_500_001, 0, -5])
def test_other_numbers_of_coins_are_not_sold(db: None, coins: int) -> None:
    fan = factories.make_user("fan")

    with pytest.raises(quotes.AmountNotSold, match="from 30 to 2,500,000"):
        quotes.quote(user=fan, coins=coins, method_code="card", at=datetime.now(UTC))


def test_a_method_that_is_not_of_the_region_is_refused(db: None) -> None:
    fan = factories.make_user("fan")
    PaymentMethod.objects.get(code="card").regions.remove(Region.objects.get(code="DE"))

    with pytest.raises(quotes.MethodNotOffered):
        quotes.quote(user=fan, coins=700, method_code="card", at=datetime.now(UTC))
