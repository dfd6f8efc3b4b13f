"""Our payouts beside the rails' books, by id, in both directions."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from payouts import bank_files, reconciliations
from payouts.models import Payout, SepaEntry
from payouts.rails import base
from tests import factories
from tests.payouts.books import Books, books
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import advance, pay_out
from tests.payouts.test_sepa_batches import close, hand_over, read, reserve, said
from wallet import reconciliations as providers
from wallet.models import Difference, Reconciliation


@pytest.fixture
def sepa(settings: LazySettings) -> None:
    settings.PAYOUT_RAILS = ["bank", "sepa"]
    settings.SEPA_DEBTOR_NAME = "Carat Payments"
    settings.SEPA_DEBTOR_IBAN = "DE89370400440532013000"
    settings.SEPA_DEBTOR_BIC = "COBADEFFXXX"


def compare(rail: str = "bank", *, days: int = 2) -> list[tuple[str, str, str]]:
    until = timezone.now() + timedelta(minutes=1)
    run = reconciliations.reconcile(rail=rail, since=until - timedelta(days=days), until=until)
    assert run.ended_at is not None
    rows = run.differences.order_by("id")
    return [(row.ref, row.ours, row.theirs) for row in rows]


def test_books_that_agree_have_no_difference(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.PAID)
    advance(payout)

    assert compare() == []
    assert Reconciliation.objects.get().compared == 2


def test_a_transfer_that_is_nobodys_payout_is_a_difference(bob: User, rail: MemoryRail) -> None:
    advance(pay_out(bob))
    rail.take(
        base.Instruction(
            reference="not ours", amount_minor=5, currency="EUR", account="x", holder_name="x"
        )
    )

    assert compare() == [("m2", "nothing", "accepted €0.05")]


def test_a_payout_that_the_rail_does_not_have_is_a_difference(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.book.clear()

    assert compare() == [(str(payout.pk), "accepted €18.00", "nothing")]
    assert books(bob) == Books(in_payout=1800)


def test_another_amount_is_a_difference_and_moves_nothing(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.book[0] = base.Transfer(
        rail_ref="m1", reference=str(payout.pk), amount_minor=1801, currency="EUR",
        state=base.State.PAID,
    )  # fmt: skip

    assert compare() == [("m1", f"{payout.pk}: accepted €18.00", "paid €18.01")]
    assert books(bob) == Books(in_payout=1800)


def test_a_second_transfer_of_one_payout_is_a_difference(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    first = rail.book[0]
    rail.book.append(
        base.Transfer(
            rail_ref="m2", reference=first.reference, amount_minor=1800, currency="EUR",
            state=base.State.ACCEPTED,
        )
    )  # fmt: skip

    assert compare() == [("m2", "sent once, as m1", "again: accepted €18.00")]
    assert payout.rail_ref == "m1"


def test_a_return_long_after_is_followed_and_is_no_difference(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.PAID)
    advance(payout)
    Payout.objects.filter(pk=payout.pk).update(due_at=None)
    rail.move(str(payout.pk), base.State.RETURNED, "AC06")

    assert compare() == []

    payout.refresh_from_db()
    assert (payout.state, books(bob)) == ("returned", Books(payable=1800))


def test_a_rail_that_does_not_answer_leaves_a_run_without_an_end(
    bob: User, rail: MemoryRail, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance(pay_out(bob))

    def away(**_named: object) -> None:
        raise base.Unavailable("The bank could not be asked.")

    monkeypatch.setattr(rail, "list_since", away)

    assert reconciliations.reconcile_recent(at=timezone.now(), over=timedelta(days=1)) == []
    assert Reconciliation.objects.get().ended_at is None


@pytest.mark.usefixtures("sepa")
def test_files_that_agree_with_their_payouts_have_no_difference(bob: User, olga: User) -> None:
    payout = reserve(bob)
    hand_over(close(), olga)
    assert compare("sepa") == []

    read(said(payout, "ACSC"))

    assert compare("sepa") == []


@pytest.mark.usefixtures("sepa")
def test_what_the_bank_says_of_nothing_of_ours_is_a_difference(bob: User, olga: User) -> None:
    payout = reserve(bob)
    hand_over(close(), olga)
    read(said(payout, "ACSC", amount="18.01"))

    assert compare("sepa") == [
        (payout.pk.hex, "Another amount than ours", "ACSC €18.01, pain.002 S1")
    ]


@pytest.mark.usefixtures("sepa")
def test_a_payout_that_is_not_where_its_file_is_is_a_difference(bob: User, olga: User) -> None:
    payout = reserve(bob)
    hand_over(close(), olga)
    Payout.objects.filter(pk=payout.pk).update(state="paid")

    assert compare("sepa") == [(payout.pk.hex, f"{payout.pk}: paid €18.00", "accepted €18.00")]


@pytest.mark.usefixtures("sepa")
def test_a_payout_said_to_be_in_a_file_that_is_in_none_is_a_difference(
    bob: User, olga: User
) -> None:
    payout = reserve(bob)
    hand_over(close(), olga)
    stray = factories.make_creator("carol")
    other = reserve(stray)
    Payout.objects.filter(pk=other.pk).update(
        state="submitted", sent_at=timezone.now(), submitted_at=timezone.now()
    )

    assert compare("sepa") == [(str(other.pk), "accepted €18.00", "nothing")]
    assert payout.pk != other.pk


@pytest.mark.usefixtures("sepa")
def test_control_a_line_judged_wrongly_is_seen_by_comparing(
    bob: User, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = reserve(bob)
    hand_over(close(), olga)
    with monkeypatch.context() as wrong:
        wrong.setattr(bank_files, "_move", lambda *_a, **_n: None)
        read(said(payout, "ACSC"))
    SepaEntry.objects.filter(payout=payout).update(state="paid")

    assert compare("sepa") == [(payout.pk.hex, f"{payout.pk}: accepted €18.00", "paid €18.00")]


def test_the_command_lists_differences_by_id_and_exits_with_one(
    bob: User, rail: MemoryRail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "used_providers", list)
    payout = advance(pay_out(bob))
    call_command("reconcile")
    assert "Our books and theirs say the same." in capsys.readouterr().out
    rail.book.clear()

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile")

    assert ended.value.code == 1
    assert (
        f"Payout {payout.pk}: we say accepted €18.00, they say nothing" in capsys.readouterr().out
    )


def test_differences_of_rails_are_in_the_office_list(
    client: Client, bob: User, olga: User, rail: MemoryRail
) -> None:
    advance(pay_out(bob))
    rail.book.clear()
    compare()
    client.force_login(olga)

    shown = client.get(reverse("admin:wallet_difference_changelist")).content.decode()
    runs = client.get(reverse("admin:wallet_reconciliation_changelist")).content.decode()

    assert "accepted €18.00" in shown
    assert "payouts.rails.bank" in runs
    assert Difference.objects.get().get_kind_display() == "Payout"
