"""What lost payments cost: by currency and one by one, as the ledger has it."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests import factories
from tests.standin import Standin
from tests.wallet.test_disputes import contest, decide, give
from tests.wallet.test_refunds import bought, now
from tests.wallet.test_returns import close
from wallet import adjustments, ledger, losses
from wallet.models import Account, Adjustment, Balance, Dispute


@pytest.fixture
def lost(committed: str, standin: Standin) -> Dispute:
    """Alice's purchase, half of it given to bob, and all of it lost."""
    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    purchase = bought(standin, alice)
    give(alice, bob, 100)
    close()
    return decide(standin, contest(standin, purchase), do="lose")


def test_a_loss_says_what_was_booked_and_from_where_it_was_taken(lost: Dispute) -> None:
    today = now().date()

    [row], has_more = losses.losses(from_day=today, to_day=today, limit=50)
    [total] = losses.totals(from_day=today, to_day=today)

    assert (row.buyer, row.lost, has_more) == ("alice", lost.lost, False)
    assert (row.unused_coins, row.traced_coins) == (lost.outcome["burned"], 100)
    assert (row.covered_coins, row.owed_coins) == (0, 0)
    assert (row.diamonds_milli, row.debt_milli) == (100_000, 0)
    booked = turnover(Account.Code.CHARGEBACK_LOSS, lost.purchase.currency)
    assert int(row.booked.amount * 100) == booked > 0
    assert (total.disputes, total.lost, total.booked) == (1, row.lost, row.booked)
    assert total.fees == row.fee


def turnover(code: int, currency: str) -> int:
    unit = {"EUR": 978, "USD": 840}[currency]
    account = Account.objects.get(owner_id=0, code=code, unit=unit)
    debits, credited = ledger.turnover(account.pk)
    return debits - credited


def test_days_without_a_loss_are_empty(lost: Dispute) -> None:
    day = now().date() - timedelta(days=2)

    assert losses.losses(from_day=day, to_day=day, limit=50) == ([], False)
    assert losses.totals(from_day=day, to_day=day) == []


def test_the_page_and_its_file_show_it(lost: Dispute, client: Client) -> None:
    client.force_login(factories.make_staff("olga"))

    page = client.get(reverse("admin:losses")).content.decode()
    lines = client.get(reverse("admin:losses_csv")).getvalue().decode().splitlines()

    assert "@alice" in page
    assert " style=" not in page
    assert f'"{lost.purchase_id}","alice"' in lines[1]
    assert lines[1].endswith('"100.000","0.000"')


def test_wrong_days_are_said_and_show_nothing(olga: User, client: Client) -> None:
    client.force_login(olga)
    wrong = {"from_day": str(date(2026, 2, 2)), "to_day": str(date(2026, 2, 1))}

    answers = [client.get(reverse(f"admin:{name}"), wrong) for name in ("losses", "losses_csv")]

    assert [answer.status_code for answer in answers] == [400, 400]


# Adjustments


def propose(owner: User, by: User) -> Adjustment:
    return adjustments.propose(
        adjustment_id=ledger.new_operation_id(), owner=owner, unit="coin", amount=500, card=None,
        reason="Goodwill", proposer_id=by.pk,
    )  # fmt: skip


def test_nobody_proposes_an_adjustment_of_their_own(olga: User) -> None:
    with pytest.raises(adjustments.OwnAdjustment, match="Ask two colleagues"):
        propose(olga, olga)

    assert not Adjustment.objects.exists()


def test_nobody_decides_an_adjustment_of_their_own(olga: User) -> None:
    rita = factories.make_staff("rita")
    proposed = propose(rita, olga)

    with pytest.raises(adjustments.OwnAdjustment):
        adjustments.approve(adjustment_id=proposed.pk, approver_id=rita.pk, at=now())
    with pytest.raises(adjustments.OwnAdjustment):
        adjustments.reject(adjustment_id=proposed.pk, by_id=rita.pk, why="", at=now())

    proposed.refresh_from_db()
    assert (proposed.state, proposed.approver) == ("proposed", None)
    assert not Balance.objects.filter(account__owner_id=rita.pk, credits__gt=0).exists()


def test_control_two_others_give_to_a_colleague(olga: User) -> None:
    rita, stan = factories.make_staff("rita"), factories.make_staff("stan")
    proposed = propose(rita, olga)

    adjustments.approve(adjustment_id=proposed.pk, approver_id=stan.pk, at=now())

    assert Balance.objects.get(account__owner_id=rita.pk).credits == 500
