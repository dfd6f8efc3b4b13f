"""What may be paid for coins, and why not more: rules on facts, and the table Carat opens with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from wallet import facts, limits
from wallet.facts import Buyer, Counted
from wallet.models import PaymentKind, PurchaseLimit, Region, Tier, Window, tier_of

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CARD, CARRIER, BANK = PaymentKind.CARD, PaymentKind.CARRIER, PaymentKind.BANK

# A purchase / 24 hours / 30 days, for new | active | verified accounts. "!": a cap of law or
# network; "*": in the first 24 hours of a new method.
GOLDEN = """
AE card: 360/720/2880 | 900/1800/7200 | 3600/7200/28800
AE wallet: 360/720/2880 | 900/1800/7200 | 3600/7200/28800
AE bank: 720/720/2880 | 1800/1800/7200 | 7200/7200/28800
AE carrier: 44/88/220 | 110/220/550 | 440/880/2200
AE gift_card: 144/288/720 | 360/720/1800 | 1440/2880/7200
BR card: 400/800/3200 | 1000/2000/8000 | 4000/8000/32000
BR wallet: 400/800/3200 | 1000/2000/8000 | 4000/8000/32000
BR bank: 1000!/2000!/8000! | 1000!/2000!/8000! | 1000!/2000!/8000!
BR carrier: 40/80/200 | 100/200/500 | 400/800/2000
BR gift_card: 80/160/400 | 200/400/1000 | 800/1600/4000
DE card: 100/200/800 | 250/500/2000 | 1000/2000/8000
DE wallet: 100/200/800 | 250/500/2000 | 1000/2000/8000
DE bank: 200/200/800 | 500/500/2000 | 2000/2000/8000
DE carrier: 50!/100!/300! | 50!/100!/300! | 50!/100!/300!
DE gift_card: 40/80/200 | 100/200/500 | 400/800/2000
FR card: 100/200/800 | 250/500/2000 | 1000/2000/8000
FR wallet: 100/200/800 | 250/500/2000 | 1000/2000/8000
FR bank: 200/200/800 | 500/500/2000 | 2000/2000/8000
FR carrier: 50!/100!/300! | 50!/100!/300! | 50!/100!/300!
FR gift_card: 40/80/200 | 100/200/500 | 400/800/2000
GB card: 80/160/640 | 200/400/1600 | 800/1600/6400
GB wallet: 80/160/640 | 200/400/1600 | 800/1600/6400
GB bank: 160/160/640 | 400/400/1600 | 1600/1600/6400
GB carrier: 40!/80!/240! | 40!/80!/240! | 40!/80!/240!
GB gift_card: 40/80/160 | 100/200/400 | 400/800/1600
IE card: 100/200/800 | 250/500/2000 | 1000/2000/8000
IE wallet: 100/200/800 | 250/500/2000 | 1000/2000/8000
IE bank: 200/200/800 | 500/500/2000 | 2000/2000/8000
IE carrier: 50!/100!/300! | 50!/100!/300! | 50!/100!/300!
IE gift_card: 40/80/200 | 100/200/500 | 400/800/2000
IN card: 6000/12000/40000 | 15000/30000/100000 | 60000/120000/400000
IN wallet: 6000/12000/40000 | 15000/30000/100000 | 60000/120000/400000
IN bank: 50000!/5000!*/100000! | 50000!/5000!*/100000! | 50000!/5000!*/100000!
IN carrier: 400/800/2000 | 1000/2000/5000 | 4000/8000/20000
IN gift_card: 2000/4000/10000 | 5000/10000/25000 | 20000/40000/100000
JP card: 15000/30000/120000 | 37500/75000/300000 | 150000/300000/1200000
JP wallet: 15000/30000/120000 | 37500/75000/300000 | 150000/300000/1200000
JP bank: 30000/30000/120000 | 75000/75000/300000 | 300000/300000/1200000
JP carrier: 1800/3600/9000 | 4500/9000/22500 | 18000/36000/90000
JP gift_card: 6000/12000/30000 | 15000/30000/75000 | 60000/120000/300000
KE card: 10000/20000/60000 | 25000/50000/150000 | 100000/200000/600000
KE bank: 50000!/150000!/300000! | 50000!/150000!/300000! | 50000!/150000!/300000!
KE carrier: 800/1600/4000 | 2000/4000/10000 | 8000/16000/40000
KE gift_card: 2000/4000/10000 | 5000/10000/25000 | 20000/40000/100000
KR card: 136000/272000/1080000 | 340000/680000/2700000 | 1360000/2720000/10800000
KR wallet: 136000/272000/1080000 | 340000/680000/2700000 | 1360000/2720000/10800000
KR bank: 272000/272000/1080000 | 680000/680000/2700000 | 2720000/2720000/10800000
KR carrier: 16000/32000/80000 | 40000/80000/200000 | 160000/320000/800000
KR gift_card: 54000/108000/270000 | 135000/270000/675000 | 540000/1080000/2700000
KW card: 30/60/240 | 75/150/600 | 300/600/2400
KW wallet: 30/60/240 | 75/150/600 | 300/600/2400
KW bank: 60/60/240 | 150/150/600 | 600/600/2400
KW carrier: 3.6/7.2/18 | 9/18/45 | 36/72/180
KW gift_card: 12/24/60 | 30/60/150 | 120/240/600
MX card: 1800/3600/14400 | 4500/9000/36000 | 18000/36000/144000
MX wallet: 1800/3600/14400 | 4500/9000/36000 | 18000/36000/144000
MX bank: 3600/3600/14400 | 9000/9000/36000 | 36000/36000/144000
MX carrier: 220/440/1100 | 550/1100/2750 | 2200/4400/11000
MX gift_card: 720/1440/3600 | 1800/3600/9000 | 7200/14400/36000
PE card: 360/720/2880 | 900/1800/7200 | 3600/7200/28800
PE wallet: 360/720/2880 | 900/1800/7200 | 3600/7200/28800
PE bank: 720/720/2880 | 1800/1800/7200 | 7200/7200/28800
PE carrier: 44/88/220 | 110/220/550 | 440/880/2200
PE gift_card: 144/288/720 | 360/720/1800 | 1440/2880/7200
US card: 100/200/800 | 250/500/2000 | 1000/2000/8000
US wallet: 100/200/800 | 250/500/2000 | 1000/2000/8000
US bank: 200/200/800 | 500/500/2000 | 2000/2000/8000
US carrier: 12/24/60 | 30/60/150 | 120/240/600
US gift_card: 40/80/200 | 100/200/500 | 400/800/2000
VN card: 2280000/4560000/18000000 | 5700000/11400000/45000000 | 22800000/45600000/180000000
VN wallet: 2280000/4560000/18000000 | 5700000/11400000/45000000 | 22800000/45600000/180000000
VN bank: 2280000/4560000/18000000 | 5700000/11400000/45000000 | 22800000/45600000/180000000
VN carrier: 80000/160000/400000 | 200000/400000/1000000 | 800000/1600000/4000000
VN gift_card: 400000/800000/2000000 | 1000000/2000000/5000000 | 4000000/8000000/20000000
"""


def written(line: limits.Line) -> str:
    marks = ("!" if line.set_by == limits.Source.LAW else "") + ("*" if line.is_first_day else "")
    return f"{line.amount.amount.normalize():f}{marks}"


def test_the_table_of_limits_is_as_published(db: None) -> None:
    table = []
    for region in Region.objects.order_by("pk"):
        rows = list(facts.rows_in_force(region=region, at=timezone.now()))
        for kind in PaymentKind:
            cells = [
                "/".join(
                    written(line) for line in limits.published(rows=rows, kind=kind, tier=tier)
                )
                for tier in Tier
            ]
            if any(cells):
                table.append(f"{region.pk} {kind.value}: {' | '.join(cells)}")

    assert table == GOLDEN.strip().split("\n")


def row(kind: PaymentKind = CARD, **fields: Any) -> PurchaseLimit:
    """Germany's row of the opening table, unless said otherwise."""
    values: dict[str, Any] = {
        "region_id": "DE", "kind": kind, "currency": "EUR", "purchase_minor": 250_00,
        "day_minor": 500_00, "month_minor": 2_000_00, "new_bps": 4_000, "verified_bps": 40_000,
    }  # fmt: skip
    return PurchaseLimit(**(values | fields))


