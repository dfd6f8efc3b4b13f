"""Several ways to pay: each where it can be used, the one last used first, through the doors."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.standin import Standin
from tests.wallet.test_pages import fan, fields
from tests.wallet.test_webhooks import now, start
from wallet import ledger, payments, purchases, quotes
from wallet.models import HoldClass, PaymentMethod, Purchase, Region

__all__ = ("fan",)


@pytest.fixture(autouse=True)
def every_way(db: None) -> None:
    """An operator whose account has all seeded ways to pay switched on."""
    PaymentMethod.objects.update(is_offered=True)


def proposed(page: str) -> str:
    """The code of the method that is checked on the checkout page."""
    found = re.search(r'name="method" value="([\w-]+)" required[^>]* checked', page)
    assert found is not None
    return found[1]


def codes(country: str) -> list[str]:
    till = quotes.open_till(country=country, at=now())
    return [method.code for method in till.methods]


def test_new_installations_offer_the_card_alone(standin: Standin, alice: User) -> None:
    PaymentMethod.objects.exclude(code="card").update(is_offered=False)

    assert codes("DE") == codes("BR") == ["card"]


def test_the_nearest_method_says_from_how_many_coins_it_is_offered(
    standin: Standin, fan: Client
) -> None:
    page = fan.get("/coins/", {"coins": 30}).content.decode()

    assert "Pay by bank is offered from 42 coins" in page
    assert "/coins/checkout/?coins=42" in page


def test_each_region_offers_its_own_ways_to_pay(standin: Standin, alice: User) -> None:
    assert codes("DE") == ["bank", "card", "paypal"]
    assert codes("BR") == ["card", "pix"]
    assert codes("JP") == ["card"]


def test_a_method_whose_rail_does_not_take_the_currency_is_not_offered(
    standin: Standin, alice: User
) -> None:
    PaymentMethod.objects.get(code="pix").regions.add(Region.objects.get(code="DE"))

    assert "pix" not in codes("DE")
    with pytest.raises(quotes.MethodNotOffered):
        start_by("pix", alice)
    assert not Purchase.objects.exists()


def start_by(code: str, user: User) -> Purchase:
    return purchases.start_purchase(
        purchase_id=ledger.new_operation_id(), user=user, coins=700, method_code=code, at=now()
    )


def test_an_instant_bank_transfer_is_paid_and_waits_less_than_a_card(
    standin: Standin, alice: User
) -> None:
    purchase = start_by("bank", alice)
    assert standin.http.get(purchase.checkout_url).text.count("by Pay by bank") == 1

    standin.pay(purchase.checkout_ref, "pay_by_bank", "approve")
    paid = payments.settle_purchase(purchase_id=purchase.pk, at=now())

    assert (paid.state, paid.hold_class) == ("credited", HoldClass.BANK)


def test_the_card_is_proposed_until_another_method_was_paid_with(
    standin: Standin, fan: Client, alice: User
) -> None:
    before = fan.get("/coins/checkout/", {"coins": 700}).content.decode()
    purchase = start_by("paypal", alice)
    unpaid = fan.get("/coins/checkout/", {"coins": 700}).content.decode()
    standin.pay(purchase.checkout_ref, "paypal", "approve")
    payments.settle_purchase(purchase_id=purchase.pk, at=now())

    after = fan.get("/coins/checkout/", {"coins": 700}).content.decode()

    assert (proposed(before), proposed(unpaid), proposed(after)) == ("card", "card", "paypal")
    assert "You paid with it last time." in after
    assert "You paid with it last time." not in before


def test_what_others_paid_with_is_not_proposed(
    standin: Standin, fan: Client, mallory: User
) -> None:
    purchase = start_by("paypal", mallory)
    standin.pay(purchase.checkout_ref, "paypal", "approve")
    payments.settle_purchase(purchase_id=purchase.pk, at=now())

    page = fan.get("/coins/checkout/", {"coins": 700}).content.decode()

    assert proposed(page) == "card"


def test_the_preferred_method_gives_way_where_it_is_too_dear(
    standin: Standin, fan: Client, alice: User
) -> None:
    purchase = start_by("paypal", alice)
    standin.pay(purchase.checkout_ref, "paypal", "approve")
    payments.settle_purchase(purchase_id=purchase.pk, at=now())
    till = quotes.open_till(country="DE", at=now())
    from_coins = {offer.code: offer.from_coins for offer in till.exact(700).offers}
    assert from_coins["paypal"] is not None
    assert from_coins["bank"] is not None
    few = from_coins["paypal"] - 1

    page = fan.get("/coins/checkout/", {"coins": few}).content.decode()

    assert proposed(page) != "paypal"


def test_choosing_a_method_shows_where_the_money_goes_by_it(standin: Standin, fan: Client) -> None:
    asked: dict[str, Any] = {"coins": 700, "method": "paypal"}

    part = fan.get("/coins/checkout/", asked, headers={"HX-Request": "true"}).content.decode()
    whole = fan.get("/coins/checkout/", asked).content.decode()

    assert "PayPal fee" in part
    assert "Card fee" not in part
    assert "<html" not in part
    assert proposed(whole) == "paypal"


def test_the_chosen_method_is_the_one_that_is_paid_with(standin: Standin, fan: Client) -> None:
    page = fan.get("/coins/checkout/", {"coins": 700}).content.decode()

    answer = fan.post("/coins/checkout/", fields(page) | {"method": "bank"})

    purchase = Purchase.objects.get()
    assert answer["Location"] == purchase.checkout_url
    assert purchase.method_id == "bank"


def test_staff_are_told_of_a_rail_or_an_adapter_that_is_not_there(
    client: Client, olga: User
) -> None:
    client.force_login(olga)
    asked = {
        "code": "cheque",
        "name": "Cheque",
        "provider": "wallet.providers.stripe.Stripe",
        "rail": "cheque",
        "hold_class": "1",
        "why": "New way to pay",
        "fees-TOTAL_FORMS": "0",
        "fees-INITIAL_FORMS": "0",
    }

    wrong_rail = client.post("/admin/wallet/paymentmethod/add/", asked).content.decode()
    nowhere = asked | {"provider": "wallet.providers.nowhere.Nobody", "rail": "card"}
    wrong_path = client.post("/admin/wallet/paymentmethod/add/", nowhere).content.decode()

    assert "This provider does not offer it. Use one of: card, link, paypal" in wrong_rail
    assert "There is no such adapter" in wrong_path
    assert not PaymentMethod.objects.filter(code="cheque").exists()


def test_a_purchase_of_before_is_paid_by_card(standin: Standin, alice: User) -> None:
    """The default of the new column is what every method was before it."""
    PaymentMethod.objects.filter(code="card").update(rail=PaymentMethod().rail)

    purchase = start(alice)

    assert standin.pay(purchase.checkout_ref)["outcome"] == "paid"
