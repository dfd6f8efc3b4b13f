"""How money comes, in words: what is shut, what did not arrive, and what a payout costs."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import pay_out, with_cash


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def words(client: Client) -> str:
    page: Any = client.get(reverse("payouts:explained"))
    assert page.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<.+?>", " ", page.content.decode(), flags=re.DOTALL))


def test_a_creator_whose_gate_is_shut_reads_every_line_that_shuts_it(as_bob: Client) -> None:
    said = words(as_bob)

    assert "Now, for you. What you have earned is kept meanwhile" in said
    assert "Nothing, for you, now" not in said
    assert "All of yours arrived, or are on their way." in said
    assert "Set where you are paid first." in said


def test_a_creator_who_can_be_paid_reads_that_and_the_terms(as_bob: Client, bob: User) -> None:
    with_cash(bob)

    said = words(as_bob)

    assert "Nothing, for you, now: you meet every condition." in said
    assert "The most in 24 hours €900.00" in said
    assert "by itself with each settlement" in said


@pytest.mark.parametrize("state", ["failed", "returned"])
def test_a_payout_that_did_not_arrive_is_named_with_its_reason(
    as_bob: Client, bob: User, rail: MemoryRail, state: str
) -> None:
    payout = pay_out(bob)
    payout.__class__.objects.filter(pk=payout.pk).update(
        state=state, failure="The account is closed."
    )

    said = words(as_bob)

    assert f"{state.capitalize()}" in said
    assert "The account is closed. See it €18.00" in said
    assert "All of yours arrived" not in said
