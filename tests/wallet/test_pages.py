"""The pages where a fan buys, through the door."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Standing, User
from tests import factories
from tests.standin import Standin
from wallet import providers, queries
from wallet.models import CoinPackage, Price, Purchase


@pytest.fixture
def fan(client: Client, alice: User, settings: LazySettings) -> Client:
    """Alice at home, as the operator's edge says."""
    settings.COUNTRY_HEADER = "X-Country"
    client.defaults["HTTP_X_COUNTRY"] = "DE"
    client.force_login(alice)
    return client


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the checkout's form."""
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    found.pop("csrfmiddlewaretoken", None)
    return found | {"method": "card"}


def agree(fan: Client, **query: Any) -> Any:
    page = fan.get("/coins/checkout/", query).content.decode()
    return fan.post("/coins/checkout/", fields(page))


def test_the_whole_way_from_checkout_to_coins_and_back(
    standin: Standin, fan: Client, alice: User
) -> None:
    answer = agree(fan, coins=700, next="/live/1/")

    purchase = Purchase.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == purchase.checkout_url
    waiting = fan.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "Not paid yet" in waiting
    assert '<meta http-equiv="refresh"' in waiting
    standin.pay(purchase.checkout_ref)
    Purchase.objects.update(checked_at=None)
    done = fan.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "700 coins are yours" in done
    assert 'href="/live/1/"' in done
    assert '<meta http-equiv="refresh"' not in done
    assert queries.coins(user_id=alice.pk) == 700


def test_the_checkout_says_price_tax_creator_and_total(fan: Client) -> None:
    page = fan.get("/coins/checkout/", {"coins": 700}).content.decode()

    for words in ("€8.40", "€7.06", "€1.34", "MwSt. 19%", "€3.15", "Agree and pay €8.40"):
        assert words in page


def test_a_form_sent_twice_makes_one_purchase(standin: Standin, fan: Client) -> None:
    page = fan.get("/coins/checkout/", {"coins": 700}).content.decode()

    answers = [fan.post("/coins/checkout/", fields(page)) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert Purchase.objects.count() == 1


def test_a_provider_that_is_away_is_said_and_the_same_form_works_later(
    standin: Standin, fan: Client, settings: LazySettings
) -> None:
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    providers.load.cache_clear()
    page = fan.get("/coins/checkout/", {"coins": 700}).content.decode()
    refused = fan.post("/coins/checkout/", fields(page))
    assert refused.status_code == 409
    assert "You have not been charged" in refused.content.decode()

    settings.STRIPE_API_URL = standin.url
    providers.load.cache_clear()
    answer = fan.post("/coins/checkout/", fields(refused.content.decode()))

    assert answer.status_code == 302
    assert Purchase.objects.count() == 1


def test_a_changed_price_is_shown_before_it_is_agreed_to(fan: Client) -> None:
    package = CoinPackage.objects.get(coins=700)
    page = fan.get("/coins/checkout/", {"package": package.pk}).content.decode()
    price = Price.objects.get(region="DE", package=package)
    price.pk, price.amount_minor, price.valid_from = None, 900, price.valid_from.replace(month=2)
    price.save()

    answer = fan.post("/coins/checkout/", fields(page))

    assert answer.status_code == 409
    assert "It is now €9.00" in answer.content.decode()
    assert not Purchase.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"standing": Standing.RESTRICTED}, "Your account is restricted"),
        ({"birth_date": "2015-01-01"}, "18 or older"),
        ({"country": "NO"}, "not sold in Norway"),
        ({"country": ""}, "country and date of birth"),
    ],
)
def test_who_may_not_buy_reads_why(
    fan: Client, alice: User, change: dict[str, Any], words: str
) -> None:
    User.objects.filter(pk=alice.pk).update(**change)

    answer = fan.get("/coins/checkout/", {"coins": 700})

    assert answer.status_code == 403
    assert words in answer.content.decode()
    assert not Purchase.objects.exists()


def test_too_few_coins_say_from_how_many_a_card_is_offered(fan: Client) -> None:
    page = fan.get("/coins/", {"coins": 30}).content.decode()

    assert "Card is offered from 52 coins" in page
    assert "/coins/checkout/?coins=52" in page


def test_missing_coins_can_be_bought_exactly(fan: Client) -> None:
    page = fan.get("/coins/?coins=123&next=/live/1/").content.decode()

    assert "/coins/checkout/?coins=123&amp;next=/live/1/" in page
    assert "€1.48" in page


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"]
)
def test_nobody_is_led_off_the_site(fan: Client, away: str) -> None:
    page = fan.get("/coins/", {"coins": "123", "next": away}).content.decode()

    assert "evil" not in page
    assert "javascript:1" not in page


@pytest.mark.parametrize("path", ["", "cancel/"])
def test_another_persons_purchase_does_not_exist(
    standin: Standin, fan: Client, mallory: User, path: str
) -> None:
    agree(fan, coins=700)
    purchase = Purchase.objects.get()
    fan.force_login(mallory)

    call = fan.post if path else fan.get
    assert call(f"/coins/purchases/{purchase.pk}/{path}").status_code == 404
    assert Purchase.objects.get().state == "pending"


def test_the_buyer_cancels_from_the_page(standin: Standin, fan: Client) -> None:
    agree(fan, coins=700)
    purchase = Purchase.objects.get()

    answer = fan.post(f"/coins/purchases/{purchase.pk}/cancel/", follow=True)

    assert "You cancelled this purchase" in answer.content.decode()


def test_the_balance_page_shows_coins_money_and_lots(fan: Client, alice: User) -> None:
    factories.give_coins(alice, 1234)

    page = fan.get("/balance/").content.decode()

    assert "1,234" in page
    assert "€14.81" in page
    assert "1,234 of 1,234 left" in page
    assert "/coins/checkout/?package=" in page


@pytest.mark.parametrize("country", ["NO", "JP", "KW", "US", ""])
def test_balance_and_packages_work_in_every_country(fan: Client, alice: User, country: str) -> None:
    User.objects.filter(pk=alice.pk).update(country=country)

    assert fan.get("/balance/").status_code == 200
    assert fan.get("/coins/").status_code == 200


@pytest.mark.parametrize("path", ["/balance/", "/coins/", "/coins/checkout/?coins=700"])
def test_strangers_are_asked_to_sign_in(client: Client, db: None, path: str) -> None:
    assert client.get(path)["Location"].startswith("/accounts/login/")
