"""The help page answers what people ask before they buy, and every link of it leads somewhere."""

import re

import pytest
from django.test import Client

from accounts.models import User


@pytest.mark.parametrize(
    ("anchor", "question"),
    [
        ("buy", "How do I buy coins?"),
        ("cost", "What does it cost?"),
        ("safe", "Is it safe?"),
        ("refunds", "Can I get it back?"),
        ("leave", "How do I leave?"),
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
