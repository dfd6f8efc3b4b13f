"""The help page answers what people ask before they buy, and every link of it leads somewhere."""

import re

import pytest
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
        ("identity", "What must creators show before they are paid?"),
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