def buyer(*paid: Counted, **fields: Any) -> Buyer:
    """Somebody who has bought before and joined long ago."""
    values: dict[str, Any] = {
        "at": AT,
        "region": Region(pk="DE", name="Germany", currency="EUR"),
        "tier": Tier.ACTIVE,
        "rows": [row()],
        "counted": sorted(paid, key=lambda one: one.at),
        "first_paid_at": {kind: AT - timedelta(days=300) for kind in PaymentKind},
    }
    return Buyer(**(values | fields))


def paid(amount_minor: int, *, ago: timedelta, kind: PaymentKind = CARD) -> Counted:
    return Counted(kind=kind, amount_minor=amount_minor, at=AT - ago, is_open=False)


def opened(amount_minor: int) -> Counted:
    return Counted(kind=CARD, amount_minor=amount_minor, at=AT, is_open=True)


@pytest.mark.parametrize(
    ("days", "has_paid", "is_verified", "tier"),
    [
        (0, False, False, "new"),
        (29, True, False, "new"),
        (30, True, False, "active"),
        (400, False, False, "new"),
        (400, True, False, "active"),
        (0, False, True, "verified"),
    ],
)
def test_trust_grows_with_time_and_a_purchase_and_identity(
    days: int, has_paid: bool, is_verified: bool, tier: str
) -> None:
    found = tier_of(
        joined_at=AT - timedelta(days=days), has_paid=has_paid, is_verified=is_verified, at=AT
    )

    assert found == tier


