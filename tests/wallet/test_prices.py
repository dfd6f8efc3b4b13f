"""The price book: rows are added, never edited, and none sells a coin below its cost."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from wallet import cards, prices, queries, risk
from wallet.models import CoinPackage, Price, Region


def add(olga: User, code: str, **changed: Any) -> Price:
    now = timezone.now()
    fields: dict[str, Any] = {
        "region": Region.objects.get(pk=code),
        "channel": "web",
        "package": CoinPackage.objects.get(coins=70),
        "coins": 70,
        "amount_minor": 1,
        "valid_from": now,
        "created_by_id": olga.pk,
        "at": now,
    }
    return prices.add_price(**(fields | changed))


@pytest.mark.parametrize(
    ("code", "amount_minor"), [("US", 70), ("DE", 80), ("VN", 22_000), ("KW", 240)]
)
def test_a_new_row_takes_the_old_one_s_place_and_leaves_it_as_it_was(
    olga: User, code: str, amount_minor: int
) -> None:
    region = Region.objects.get(pk=code)
    old = next(
        p
        for p in queries.price_rows(region=region, channel="web", at=timezone.now())
        if p.coins == 70
    )

    new = add(olga, code, amount_minor=amount_minor)

    rows = queries.price_rows(region=region, channel="web", at=timezone.now())
    assert [p for p in rows if p.coins == 70] == [new]
    assert (new.amount_minor, new.currency) == (amount_minor, region.currency)
    assert new.created_by == olga
    assert Price.objects.filter(pk=old.pk, amount_minor=old.amount_minor).exists()
    assert len(rows) == 8


def test_a_row_for_later_changes_nothing_until_then(olga: User) -> None:
    region = Region.objects.get(pk="DE")
    now = timezone.now()

    new = add(
        olga, "DE", coins=100, package=None, amount_minor=110, valid_from=now + timedelta(days=9)
    )

    assert queries.rate_for(region=region, channel="web", at=now) != new
    assert queries.rate_for(region=region, channel="web", at=now + timedelta(days=9)) == new


@pytest.mark.parametrize(
    ("code", "amount_minor", "net"),
    [
        ("US", 39, Fraction(39, 7000) * Fraction(971, 1000)),
        (
            "DE",
            41,
            Fraction(41, 7000) * (Fraction(100, 119) - Fraction(15, 1000)) / Fraction(9, 10),
        ),
        ("VN", 11_000, Fraction(11_000, 70) * (Fraction(10, 11) - Fraction(29, 1000)) / 25_400),
        ("KW", 121, Fraction(121, 70_000) * Fraction(971, 1000) / Fraction(307, 1000)),
    ],
)
def test_a_price_below_the_floor_is_refused_with_its_numbers(
    olga: User, code: str, amount_minor: int, net: Fraction
) -> None:
    before = Price.objects.count()

    with pytest.raises(risk.MarginBelowFloor) as refusal:
        add(olga, code, amount_minor=amount_minor)

    (shortfall,) = refusal.value.shortfalls
    assert (shortfall.net, shortfall.cost, shortfall.floor) == (
        net,
        Fraction(5, 1000),
        Fraction(55, 10_000),
    )
    assert Price.objects.count() == before


def test_the_floor_itself_is_allowed_and_one_cent_less_is_not(olga: User) -> None:
    # 70 coins must bring in 70 x 0.0055 = 0.385 dollars; 0.40 x 0.971 = 0.3884, 0.39 gives 0.3787.
    with pytest.raises(risk.MarginBelowFloor):
        add(olga, "US", amount_minor=39)

    assert add(olga, "US", amount_minor=40).pk


def test_a_price_is_judged_by_an_announced_card_too(olga: User) -> None:
    now = timezone.now()
    cards.announce_rate_card(
        name="v2",
        diamonds_per_coin_milli=1000,
        diamond_usd=Decimal("0.006000"),
        hold_days={1: 3, 2: 7, 3: 7, 4: 14, 5: 30, 6: 30, 7: 45},
        notice_days=30,
        effective_at=now + timedelta(days=5),
        announced_by_id=olga.pk,
        at=now,
    )

    with pytest.raises(risk.MarginBelowFloor, match='"v2"'):
        add(olga, "US", amount_minor=41)
    add(olga, "US", amount_minor=74, valid_from=now + timedelta(days=5), at=now)

    # Now the low price would end before the dearer card begins.
    assert add(olga, "US", amount_minor=41, valid_from=now + timedelta(days=1), at=now).pk


def test_the_past_and_a_moment_that_is_taken_are_refused(olga: User) -> None:
    now = timezone.now()
    first = add(olga, "DE", amount_minor=80, valid_from=now + timedelta(days=1))
    before = Price.objects.count()

    with pytest.raises(prices.PriceInThePast):
        add(olga, "DE", amount_minor=90, valid_from=now - timedelta(seconds=1), at=now)
    with pytest.raises(prices.PriceDateTaken):
        add(olga, "DE", amount_minor=81, valid_from=first.valid_from)
    assert Price.objects.count() == before


def test_a_tax_that_rises_shows_which_regions_are_below_the_floor(db: None) -> None:
    assert prices.below_floor(at=timezone.now()) == []

    Region.objects.filter(pk="US").update(tax_bps=5000, tax_is_included=True)
    Region.objects.filter(pk="IN").update(tax_bps=5000)
    Price.objects.create(
        region_id="IN", coins=70, amount_minor=1, currency="INR", valid_from=timezone.now()
    )

    assert [s.offer.region.code for s in prices.below_floor(at=timezone.now())] == ["IN"]
