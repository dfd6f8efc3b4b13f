"""The studio through its door: every state has its page, and each page is its owner's alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, User
from payouts import destinations, periods, submissions
from payouts.bookings import STUDIO_PATH
from payouts.models import Destination, Payout
from payouts.rails import base
from tests import factories
from tests.payouts.books import ACCOUNT, Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import advance, pay_out, with_cash
from wallet import ledger
from wallet.models import FxRate


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def sign_in_just_now(client: Client, user: User) -> None:
    """Signed in, with the password just given again."""
    client.force_login(user)
    client.post(reverse("account_reauthenticate"), {"password": factories.PASSWORD})


def page(client: Client, name: str, *arguments: Any) -> str:
    response = client.get(reverse(f"payouts:{name}", args=arguments))
    assert response.status_code == 200, response
    return response.content.decode()


def answer_to_destination(client: Client, **changes: Any) -> Any:
    fields = {
        "rail": "bank",
        "destination_id": ledger.new_operation_id(),
        "holder_name": "Bob Baker",
        "account": "DE02 1203 0000 0000 2020 51",
        "currency": "EUR",
    }
    return client.post(reverse("payouts:destination"), fields | changes)


def test_the_studio_is_where_notices_lead() -> None:
    assert reverse("payouts:studio") == STUDIO_PATH
    assert reverse("payouts:settlements") == f"{STUDIO_PATH}settlements/"


def test_a_new_creator_with_nothing_sees_what_to_do(as_bob: Client) -> None:
    shown = page(as_bob, "studio")

    assert "Before you can be paid" in shown
    assert "Add a bank account in your own name." in shown
    assert "No gifts yet" in shown
    assert "Nothing is maturing" in shown


@pytest.mark.parametrize("name", ["earnings", "settlements", "payouts", "request_payout"])
def test_every_page_of_a_new_creator_can_be_opened(as_bob: Client, name: str) -> None:
    page(as_bob, name)


def test_the_tiles_tell_pending_available_and_what_they_are_worth(
    as_bob: Client, bob: User, alice: User
) -> None:
    set_account(bob)
    factories.give_coins(alice, 1000)
    memo = {"gift": "Rosebud", "slug": "rosebud", "quantity": 3, "from": "Alice", "where": "Piano"}
    ledger.gift(
        ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 1000, alice.pk, "room:1", memo)
    ).check()
    give_diamonds(bob, 2_000_500)

    response = as_bob.get(reverse("payouts:studio"))

    sums = response.context["sums"]
    assert (sums.pending_milli, str(sums.pending_worth)) == (1_000_000, "€4.50")
    assert (sums.available_milli, str(sums.available_worth)) == (2_000_500, "€9.00")
    shown = response.content.decode()
    assert "Rosebud × 3 from Alice" in shown
    assert "Piano" in shown


def test_without_a_young_rate_diamonds_are_shown_without_a_worth(as_bob: Client, bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 2_000_000)
    FxRate.objects.filter(currency="EUR").delete()

    response = as_bob.get(reverse("payouts:studio"))

    assert response.status_code == 200
    assert response.context["sums"].available_worth is None
    assert response.context["sums"].available_milli == 2_000_000


def test_a_settlement_line_shows_card_diamonds_rates_source_and_sum(
    as_bob: Client, bob: User
) -> None:
    pay_out(bob, 4_000_100)

    shown = page(as_bob, "settlements")

    assert "4,000.1" in shown
    assert "1 USD = 0.9 EUR" in shown
    assert "Opening table" in shown
    assert "€18.00" in shown
    assert "18.00045 EUR" in shown


def test_a_payout_is_shown_with_every_step(as_bob: Client, bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.PAID)
    advance(payout)

    shown = page(as_bob, "payout", payout.pk)

    assert "Taken by the bank" in shown
    assert "Paid by the bank" in shown
    assert "•••• 2051" in shown
    assert ACCOUNT not in shown
    assert "Cancel this payout" not in shown


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (base.State.FAILED, "AC04", "The account is closed."),
        (base.State.RETURNED, "AC06", "The account is blocked."),
    ],
)
def test_a_payout_that_did_not_arrive_says_why_and_what_to_do(
    as_bob: Client, bob: User, rail: MemoryRail, state: base.State, reason: str, words: str
) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), state, reason)
    advance(payout)

    shown = page(as_bob, "payout", payout.pk)
    overview = page(as_bob, "studio")

    assert words in shown
    assert "The money is back in your balance." in shown
    assert f"Your bank did not take the last payout: {words}" in overview


def test_a_payout_in_doubt_says_that_it_is_sent_only_once(
    as_bob: Client, bob: User, rail: MemoryRail
) -> None:
    def lose() -> None:
        raise base.Unknown("The line was cut.")

    rail.after = lose
    payout = advance(pay_out(bob))

    assert "sent only once" in page(as_bob, "payout", payout.pk)


def test_a_large_payout_says_that_two_people_look_at_it(as_bob: Client, bob: User) -> None:
    payout = pay_out(bob, 200_000_000)

    assert "Two people look at large payouts" in page(as_bob, "payout", payout.pk)


def test_the_creator_confirms_amount_fee_and_account_and_is_paid_once(
    as_bob: Client, bob: User
) -> None:
    with_cash(bob)
    response = as_bob.get(reverse("payouts:request_payout"))
    shown = response.content.decode()
    assert "€18.00" in shown
    assert "€0.00" in shown
    sent = {
        "payout_id": response.context["payout_id"],
        "amount_minor": response.context["amount_minor"],
    }

    for _ in range(2):
        answer = as_bob.post(reverse("payouts:request_payout"), sent)
        assert answer.headers["Location"] == reverse("payouts:payout", args=[sent["payout_id"]])

    assert books(bob) == Books(in_payout=1800)
    assert Payout.objects.filter(state="reserved").count() == 1


def test_a_forged_amount_is_refused_in_words_and_moves_nothing(as_bob: Client, bob: User) -> None:
    with_cash(bob)

    response = as_bob.post(
        reverse("payouts:request_payout"),
        {"payout_id": ledger.new_operation_id(), "amount_minor": 1_900},
        follow=True,
    )

    assert "Your balance has changed" in response.content.decode()
    assert books(bob) == Books(payable=1800)


def test_a_payout_is_cancelled_from_its_page(as_bob: Client, bob: User) -> None:
    payout = pay_out(bob)
    assert "Cancel this payout" in page(as_bob, "payout", payout.pk)

    response = as_bob.post(reverse("payouts:cancel_payout", args=[payout.pk]), follow=True)

    assert "€18.00 is back in your balance" in response.content.decode()
    assert books(bob) == Books(payable=1800)


def test_cancelling_too_late_is_refused_in_words(
    as_bob: Client, bob: User, rail: MemoryRail
) -> None:
    payout = advance(pay_out(bob))

    response = as_bob.post(reverse("payouts:cancel_payout", args=[payout.pk]), follow=True)

    assert "with the bank" in response.content.decode()
    assert books(bob) == Books(in_payout=1800)


def test_another_creators_payout_is_not_there(client: Client, bob: User, mallory: User) -> None:
    payout = pay_out(bob)
    client.force_login(mallory)

    seen = client.get(reverse("payouts:payout", args=[payout.pk]))
    cancelled = client.post(reverse("payouts:cancel_payout", args=[payout.pk]))

    assert (seen.status_code, cancelled.status_code) == (404, 404)
    assert books(bob) == Books(in_payout=1800)


def test_another_creators_payout_id_cannot_be_taken(client: Client, bob: User) -> None:
    payout = pay_out(bob)
    carol = factories.make_creator("carol")
    with_cash(carol)
    client.force_login(carol)

    response = client.post(
        reverse("payouts:request_payout"),
        {"payout_id": payout.pk, "amount_minor": 1800},
        follow=True,
    )

    assert response.status_code == 200
    assert books(carol) == Books(payable=1800)
    assert Payout.objects.get(pk=payout.pk).creator == bob


@pytest.mark.parametrize(
    "name", ["studio", "earnings", "settlements", "payouts", "request_payout", "destination"]
)
def test_the_studio_asks_who_you_are(client: Client, db: None, name: str) -> None:
    response = client.get(reverse(f"payouts:{name}"))

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_login"))


def test_setting_an_account_asks_for_the_password_again(as_bob: Client, bob: User) -> None:
    response = answer_to_destination(as_bob)

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not Destination.objects.exists()


def test_an_account_is_set_masked_and_told_by_email(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)

    response = answer_to_destination(client)

    assert response.headers["Location"] == reverse("payouts:studio")
    destination = Destination.objects.get()
    assert (destinations.account_of(destination), destination.currency) == (ACCOUNT, "EUR")
    notice = Notice.objects.get(user=bob, kind="account")
    assert notice.email_due
    assert "2051" in notice.body
    shown = page(client, "studio")
    assert "•••• 2051" in shown
    assert ACCOUNT not in shown


def test_a_changed_account_leaves_the_old_row_as_replaced(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)
    answer_to_destination(client)
    old = Destination.objects.get()

    answer_to_destination(client, account="GB33BUKB20201555555555", currency="GBP")

    old.refresh_from_db()
    assert old.replaced_at is not None
    assert (destinations.account_of(old), old.currency) == (ACCOUNT, "EUR")
    assert Destination.objects.get(creator=bob, replaced_at=None).currency == "GBP"
    assert "•••• 2051" in page(client, "destination")


def test_the_same_form_sent_twice_sets_the_account_once(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)
    destination_id = ledger.new_operation_id()

    for _ in range(2):
        answer_to_destination(client, destination_id=destination_id)

    assert Destination.objects.count() == 1


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("DE02120300000000202052", "check digits do not match"),
        ("12", "6 to 34 letters and digits"),
        ("GB33 BUKB 2020 1555 5555 5555 <script>", "6 to 34 letters and digits"),
    ],
)
def test_an_account_with_a_mistake_is_refused_in_words(
    client: Client, bob: User, account: str, words: str
) -> None:
    sign_in_just_now(client, bob)

    response = answer_to_destination(client, account=account)

    assert words in response.content.decode()
    assert not Destination.objects.exists()


def test_cash_in_another_currency_than_the_accounts_is_shown(as_bob: Client, bob: User) -> None:
    with_cash(bob)
    set_account(bob, currency="USD")

    assert "wait for an account in their currency" in page(as_bob, "studio")


def test_the_settle_command_runs_to_the_end_and_says_what_it_did(
    bob: User, rail: MemoryRail, capsys: pytest.CaptureFixture[str]
) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)

    call_command("settle", period="2026-W47")

    said = capsys.readouterr().out
    assert "Settlement 2026-W47: done" in said
    assert "€18.00" in said
    assert "1 payouts brought one step on." in said
    assert books(bob) == Books(in_payout=1800)
    assert len(rail.book) == 1


def test_gifts_are_paged_by_their_cursor(as_bob: Client, bob: User, alice: User) -> None:
    factories.give_coins(alice, 100)
    for number in range(32):
        ledger.gift(
            ledger.Gift(
                ledger.new_operation_id(), alice.pk, bob.pk, 1, alice.pk, "room:1",
                {"gift": f"Gift {number:02}", "slug": "heart", "quantity": 1, "from": "Alice"},
            )
        ).check()  # fmt: skip

    first = as_bob.get(reverse("payouts:earnings"))
    second = as_bob.get(reverse("payouts:earnings") + first.context["next_url"])

    assert [gift.name for gift in first.context["gifts"]][:2] == ["Gift 31", "Gift 30"]
    assert [gift.name for gift in second.context["gifts"]] == ["Gift 01", "Gift 00"]
    assert as_bob.get(reverse("payouts:earnings") + "?before=x").status_code == 200


def test_the_next_settlement_is_shown(as_bob: Client, settings: LazySettings) -> None:
    settings.SETTLEMENT_INTERVAL_S = 0

    response = as_bob.get(reverse("payouts:studio"))

    due = response.context["next_settlement_at"]
    assert due.weekday() == 0
    assert timedelta() < due - timezone.now() <= periods.WEEK


def test_sweeping_with_nothing_to_do_does_nothing(db: None, rail: MemoryRail) -> None:
    assert submissions.sweep_payouts(at=timezone.now()) == 0
    assert rail.calls == []