def test_a_purchase_up_to_the_limit_passes_and_one_cent_more_does_not() -> None:
    limits.check(buyer=buyer(), kind=CARD, amount_minor=250_00)

    with pytest.raises(limits.LimitReached) as refused:
        limits.check(buyer=buyer(), kind=CARD, amount_minor=250_01)

    assert refused.value.line.window == Window.PURCHASE
    assert refused.value.again_at is None
    assert str(refused.value) == (
        "The limit by card is €250.00 a purchase. Buy fewer coins, or choose another way to pay."
    )


def test_what_was_paid_in_the_window_counts_and_the_refusal_says_when_it_fits() -> None:
    someone = buyer(
        paid(200_00, ago=timedelta(hours=20)),
        paid(200_00, ago=timedelta(hours=5)),
        paid(400_00, ago=timedelta(hours=25)),  # no more
    )
    limits.check(buyer=someone, kind=CARD, amount_minor=100_00)

    with pytest.raises(limits.LimitReached) as refused:
        limits.check(buyer=someone, kind=CARD, amount_minor=150_00)

    assert refused.value.again_at == AT + timedelta(hours=4)
    assert str(refused.value) == (
        "The limit by card is €500.00 in any 24 hours. You have used €400.00 of it, so €100.00 is "
        "left. This purchase fits again from 22 November 2026, 16:00 UTC. Buy fewer coins, or "
        "choose another way to pay."
    )


def test_a_line_says_use_what_is_left_and_when_it_resets() -> None:
    someone = buyer(paid(120_00, ago=timedelta(hours=20)), paid(80_00, ago=timedelta(hours=5)))

    purchase, day, month = limits.lines(buyer=someone, kind=CARD)

    assert (purchase.used_minor, purchase.left_minor, purchase.resets_at) == (0, 250_00, None)
    assert (day.used_minor, day.left_minor) == (200_00, 300_00)
    assert day.room_at == AT + timedelta(hours=4)
    assert day.resets_at == AT + timedelta(hours=19)
    assert month.resets_at == AT + timedelta(days=30) - timedelta(hours=5)


def test_what_is_open_counts_and_is_said() -> None:
    someone = buyer(opened(240_00), opened(240_00))

    with pytest.raises(limits.LimitReached, match=r"€480\.00 of that is not paid yet"):
        limits.check(buyer=someone, kind=CARD, amount_minor=30_00)


def test_money_that_went_back_is_free_again_and_the_purchase_still_counts_as_one() -> None:
    whole = replace(paid(0, ago=timedelta(hours=22)), returned_minor=300_00)
    part = replace(paid(80_00, ago=timedelta(hours=5)), returned_minor=40_00)
    someone = buyer(whole, part)

    _, day, _ = limits.lines(buyer=someone, kind=CARD)

    assert (day.used_minor, day.left_minor, day.returned_minor) == (80_00, 420_00, 340_00)
    assert day.room_at == day.resets_at == AT + timedelta(hours=19)
    assert str(day.returned) == "€340.00"
    limits.check(buyer=someone, kind=CARD, amount_minor=250_00)
    five = buyer(*(replace(whole, at=AT - timedelta(hours=hours)) for hours in range(1, 6)))
    with pytest.raises(limits.TooManyPurchases):
        limits.check(buyer=five, kind=CARD, amount_minor=1)


def test_a_window_in_which_all_went_back_has_nothing_to_reset() -> None:
    someone = buyer(replace(paid(0, ago=timedelta(hours=2)), returned_minor=300_00))

    _, day, month = limits.lines(buyer=someone, kind=CARD)

    assert (day.used_minor, day.room_at, day.resets_at) == (0, None, None)
    assert (month.used_minor, month.returned_minor) == (0, 300_00)


def test_another_way_to_pay_has_its_own_limit() -> None:
    someone = buyer(
        paid(500_00, ago=timedelta(hours=1), kind=BANK), rows=[row(), row(BANK, is_hard=True)]
    )

    limits.check(buyer=someone, kind=CARD, amount_minor=250_00)
    with pytest.raises(limits.LimitReached):
        limits.check(buyer=someone, kind=BANK, amount_minor=1)


