"""Tables of libraries in the back office: forged posts write nothing, secrets are not shown, and
deeds are an administrator's.
"""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client as Service
from allauth.idp.oidc.models import Token
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import roles, services
from accounts.models import Notice, User
from tests import factories
from tests.accounts.test_roles import make_role

LIBRARIES = (EmailAddress, Authenticator, UserSession, Token, Group)
SECRET = "JBSWY3DPEHPK3PXP"


def address(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def make_service() -> Service:
    service = Service(id="tipbot", name="Tip Bot", grant_types="client_credentials")
    service.set_secret("a secret of the service")
    service.save()
    return service


@pytest.fixture
def rows(alice: User) -> dict[type[models.Model], models.Model]:
    """One row of each, alice's."""
    roles.sync()
    token = Token(client=make_service(), user=alice, type=Token.Type.ACCESS_TOKEN, hash="hashhash")
    token.expires_at = timezone.now() + timedelta(hours=1)
    token.save()
    return {
        EmailAddress: EmailAddress.objects.get(user=alice),
        Authenticator: Authenticator.objects.create(
            user=alice, type=Authenticator.Type.TOTP, data={"secret": SECRET}
        ),
        UserSession: UserSession.objects.create(
            user=alice, ip="127.0.0.1", user_agent="x", session_key="alices-session-key"
        ),
        Token: token,
        Group: Group.objects.get(name="support"),
    }


@pytest.mark.parametrize("model", LIBRARIES)
def test_a_forged_post_adds_and_changes_nothing(
    olga: User, client: Client, rows: Any, model: type[models.Model]
) -> None:
    client.force_login(olga)
    row = rows[model]
    before = list(model._default_manager.order_by("pk").values())
    forged = {"user": olga.pk, "email": "stolen@example.org", "verified": "on", "type": "totp",
              "data": "{}", "name": "gods", "hash": "x", "permissions": ["1"]}  # fmt: skip

    answers = [
        client.post(address(model, "add"), forged),
        client.post(address(model, "change", row.pk), forged),
        client.post(
            address(model, "changelist"), {"action": "make_verified", "_selected_action": [row.pk]}
        ),
    ]

    assert [answer.status_code for answer in answers[:2]] == [403, 403]
    assert list(model._default_manager.order_by("pk").values()) == before


@pytest.mark.parametrize("model", [EmailAddress, Authenticator, UserSession, Group])
def test_a_forged_deletion_deletes_nothing(
    olga: User, client: Client, rows: Any, model: type[models.Model]
) -> None:
    client.force_login(olga)
    row = rows[model]

    alone = client.post(address(model, "delete", row.pk), {"post": "yes"})
    client.post(
        address(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )

    assert alone.status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [*LIBRARIES, Service])
def test_lists_searches_and_rows_show_no_secret(
    olga: User, client: Client, rows: Any, model: type[models.Model]
) -> None:
    client.force_login(olga)
    row = rows.get(model) or Service.objects.get()

    pages = [
        client.get(address(model, "changelist"), {"q": "alice"}),
        client.get(address(model, "changelist")),
        client.get(address(model, "change", row.pk)),
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    for page in pages:
        for secret in (SECRET, "hashhash", "alices-session-key", Service.objects.get().secret):
            assert secret not in page.content.decode()


def test_support_finds_an_address_and_cannot_verify_it(client: Client, rows: Any) -> None:
    row = rows[EmailAddress]
    EmailAddress.objects.filter(pk=row.pk).update(verified=False)
    client.force_login(make_role("sam", "support"))

    page = client.get(address(EmailAddress, "changelist"), {"q": "alice@"}).content.decode()
    client.post(address(EmailAddress, "change", row.pk), {"verified": "on", "email": row.email})

    row.refresh_from_db()
    assert "alice@example.org" in page
    assert "make_verified" not in page
    assert row.verified is False


def reset(client: Client, *rows: Authenticator) -> Any:
    return client.post(
        address(Authenticator, "changelist"),
        {"action": "reset", "_selected_action": [row.pk for row in rows]},
        follow=True,
    )


def test_an_administrator_resets_a_second_factor_and_the_person_is_told_and_signed_out(
    olga: User, alice: User, client: Client, rows: Any
) -> None:
    codes = Authenticator.objects.create(
        user=alice, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"}
    )
    client.force_login(olga)

    reset(client, rows[Authenticator])

    assert not Authenticator.objects.filter(user=alice).exists()
    assert not UserSession.objects.filter(user=alice).exists()
    notice = Notice.objects.get()
    assert (notice.user, notice.title) == (alice, "Our staff reset your second factor")
    assert notice.subject_key == f"second-factor-reset:{codes.pk}"
    assert Authenticator.objects.filter(user=olga).count() == 1


def test_nobody_resets_their_own_second_factor_here(olga: User, client: Client) -> None:
    client.force_login(olga)

    page = reset(client, Authenticator.objects.get(user=olga)).content.decode()

    assert "Change your own second factor in your account" in page
    assert Authenticator.objects.filter(user=olga).count() == 1


def test_a_second_factor_is_not_reset_by_who_is_no_administrator(
    alice: User, client: Client, rows: Any
) -> None:
    sam = make_role("sam", "support")
    client.force_login(sam)

    page = reset(client, rows[Authenticator]).content.decode()

    assert "Reset all second factors" not in page
    assert Authenticator.objects.filter(user=alice).count() == 1
    with pytest.raises(services.NotAnAdministrator):
        services.reset_second_factor(user_id=alice.pk, by_id=sam.pk)


@pytest.mark.parametrize(("role", "left"), [(None, 0), ("auditor", 1), ("support", 1)])
def test_administrators_revoke_tokens_by_deleting_them(
    olga: User, client: Client, rows: Any, role: str | None, left: int
) -> None:
    client.force_login(make_role("sam", role) if role else olga)

    client.post(address(Token, "delete", rows[Token].pk), {"post": "yes"})

    assert Token.objects.count() == left


SERVICE = {
    "id": "botbot", "name": "Bot", "scopes": "openid", "default_scopes": "", "type": "confidential",
    "grant_types": "client_credentials", "redirect_uris": "", "cors_origins": "",
    "response_types": "code",
}  # fmt: skip


def test_an_administrator_adds_a_service_whose_secret_is_shown_once(
    olga: User, client: Client
) -> None:
    client.force_login(olga)

    first = client.post(
        address(Service, "add"), SERVICE | {"secret": "forged", "owner": olga.pk}, follow=True
    )
    again = client.get(address(Service, "changelist"))

    service = Service.objects.get(pk="botbot")
    assert "only shown once" in first.content.decode()
    assert "only shown once" not in again.content.decode()
    assert not service.check_secret("forged")
    assert service.owner is None


def test_a_service_is_not_added_or_changed_by_who_is_no_administrator(
    client: Client, rows: Any
) -> None:
    client.force_login(make_role("ada", "auditor"))

    added = client.post(address(Service, "add"), SERVICE)
    changed = client.post(address(Service, "change", "tipbot"), SERVICE | {"name": "Mine"})

    assert (added.status_code, changed.status_code) == (403, 403)
    assert [service.name for service in Service.objects.all()] == ["Tip Bot"]


def test_the_auditor_opens_every_list_and_every_first_row(
    client: Client, rows: Any, bob: User
) -> None:
    factories.give_coins(rows[EmailAddress].user, 10)
    client.force_login(make_role("ada", "auditor"))

    answers = {
        model._meta.label: client.get(address(model, "changelist")).status_code
        for model in admin.site._registry
    }
    shown = {
        model._meta.label: client.get(address(model, "change", row.pk)).status_code
        for model in admin.site._registry
        if (row := model._default_manager.first()) is not None
    }

    assert {label for label, status in answers.items() if status != 200} == set()
    assert {label for label, status in shown.items() if status != 200} == set()
