"""Where creators are paid: sealed at rest, checked, told, held after a change, looked into when two
people share one.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import encryption
from accounts.models import Notice, Review, User
from config import database
from payouts import destinations, eligibility, risk, services, settlements
from payouts.models import Destination, Payout
from tests import factories
from tests.payouts.books import ACCOUNT, Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import with_cash
from tests.payouts.test_studio import page, sign_in_just_now
from wallet import ledger

FRENCH = "FR1420041010050500013M02606"


@pytest.fixture
def all_rails(settings: LazySettings) -> None:
    settings.PAYOUT_RAILS = ["bank", "sepa", "stripe"]


def set_sepa(creator: User, *, account: str = ACCOUNT, **changes: Any) -> Destination:
    factories.make_payable(creator)
    given: dict[str, Any] = {
        "destination_id": ledger.new_operation_id(),
        "creator": creator,
        "holder_name": creator.display_name,
        "account": account,
        "currency": "EUR",
        "rail": "sepa",
        "at": timezone.now(),
    }
    return destinations.set_destination(**(given | changes))


def gate_line(creator: User, *, after: timedelta = timedelta()) -> risk.Line:
    lines = eligibility.checklist(creator=creator, at=timezone.now() + after)
    return next(line for line in lines if line.key == risk.Key.DESTINATION)


def cases(creator: User) -> list[tuple[str, str]]:
    rows = Review.objects.filter(subject=creator).order_by("pk")
    return [(row.reason, row.restricts) for row in rows]


# --- At rest ----------------------------------------------------------------------------------


def test_an_account_number_is_in_no_column_and_opens_only_in_its_own_row(
    bob: User, mallory: User
) -> None:
    factories.make_creator("carol")
    mine = set_account(bob, account=ACCOUNT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(d)::text FROM payouts_destination d")
        rows = cursor.fetchall()

    other = set_account(mallory, account="GB33BUKB20201555555555")
    other.account_sealed = mine.account_sealed

    assert ACCOUNT not in str(rows)
    assert ACCOUNT.encode().hex() not in str(rows)
    assert destinations.account_of(mine) == ACCOUNT
    with pytest.raises(encryption.CannotDecrypt):
        destinations.account_of(other)


def test_a_destination_says_no_more_than_the_last_four_signs(bob: User) -> None:
    destination = set_account(bob, account=ACCOUNT)

    notice = Notice.objects.get(user=bob, subject_key=f"destination:{destination.pk}")

    assert str(destination) == "Bank transfer •••• 2051 (EUR)"
    assert ACCOUNT not in notice.title + notice.body
    assert ACCOUNT[4:12] not in notice.body


@pytest.fixture
def as_owner(committed: str) -> Iterator[None]:
    """Migrations run as the owner of the tables; what comes after this test does not."""
    role = connection.settings_dict["USER"]
    database.become_owner()
    yield
    database.become_app(role=role)


@pytest.mark.usefixtures("as_owner")
def test_accounts_known_before_are_sealed_by_the_migration() -> None:
    bob = factories.make_creator("bob")
    destination_id = ledger.new_operation_id()
    call_command("migrate", "payouts", "0004_tax_and_eligibility", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO payouts_destination (id, creator_id, rail, holder_name, account, currency,"
            " blocked_why) VALUES (%s, %s, 'bank', 'Bob', %s, 'EUR', '')",
            [destination_id, bob.pk, ACCOUNT],
        )

    call_command("migrate", "payouts", verbosity=0)

    row = Destination.objects.get(pk=destination_id)
    assert destinations.account_of(row) == ACCOUNT
    assert (row.last4, row.usable_at) == ("2051", row.added_at)
    assert row.mark == encryption.mark(ACCOUNT, purpose=destinations.MARKED_FOR)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.columns"
            " WHERE table_name = 'payouts_destination' AND column_name = 'account'"
        )
        assert cursor.fetchone() == (0,)


# --- Checked ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("de02 1203 0000 0000 2020 51", "DE02120300000000202051"),
        ("FR14 2004 1010 0505 0001 3M02 606", FRENCH),
        ("GB33-BUKB-2020-1555-5555-55", "GB33BUKB20201555555555"),
    ],
)
def test_a_sepa_account_is_kept_without_spaces(typed: str, kept: str) -> None:
    assert destinations.sepa_account(typed) == kept


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("DE02120300000000202052", "check digits do not match"),
        ("DE0212030000000020205", "country, length and signs"),
        ("ZZ02120300000000202051", "country, length and signs"),
        ("20304055667788", "This is not an IBAN"),
        ("BR1500000000000010932840814P2", "do not reach this IBAN's country"),
    ],
)
def test_an_account_that_sepa_cannot_reach_is_refused_in_words(typed: str, words: str) -> None:
    with pytest.raises(destinations.UnfitAccount, match=words):
        destinations.sepa_account(typed)


@pytest.mark.parametrize(("typed", "kept"), [("", "BYLADEM1001"), ("bylade m1001", "BYLADEM1001")])
def test_a_bic_is_read_or_known_from_the_iban(typed: str, kept: str) -> None:
    assert destinations.sepa_bic(typed, account=ACCOUNT) == kept


def test_a_bic_with_a_mistake_is_refused() -> None:
    with pytest.raises(destinations.UnfitAccount, match="BIC has a mistake"):
        destinations.sepa_bic("NOBIC", account=ACCOUNT)


@pytest.mark.usefixtures("all_rails")
def test_sepa_pays_in_euros_alone(bob: User) -> None:
    with pytest.raises(destinations.UnfitAccount, match="in euros"):
        set_sepa(bob, currency="USD")

    assert not Destination.objects.exists()


@pytest.mark.usefixtures("all_rails")
def test_a_rail_is_offered_where_it_reaches(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(country="KE")
    bob.refresh_from_db()

    with pytest.raises(destinations.RailNotOffered, match="not offered where you live"):
        set_sepa(bob)

    assert destinations.offered(country="DE") == ["bank", "sepa", "stripe"]
    assert destinations.offered(country="KE") == ["bank"]
    assert destinations.offered(country="US") == ["bank", "stripe"]
    assert not Destination.objects.exists()


def test_a_rail_that_settings_do_not_name_is_offered_to_nobody(
    bob: User, settings: LazySettings
) -> None:
    settings.PAYOUT_RAILS = ["bank"]

    with pytest.raises(destinations.RailNotOffered):
        set_sepa(bob)

    assert not Destination.objects.exists()


# --- Held after a change ----------------------------------------------------------------------


def test_the_first_account_can_be_paid_to_at_once(bob: User) -> None:
    set_account(bob)

    assert gate_line(bob).state == "done"


def test_a_change_holds_payouts_for_seven_days_and_says_until_when(
    bob: User, rail: MemoryRail
) -> None:
    with_cash(bob)
    changed = set_account(bob, account="GB33BUKB20201555555555")

    line = gate_line(bob)

    assert line.state == "bad"
    assert f"{changed.added_at + timedelta(days=7):%d %B %Y, %H:%M} UTC" in line.reason
    with pytest.raises(risk.NotEligible, match="payouts wait until"):
        services.request_payout(
            payout_id=ledger.new_operation_id(),
            creator=bob,
            amount_minor=1800,
            at=timezone.now() + timedelta(days=6, hours=23),
        )
    assert books(bob) == Books(payable=1800)
    assert gate_line(bob, after=timedelta(days=7, seconds=1)).state == "done"


def test_a_settlement_in_the_hold_settles_and_pays_nothing(bob: User) -> None:
    set_account(bob)
    set_account(bob, account="GB33BUKB20201555555555")
    give_diamonds(bob, 4_000_000)
    at = timezone.now() + timedelta(days=3)

    run = settlements.start_settlement(period_key="in the hold", cutoff_at=at, at=at)
    settlements.continue_settlement(run_id=run.pk, at=at)

    assert not Payout.objects.exists()
    assert books(bob) == Books(available=4_000_000)


def test_control_without_the_hold_a_changed_account_is_paid_at_once(
    bob: User, rail: MemoryRail, settings: LazySettings
) -> None:
    settings.DESTINATION_HOLD_DAYS = 0
    with_cash(bob)
    set_account(bob, account="GB33BUKB20201555555555")

    services.request_payout(
        payout_id=ledger.new_operation_id(), creator=bob, amount_minor=1800, at=timezone.now()
    )

    assert books(bob) == Books(in_payout=1800)


def test_the_studio_and_the_destination_page_say_until_when(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)
    set_account(bob)
    set_account(bob, account="GB33BUKB20201555555555")

    studio, own = page(client, "studio"), page(client, "destination")

    assert "Changed lately: payouts wait until" in studio
    assert "You changed your account, so payouts wait until" in studio
    assert "The wait gives you time to stop a change that was not yours" in own


# --- Two people, one account ------------------------------------------------------------------


def test_an_account_that_two_people_use_is_looked_into_and_neither_is_paid(bob: User) -> None:
    carol = factories.make_creator("carol")
    set_account(bob, account=ACCOUNT)
    assert cases(bob) == []

    set_account(carol, account="de02 1203 0000 0000 2020 51")

    held = [("payout_dup", "payouts")]
    assert (cases(bob), cases(carol)) == (held, held)
    now = timezone.now()
    for creator in (bob, carol):
        lines = eligibility.checklist(creator=creator, at=now)
        assert [line.key for line in lines if not line.is_met] == ["review"]
        assert Notice.objects.filter(user=creator, title__contains="payouts wait").exists()


@pytest.mark.usefixtures("all_rails")
def test_the_same_account_is_seen_across_rails_and_after_it_was_replaced(bob: User) -> None:
    carol = factories.make_creator("carol")
    set_account(bob, account=ACCOUNT)
    set_account(bob, account="GB33BUKB20201555555555")

    set_sepa(carol, account=ACCOUNT)

    assert len(cases(bob)) == len(cases(carol)) == 1


def test_ones_own_account_set_again_is_nobodys_case(bob: User) -> None:
    set_account(bob, account=ACCOUNT)
    set_account(bob, account="GB33BUKB20201555555555")

    set_account(bob, account=ACCOUNT)

    assert cases(bob) == []


def test_control_without_the_look_both_would_be_paid(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = factories.make_creator("carol")
    monkeypatch.setattr(destinations, "_open_reviews", lambda _destination, **_named: None)

    for creator in (bob, carol):
        set_account(creator, account=ACCOUNT)

    now = timezone.now()
    assert risk.is_eligible(eligibility.checklist(creator=bob, at=now))
    assert risk.is_eligible(eligibility.checklist(creator=carol, at=now))


def set_together(people: list[User]) -> None:
    together = threading.Barrier(len(people))

    def set_it(creator: User) -> None:
        together.wait()
        set_account(creator, account=ACCOUNT)
        connections.close_all()

    threads = [threading.Thread(target=set_it, args=(creator,)) for creator in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_people_who_set_one_account_at_once_are_all_looked_into(committed: str) -> None:
    people = [factories.make_creator(f"creator{number}") for number in range(4)]

    set_together(people)

    assert [len(cases(creator)) for creator in people] == [1, 1, 1, 1]


def test_control_without_the_lock_people_who_set_it_at_once_miss_each_other(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [factories.make_creator(f"creator{number}") for number in range(4)]
    side_by_side = threading.Barrier(len(people))
    look = destinations._open_reviews
    monkeypatch.setattr(destinations, "_wait_for_others", lambda _mark: None)
    monkeypatch.setattr(
        destinations, "_open_reviews", lambda row, *, at: (side_by_side.wait(), look(row, at=at))
    )

    set_together(people)

    assert [len(cases(creator)) for creator in people] != [1, 1, 1, 1]


# --- The page ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("all_rails")
def test_a_sepa_account_is_set_from_its_own_form(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)
    assert "SEPA transfer" in page(client, "destination")

    response = client.post(
        reverse("payouts:destination"),
        {
            "rail": "sepa",
            "destination_id": ledger.new_operation_id(),
            "holder_name": "Bob Baker",
            "account": "DE02 1203 0000 0000 2020 51",
        },
    )

    assert response.headers["Location"] == reverse("payouts:studio")
    made = Destination.objects.get()
    assert (made.rail, made.currency, made.bic) == ("sepa", "EUR", "BYLADEM1001")
    assert destinations.account_of(made) == ACCOUNT


def test_an_account_is_set_by_sending_back_the_form_as_it_was_shown(
    client: Client, bob: User
) -> None:
    sign_in_just_now(client, bob)
    shown = client.get(reverse("payouts:destination"))
    (form,) = shown.context["forms"]

    client.post(
        reverse("payouts:destination"),
        {
            "rail": form.rail,
            "destination_id": form["destination_id"].value(),
            "holder_name": "Bob Baker",
            "account": ACCOUNT,
            "currency": "EUR",
        },
    )

    assert "This field is required" not in shown.content.decode()
    made = Destination.objects.get()
    assert str(made.pk) == str(form["destination_id"].value())
    assert (made.rail, made.currency) == ("bank", "EUR")


@pytest.mark.usefixtures("all_rails")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account": "DE02120300000000202052"}, "check digits do not match"),
        ({"bic": "NOBIC"}, "This BIC has a mistake"),
        ({"rail": "gold"}, ""),
    ],
)
def test_what_does_not_fit_is_refused_and_sets_nothing(
    client: Client, bob: User, changes: dict[str, str], words: str
) -> None:
    sign_in_just_now(client, bob)
    fields = {
        "rail": "sepa",
        "destination_id": ledger.new_operation_id(),
        "holder_name": "Bob Baker",
        "account": ACCOUNT,
    }

    response = client.post(reverse("payouts:destination"), fields | changes)

    assert words in response.content.decode()
    assert not Destination.objects.exists()


def test_a_rail_that_is_not_offered_is_not_on_the_page(client: Client, bob: User) -> None:
    sign_in_just_now(client, bob)

    shown = page(client, "destination")

    assert "Bank transfer" in shown
    assert "SEPA transfer" not in shown
