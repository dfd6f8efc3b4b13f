"""Terms: what is accepted is what was shown, and newer ones are asked for."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import risk, services
from accounts.models import Terms, TermsAcceptance, User


def announce(version: str, *, in_days: float = 0) -> Terms:
    now = timezone.now()
    return services.announce_terms(
        version=version, text="Be kind.", effective_at=now + timedelta(days=in_days), at=now
    )


def test_nobody_is_asked_before_new_terms_hold_and_everybody_after(alice: User) -> None:
    terms = announce("2", in_days=10)

    alice.refresh_from_db()
    assert alice.terms_due_at == terms.effective_at
    risk.check_may_spend(alice, terms.effective_at - timedelta(seconds=1))
    with pytest.raises(risk.TermsNotAccepted):
        risk.check_may_spend(alice, terms.effective_at)


def test_whoever_accepts_is_not_asked_again_until_newer_ones(alice: User) -> None:
    second, third = announce("2"), announce("3", in_days=10)

    services.accept_terms(user_id=alice.pk, terms_id=second.pk, at=timezone.now())
    services.accept_terms(user_id=alice.pk, terms_id=second.pk, at=timezone.now())

    alice.refresh_from_db()
    assert alice.terms_due_at == third.effective_at
    assert TermsAcceptance.objects.filter(user=alice).count() == 1
    services.accept_terms(user_id=alice.pk, terms_id=third.pk, at=timezone.now())
    alice.refresh_from_db()
    assert alice.terms_due_at is None


def test_accepting_old_terms_does_not_count_for_new_ones(alice: User) -> None:
    first = Terms.objects.get(version="1")
    second = announce("2")

    services.accept_terms(user_id=alice.pk, terms_id=first.pk, at=timezone.now())

    alice.refresh_from_db()
    assert alice.terms_due_at == second.effective_at


def test_terms_cannot_have_begun_already(alice: User) -> None:
    with pytest.raises(services.TermsInThePast):
        announce("2", in_days=-1)

    alice.refresh_from_db()
    assert alice.terms_due_at is None
    assert Terms.objects.count() == 1


def test_the_page_asks_and_leads_back(alice: User, client: Client) -> None:
    terms = announce("2")
    client.force_login(alice)

    page = client.get("/me/terms/?next=/help/")
    answer = client.post("/me/terms/", {"terms_id": terms.pk, "next": "/help/"})

    assert "I accept version 2" in page.content.decode()
    assert answer.headers["Location"] == "/help/"
    alice.refresh_from_db()
    assert alice.terms_due_at is None
    assert client.get("/me/terms/?next=/help/").headers["Location"] == "/help/"


def test_accepting_leads_nowhere_else(alice: User, client: Client) -> None:
    terms = announce("2")
    client.force_login(alice)

    answer = client.post("/me/terms/", {"terms_id": terms.pk, "next": "https://evil.example/"})

    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("terms_id", ["", "0", "999999", "x"])
def test_unknown_terms_cannot_be_accepted(alice: User, client: Client, terms_id: str) -> None:
    client.force_login(alice)

    assert client.post("/me/terms/", {"terms_id": terms_id}).status_code == 404
    assert TermsAcceptance.objects.count() == 0
