"""The help page answers what people ask before they buy, and every link of it leads somewhere."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from wallet.models import Region


@pytest.mark.parametrize(
    ("anchor", "question"),
    [
        ("buy", "How do I buy coins?"),
        ("cost", "What does it cost?"),
        ("safe", "Is it safe?"),
        ("refunds", "Can I get it back?"),
        ("limits", "How much can I buy?"),
        ("cash", "Can coins become cash?"),
        ("reviews", "What is a review?"),
        ("leave", "How do I leave?"),
        ("earnings", "What do creators earn, and when?"),
        ("identity", "What must creators show before they are paid?"),
        ("payouts", "How are creators paid?"),
        ("taken-back", "What if a fan’s payment is taken back?"),
        ("statements", "How do I prove what I earned?"),
        ("cases", "What if my earnings are reviewed?"),
    ],
)
def test_each_question_is_asked_on_top_and_answered_below(
    anchor: str, question: str, db: None, client: Client
) -> None:
    page = client.get("/help/").content.decode()

    assert f'<a href="#{anchor}">{question}</a>' in page
    assert f'<h2 id="{anchor}">{question}</h2>' in page


def test_every_link_of_the_help_opens(alice: User, client: Client) -> None:
    client.force_login(alice)
    page = client.get("/help/").content.decode()
    body = page[page.index("<main") : page.index("</main>")]

    links = set(re.findall(r'href="(/[^"#]*)"', body))

    assert {"/coins/", "/coins/gift-card/", "/balance/lots/", "/me/leaving/"} <= links
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_the_list_of_countries_is_what_the_rows_say(db: None, client: Client) -> None:
    Region.objects.filter(pk="BR").update(withdrawal_days=9)
    Region.objects.filter(pk="VN").update(is_open=False)

    page = client.get("/help/").content.decode()
    rows = re.findall(r"<tr><th scope=\"row\">(.+?)</th>(.+?)</tr>", page)
    shown = {head.split("<br>")[0]: re.sub(r"<.+?>", " ", head + cells) for head, cells in rows}

    assert len(shown) == Region.objects.filter(is_open=True).count()
    assert "MwSt. 19 %, in the price" in shown["Germany, EUR"]
    assert "For 14 days, by law; money within 7 working days" in shown["Germany, EUR"]
    assert "For 9 days, by law" in shown["Brazil, BRL"]
    assert "For 14 days, by our choice" in shown["Japan, JPY"]
    assert "Card" in shown["Germany, EUR"]
    assert "Vietnam, VND" not in shown


def test_what_a_fan_must_know_before_paying_is_said(db: None, client: Client) -> None:
    page = client.get("/help/").content.decode()

    for words in (
        "Can coins become cash?",
        "No, for nobody.",
        "Coins from a gift card: no.",
        "A gift that was sent: no.",
        "If your bank takes a payment back",
        "a numbered receipt and each refund a numbered credit note",
        "Gifts of 1,000 coins and more ask once more",
    ):
        assert words in page


def test_what_a_creator_must_know_is_said_with_the_operator_s_own_numbers(
    db: None, client: Client, settings: LazySettings
) -> None:
    settings.SETTLEMENT_CALENDAR, settings.SETTLEMENT_INTERVAL_S = "monthly", 0
    settings.DESTINATION_HOLD_DAYS = 9
    page = re.sub(r"\s+", " ", re.sub(r"<.+?>", "", client.get("/help/").content.decode()))

    for words in (
        "Until three payouts have reached a creator they wait at least",
        "on the 1st of each month at 00:00 UTC",
        "holds payouts for 9 days",
        "At least $10.00, and at most $1,000.00 in 24 hours and $5,000.00 in 7 days",
        "unless you choose to ask for each payout",
        "You can cancel until it is handed to the bank. From $1,000.00 on two people of ours",
        "at most 50 % of each release",
        "check that it is genuine",
        "you go on earning",
        "announced to every creator and every fan",
    ):
        assert words in page
