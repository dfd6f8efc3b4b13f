"""Paid automatically or on request: chosen in the studio or by a service the creator lets."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Scope, User
from payouts import queries, services
from payouts.models import PayoutChoice
from tests import services as callers
from tests.payouts.test_payouts import pay_out, with_cash

TERMS = "/api/v1/creators/bob/payouts/terms"


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def words(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<.+?>", " ", page.content.decode(), flags=re.DOTALL))


def test_without_a_choice_settlements_pay(as_bob: Client, bob: User) -> None:
    page = as_bob.get(reverse("payouts:payouts"))

    assert queries.is_automatic(creator_id=bob.pk)
    assert "Each settlement pays you what is ready." in words(page)
    assert re.search(r'value="yes"[^>]*checked', page.content.decode())


def test_the_choice_is_kept_and_shown_wherever_it_matters(as_bob: Client, bob: User) -> None:
    with_cash(bob)
    for answer, expected in (("no", False), ("no", False), ("yes", True), ("no", False)):
        done = as_bob.post(reverse("payouts:choose_automatic"), {"automatic": answer})
        assert done.status_code == 302
        assert queries.is_automatic(creator_id=bob.pk) is expected

    shown = words(as_bob.get(reverse("payouts:payouts")))
    studio = words(as_bob.get(reverse("payouts:studio")))

    assert PayoutChoice.objects.count() == 1
    assert "You ask for each payout." in shown
    assert "It stays in your balance until you ask, as you chose." in studio
    assert "Paid when you ask" in studio


def test_what_is_no_choice_is_refused_and_changes_nothing(as_bob: Client, bob: User) -> None:
    for given in ({}, {"automatic": "perhaps"}):
        assert as_bob.post(reverse("payouts:choose_automatic"), given).status_code == 422

    assert not PayoutChoice.objects.exists()


def test_the_terms_are_shown_before_anything_is_confirmed(
    as_bob: Client, bob: User, settings: Any
) -> None:
    settings.PAYOUT_FEES_USD_CENTS = {"bank": 25}
    with_cash(bob)

    choice = words(as_bob.get(reverse("payouts:payouts")))
    confirm = words(as_bob.get(reverse("payouts:request_payout")))

    for page in (choice, confirm):
        assert "The least €9.00" in page
        assert "The most in 24 hours €900.00" in page
        assert "The most in 7 days €4,500.00" in page
        assert "Fee (Bank transfer) €0.22" in page
        assert "Exchange None: paid in EUR, as it was settled" in page
    assert "Amount €18.00" in confirm
    assert "You get €17.78" in confirm
    assert "You can cancel on the payout’s page until it is handed to the bank" in confirm


def test_more_than_a_day_s_maximum_says_what_stays(as_bob: Client, bob: User) -> None:
    large = pay_out(bob, 300_000_000)  # 1,350 euros, of which the run pays 900
    services.cancel_payout(payout_id=large.pk, by=bob, why="Later", at=timezone.now())

    page = words(as_bob.get(reverse("payouts:request_payout")))

    assert "Amount €900.00" in page
    assert "€450.00 stay for later: this is the most that is paid out now." in page


def test_a_payout_s_page_says_fee_and_what_is_sent(
    as_bob: Client, bob: User, settings: Any
) -> None:
    settings.PAYOUT_FEES_USD_CENTS = {"bank": 25}
    with_cash(bob)
    form = as_bob.get(reverse("payouts:request_payout")).context
    sent = {"payout_id": form["payout_id"], "amount_minor": form["amount_minor"]}

    page = as_bob.post(reverse("payouts:request_payout"), sent, follow=True)

    assert "Fee €0.22 Sent to you €17.78 Exchange None: settled in EUR" in words(page)


def test_a_service_reads_the_terms_and_chooses_only_for_who_lets_it(bob: User) -> None:
    tipbot = callers.service()
    with_cash(bob)

    shown = tipbot.get(TERMS)
    refused = tipbot.put(TERMS, {"automatic": False})
    callers.consent(bob, scope=Scope.PAYOUTS_CHOOSE)
    chosen = tipbot.put(TERMS, {"automatic": False})

    euros = {"currency": "EUR", "decimals": 2}
    terms = shown.json()
    assert terms.pop("next_settlement_at")
    assert terms == {
        "creator": {"id": bob.pk, "handle": "bob", "display_name": "Bob"},
        "automatic": True,
        "currency": "EUR",
        "ready": {"amount_minor": 1800} | euros,
        "fee": {"amount_minor": 0} | euros,
        "minimum": {"amount_minor": 900} | euros,
        "day_max": {"amount_minor": 90_000} | euros,
        "week_max": {"amount_minor": 450_000} | euros,
        "why_not": "",
    }
    assert (refused.status_code, refused.json()["code"]) == (403, "consent_missing")
    assert (
        "The creator has not allowed this service to choose how payouts go out for them"
        in (refused.json()["detail"])
    )
    assert (chosen.status_code, chosen.json()["automatic"]) == (200, False)
    assert not queries.is_automatic(creator_id=bob.pk)


def test_a_creator_without_an_account_has_no_amounts(bob: User) -> None:
    answer = callers.service().get(TERMS).json()

    assert (answer["currency"], answer["ready"], answer["minimum"]) == (None, None, None)
    assert answer["why_not"] == "Set where you are paid first."


def test_who_is_no_creator_or_unknown_is_not_there(alice: User) -> None:
    tipbot: APIClient = callers.service()

    for who in ("alice", "nobody"):
        assert tipbot.get(f"/api/v1/creators/{who}/payouts/terms").status_code == 404
        answer = tipbot.put(f"/api/v1/creators/{who}/payouts/terms", {"automatic": True})
        assert (answer.status_code, answer.json()["code"]) == (403, "consent_missing")

    assert not PayoutChoice.objects.exists()


def test_a_service_without_the_scope_is_refused(bob: User) -> None:
    reader = callers.service("reader", ("earnings:read",))

    assert reader.get(TERMS).status_code == 200
    assert reader.put(TERMS, {"automatic": False}).status_code == 403
    assert not PayoutChoice.objects.exists()
