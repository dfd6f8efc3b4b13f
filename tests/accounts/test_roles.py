"""Roles of staff: explicit lists, and nothing beyond them."""

import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import roles
from accounts.models import User
from tests import factories


def make_role(handle: str, role: str) -> User:
    roles.sync()
    person = factories.make_staff(handle, is_superuser=False)
    person.groups.add(Group.objects.get(name=role))
    return person


def test_the_groups_hold_exactly_what_is_listed(db: None) -> None:
    roles.sync()

    held = {
        group.name: {
            f"{app}.{name}"
            for app, name in group.permissions.values_list("content_type__app_label", "codename")
        }
        for group in Group.objects.all()
    }
    assert held == {role: set(names) for role, names in roles.ROLES.items()}
    assert set(held) == {"support", "finance", "risk", "pricing", "catalogue", "auditor"}


def test_a_permission_that_is_not_listed_is_taken_away(db: None) -> None:
    roles.sync()
    group = Group.objects.get(name="support")
    group.permissions.add(Permission.objects.get(codename="delete_user"))

    roles.sync()

    assert not group.permissions.filter(codename="delete_user").exists()


def test_a_name_that_no_model_has_stops_the_sync(db: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(roles, "ROLES", {"support": frozenset({"wallet.fly_to_moon"})})

    with pytest.raises(roles.UnknownPermission, match=r"wallet\.fly_to_moon"):
        roles.sync()

    assert Group.objects.count() == 0


def test_no_role_deletes_and_the_auditor_changes_nothing() -> None:
    everything = set().union(*roles.ROLES.values())

    assert not [name for name in everything if ".delete_" in name]
    assert all(".view_" in name for name in roles.ROLES["auditor"])


def test_nobody_but_pricing_changes_prices_and_nobody_but_finance_payouts() -> None:
    changing = {
        name: {role for role, names in roles.ROLES.items() if name in names}
        for name in (
            "wallet.add_price",
            "wallet.add_ratecard",
            "payouts.change_payout",
            "wallet.change_adjustment",
            "accounts.set_standing",
            "wallet.look_up_purchase",
            "wallet.add_fxrate",
            "gifts.add_giftversion",
            "gifts.change_room",
        )
    }

    assert changing == {
        "wallet.add_price": {"pricing"},
        "wallet.add_ratecard": {"pricing"},
        "payouts.change_payout": {"finance"},
        "wallet.change_adjustment": {"finance"},
        "accounts.set_standing": {"risk"},
        "wallet.look_up_purchase": {"support", "finance"},
        "wallet.add_fxrate": {"pricing"},
        "gifts.add_giftversion": {"catalogue"},
        "gifts.change_room": {"risk", "catalogue"},
    }


def test_the_command_says_what_it_wrote(db: None) -> None:
    out = StringIO()

    call_command("sync_roles", stdout=out)

    assert f"risk: {len(roles.ROLES['risk'])} permissions" in out.getvalue()


def make_administrator(email: str = "root@example.org") -> str:
    out = StringIO()
    call_command("create_administrator", email=email, stdout=out)
    [link] = re.findall(r"^http://localhost:8000(\S+)$", out.getvalue(), re.MULTILINE)
    return str(link)


def test_the_first_administrator_chooses_a_password_once_and_then_a_second_factor(
    db: None, client: Client
) -> None:
    link = make_administrator()
    root = User.objects.get()
    assert (root.is_superuser, root.is_staff, root.has_usable_password()) == (True, True, False)

    form = client.get(link, follow=True)
    secret = "nine hundred lanterns"
    client.post(form.request["PATH_INFO"], {"password1": secret, "password2": secret})
    client.post("/accounts/login/", {"login": "root@example.org", "password": secret})

    assert client.get("/me/").status_code == 200
    assert client.get("/admin/").headers["Location"] == "/accounts/2fa/"
    assert "Bad Token" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@example.org", "no address"])
def test_an_administrator_needs_an_address_of_their_own(alice: User, email: str) -> None:
    with pytest.raises(CommandError):
        call_command("create_administrator", email=email, stdout=StringIO())

    assert User.objects.count() == 1


def test_support_sees_people_and_cannot_judge_them(alice: User, client: Client) -> None:
    client.force_login(make_role("sam", "support"))

    assert client.get(f"/admin/accounts/user/{alice.pk}/change/").status_code == 200
    page = client.get("/admin/accounts/user/").content.decode()
    assert "make_suspended" not in page
    assert client.get("/admin/accounts/outboxevent/").status_code == 403


def test_risk_judges_people_and_cannot_edit_them(alice: User, client: Client) -> None:
    client.force_login(make_role("rita", "risk"))

    page = client.get("/admin/accounts/user/").content.decode()
    assert "make_suspended" in page
    client.post(f"/admin/accounts/user/{alice.pk}/change/", {"display_name": "Changed"})
    alice.refresh_from_db()
    assert alice.display_name == "Alice"