def test_a_new_account_pays_less_and_a_verified_one_more_but_never_over_a_cap() -> None:
    cap = row(is_hard=True, purchase_minor=300_00, new_bps=10_000, verified_bps=10_000)
    new = buyer(tier=Tier.NEW, rows=[row(), cap])
    verified = replace(new, tier=Tier.VERIFIED)

    assert [line.amount_minor for line in limits.lines(buyer=new, kind=CARD)] == [
        100_00, 200_00, 800_00,
    ]  # fmt: skip
    (most, *_) = limits.lines(buyer=verified, kind=CARD)
    assert (most.amount_minor, most.set_by) == (300_00, limits.Source.LAW)
    with pytest.raises(limits.LimitReached, match="The limit by law or payment network by card"):
        limits.check(buyer=verified, kind=CARD, amount_minor=300_01)


def test_the_first_day_of_a_new_method_has_its_own_cap() -> None:
    upi = row(BANK, is_hard=True, day_minor=1_000_00, first_day_minor=50_00)
    someone = buyer(rows=[upi], first_paid_at={})
    later = replace(someone, first_paid_at={BANK: AT - timedelta(days=1)})

    with pytest.raises(limits.LimitReached, match=r"€50\.00 in the first 24 hours of a new way"):
        limits.check(buyer=someone, kind=BANK, amount_minor=50_01)
    limits.check(buyer=later, kind=BANK, amount_minor=250_00)


def test_a_way_to_pay_without_limits_cannot_be_used() -> None:
    with pytest.raises(limits.NoLimitSet, match="Phone bill cannot be used in Germany yet"):
        limits.check(buyer=buyer(), kind=CARRIER, amount_minor=1)


def test_ones_own_limit_is_over_every_way_to_pay_and_names_itself() -> None:
    someone = buyer(
        paid(40_00, ago=timedelta(days=6), kind=BANK),
        paid(40_00, ago=timedelta(days=1)),
        own={Window.WEEK: 100_00},
    )

    with pytest.raises(limits.LimitReached) as refused:
        limits.check(buyer=someone, kind=CARD, amount_minor=20_01)

    assert str(refused.value) == (
        "Your own limit is €100.00 in any 7 days. You have used €80.00 of it, so €20.00 is left. "
        "This purchase fits again from 23 November 2026, 12:00 UTC. Buy fewer coins, or change "
        "your limit: raising it takes at least 24 hours."
    )


def test_of_several_limits_the_one_that_lasts_longest_is_named() -> None:
    someone = buyer(paid(490_00, ago=timedelta(hours=1)), own={Window.MONTH: 495_00})

    with pytest.raises(limits.LimitReached) as refused:
        limits.check(buyer=someone, kind=CARD, amount_minor=20_00)

    assert refused.value.line.set_by == limits.Source.OWN
    assert refused.value.again_at == AT + timedelta(days=30) - timedelta(hours=1)


def test_a_break_refuses_everything_until_it_ends() -> None:
    someone = buyer(time_out_until=AT + timedelta(minutes=1))

    with pytest.raises(limits.TimedOut, match="until 22 November 2026, 12:01 UTC"):
        limits.check(buyer=someone, kind=CARD, amount_minor=1)
    limits.check(buyer=replace(someone, time_out_until=AT), kind=CARD, amount_minor=1)


def test_five_purchases_a_day_are_the_most_and_open_ones_count(settings: LazySettings) -> None:
    assert settings.PURCHASES_A_DAY_MAX == 5
    four = [paid(1_00, ago=timedelta(hours=hours)) for hours in (20, 15, 10, 5)]
    limits.check(buyer=buyer(*four), kind=CARD, amount_minor=1_00)

    with pytest.raises(limits.TooManyPurchases, match="cancel what you do not want") as refused:
        limits.check(buyer=buyer(*four, opened(1_00)), kind=CARD, amount_minor=1_00)

    assert refused.value.again_at == AT + timedelta(hours=4)


@pytest.mark.parametrize(("whose", "most"), [("attempts", 15), ("network_attempts", 60)])
def test_too_many_attempts_of_a_person_or_a_network_are_refused(whose: str, most: int) -> None:
    tries = [AT - timedelta(days=6) + timedelta(minutes=number) for number in range(most)]
    limits.check(buyer=buyer(**{whose: tries[1:]}), kind=CARD, amount_minor=1_00)

    with pytest.raises(limits.TooManyAttempts) as refused:
        limits.check(buyer=buyer(**{whose: tries}), kind=CARD, amount_minor=1_00)

    assert refused.value.again_at == AT + timedelta(days=1)


def test_more_cards_than_three_a_week_stop_the_next_purchase() -> None:
    cards = {
        name: AT - timedelta(days=days) for name, days in zip("abcd", (6, 5, 4, 1), strict=True)
    }
    three = {name: cards[name] for name in "bcd"}
    limits.check(buyer=buyer(instruments=three), kind=CARD, amount_minor=1_00)

    with pytest.raises(limits.TooManyInstruments, match="4 different cards") as refused:
        limits.check(buyer=buyer(instruments=cards), kind=CARD, amount_minor=1_00)

    assert refused.value.again_at == AT + timedelta(days=1)
