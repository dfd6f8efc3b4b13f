"""The back office through its door: deeds only, by who may, and forged posts move nothing."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from payouts import settlements
from payouts.models import Destination, Payout, SettlementLine, SettlementRun
from tests import factories
from tests.payouts.books import ACCOUNT, Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import pay_out

MODELS = (Payout, SettlementRun, SettlementLine, Destination)


@pytest.fixture
def as_olga(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def act(client: Client, model: Any, action: str, *rows: Any, **fields: Any) -> Any:
    path = reverse(f"admin:payouts_{model.__name__.lower()}_changelist")
    sent = {"action": action, "_selected_action": [row.pk for row in rows]} | fields
    return client.post(path, sent, follow=True)


def staff_with(handle: str, *codenames: str) -> User:
    user = factories.make_staff(handle)
    type(user).objects.filter(pk=user.pk).update(is_superuser=False)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_rows_are_shown(as_olga: Client, bob: User, model: Any) -> None:
    pay_out(bob)
    row = model.objects.get()
    name = model.__name__.lower()

    listed = as_olga.get(reverse(f"admin:payouts_{name}_changelist"))
    shown = as_olga.get(reverse(f"admin:payouts_{name}_change", args=[row.pk]))

    assert (listed.status_code, shown.status_code) == (200, 200)


def test_account_numbers_are_masked_for_staff_too(as_olga: Client, bob: User) -> None:
    pay_out(bob)
    row = Destination.objects.get()

    pages = [
        as_olga.get(reverse("admin:payouts_destination_changelist")),
        as_olga.get(reverse("admin:payouts_destination_change", args=[row.pk])),
        as_olga.get(reverse("admin:payouts_payout_changelist")),
    ]

    for page in pages:
        assert "•••• 2051" in page.content.decode()
        assert ACCOUNT not in page.content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_a_forged_post_adds_changes_and_deletes_nothing(
    as_olga: Client, bob: User, model: Any
) -> None:
    pay_out(bob)
    row = model.objects.get()
    name = model.__name__.lower()
    before = model.objects.values().get()

    answers = [
        as_olga.post(reverse(f"admin:payouts_{name}_add"), {"state": "paid"}),
        as_olga.post(
            reverse(f"admin:payouts_{name}_change", args=[row.pk]),
            {"state": "paid", "amount_minor": 1, "account": "X", "approved_by": 1},
        ),
        as_olga.post(reverse(f"admin:payouts_{name}_delete", args=[row.pk]), {"post": "yes"}),
    ]
    act(as_olga, model, "delete_selected", row, post="yes")

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert model.objects.values().get() == before
    assert books(bob) == Books(in_payout=1800)


def test_two_members_of_staff_let_a_large_payout_go(client: Client, bob: User, olga: User) -> None:
    oscar = staff_with("oscar", "view_payout", "change_payout")
    payout = pay_out(bob, 200_000_000)

    client.force_login(olga)
    asked = act(client, Payout, "approve", payout)
    assert "€900.00" in asked.content.decode()
    payout.refresh_from_db()
    assert payout.state == "requested"

    act(client, Payout, "approve", payout, decide="1")
    again = act(client, Payout, "approve", payout, decide="1")
    assert "another member of staff" in again.content.decode()
    payout.refresh_from_db()
    assert payout.state == "checked"

    client.force_login(oscar)
    act(client, Payout, "approve", payout, decide="1")
    payout.refresh_from_db()
    assert (payout.state, payout.checked_by, payout.approved_by) == ("reserved", olga, oscar)


@pytest.mark.parametrize("action", ["approve", "cancel", "look_up"])
def test_staff_who_may_only_look_can_do_no_deed(
    client: Client, bob: User, rail: MemoryRail, action: str
) -> None:
    client.force_login(staff_with("vera", "view_payout"))
    payout = pay_out(bob, 200_000_000)

    act(client, Payout, action, payout, decide="1", reason="Because")

    payout.refresh_from_db()
    assert (payout.state, payout.checked_by) == ("requested", None)
    assert books(bob) == Books(in_payout=90_000)
    assert rail.calls == []


def test_a_payout_is_cancelled_with_a_reason_that_the_creator_reads(
    as_olga: Client, bob: User
) -> None:
    payout = pay_out(bob)

    asked = act(as_olga, Payout, "cancel", payout, decide="1", reason="")
    assert "This field is required" in asked.content.decode()
    assert books(bob) == Books(in_payout=1800)

    act(as_olga, Payout, "cancel", payout, decide="1", reason="You asked us to.")
    payout.refresh_from_db()
    assert payout.state == "cancelled"
    assert books(bob) == Books(payable=1800)
    assert bob.notices.get(kind="payout").body.startswith("You asked us to.")


def test_a_payout_is_sent_and_looked_up_at_once(
    as_olga: Client, bob: User, rail: MemoryRail
) -> None:
    payout = pay_out(bob)

    for _ in range(2):
        act(as_olga, Payout, "look_up", payout, decide="1")

    payout.refresh_from_db()
    assert payout.state == "submitted"
    assert rail.calls == ["submit", "lookup"]


def test_a_run_goes_on_by_hand_and_says_how_far(as_olga: Client, bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)
    now = timezone.now()
    run = settlements.start_settlement(period_key="2026-W47", cutoff_at=now, at=now)

    said = act(as_olga, SettlementRun, "go_on", run)

    assert "Settlement 2026-W47: looked at 1 creators; it is done." in said.content.decode()
    assert "€18.00 in 1 lines" in said.content.decode()
    assert books(bob) == Books(in_payout=1800)
