"""Leaving: a whole copy and no secret in it; an account that closes only when no money is under
way; an erasure after which the books are the same and nothing in the database knows the person.
"""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import Error, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import leaving as deeds
from accounts import services
from accounts.models import (
    Closure,
    CreatorProfile,
    DataExport,
    Follow,
    Notice,
    NoticeKind,
    OutboxEvent,
    Standing,
    User,
)
from config import leaving, personal
from gifts.models import Room, Sending, Video
from tests import factories
from tests.accounts.test_roles import make_role
from tests.database import owner
from tests.wallet.test_history import give
from tests.wallet.test_receipts import credited
from wallet import ledger, own_limits, queries, receipts, returns
from wallet.models import (
    Adjustment,
    Balance,
    Lot,
    Operation,
    ProviderEvent,
    Purchase,
    Receipt,
    Transfer,
)

CANARY = "Xanthippe"  # in every word that is about her
CREATOR_CANARY = "Quetzalcoatl"


def as_if_confirmed(client: Client) -> Client:
    """Sign in anew for real: what allauth asks before such deeds."""
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    return client


def close_form(person: User, **fields: str) -> dict[str, str]:
    return {"handle": person.handle} | fields


def dump() -> dict[str, str]:
    """Every row of every table, as text."""
    held = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'ledger') AND table_type = 'BASE TABLE'"
        )
        for schema, table in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            held[f"{schema}.{table}"] = "\n".join(row[0] for row in cursor.fetchall())
    return held


def tables_with(canary: str) -> set[str]:
    return {table for table, rows in dump().items() if canary.lower() in rows.lower()}


def books() -> list[Any]:
    """All amounts: transfers, balances, lots and purchases, without a word."""
    return [
        list(Transfer.objects.order_by("pk").values()),
        list(Balance.objects.order_by("pk").values()),
        list(Lot.objects.order_by("pk").values()),
        list(Purchase.objects.order_by("pk").values("pk", "coins", "gross_minor", "tax_minor")),
        list(Receipt.objects.order_by("pk").values()),
    ]


@pytest.fixture
def xanthippe(bob: User, olga: User) -> User:
    """A fan with her name in every place that the site has for it."""
    fan = factories.make_user(
        "xanthippe", display_name=f"{CANARY} the Fan", birth_date=date(1987, 6, 5)
    )
    services.update_profile(user_id=fan.pk, fields={"display_name": f"{CANARY} Again"})
    fan.refresh_from_db()
    purchase = credited(fan)
    Purchase.objects.filter(pk=purchase.pk).update(
        checkout_ref="cs_x", return_path=f"/@{CANARY}/", failure=f"{CANARY} failed"
    )
    receipts.number_receipts(at=timezone.now())
    gift = give(fan, bob, 100)
    ledger.adjust_coins(
        operation_id=ledger.new_operation_id(), owner_id=fan.pk, coins=5, hold_class=1,
        proposer_id=olga.pk, approver_id=bob.pk, memo={"text": f"Correction: {CANARY} wrote"},
    ).check()  # fmt: skip
    Adjustment.objects.create(
        id=ledger.new_operation_id(), owner=fan, unit="coin", amount=5, reason=f"{CANARY} wrote",
        proposer=olga,
    )  # fmt: skip
    ProviderEvent.objects.create(
        provider="stripe", event_id="e1", kind="checkout", object_ref="cs_x",
        body=json.dumps({"email": fan.email}), handled_at=timezone.now(),
    )  # fmt: skip
    Follow.objects.create(fan=fan, creator=bob)
    UserSession.objects.create(
        user=fan, ip="192.0.2.77", user_agent=f"{CANARY}/1.0", session_key="k"
    )
    Authenticator.objects.create(user=fan, type="totp", data={"secret": CANARY})
    LogEntry.objects.create(
        user=olga, content_type=ContentType.objects.get_for_model(User), object_id=str(fan.pk),
        object_repr=str(fan), action_flag=CHANGE, change_message=CANARY,
    )  # fmt: skip
    with transaction.atomic():
        services.notify(
            user_id=fan.pk, kind=NoticeKind.ACCOUNT, subject_key="x", title=f"Hello {CANARY}"
        )
    services.set_standing(
        user_id=fan.pk, to=Standing.RESTRICTED, why=f"{CANARY} shouted", by_id=olga.pk, until=None,
        at=timezone.now(),
    )  # fmt: skip
    OutboxEvent.objects.update(relayed_at=timezone.now())
    Sending.objects.create(
        id=gift, sender=fan, creator=bob, coins=100, quantity=1,
        room=Room.objects.create(id=ledger.new_operation_id(), creator=bob, title="Piano"),
        gift_version_id=apps.get_model("gifts", "GiftVersion").objects.earliest("pk").pk,
    )  # fmt: skip
    return fan


def closed_long_ago(person: User) -> Closure:
    with transaction.atomic():
        return deeds.close_account(
            person=person, coins_left=0, at=timezone.now() - deeds.GRACE - timedelta(seconds=1)
        )


# Erasing


def test_after_an_erasure_no_table_knows_the_person_and_the_books_are_the_same(
    xanthippe: User, bob: User
) -> None:
    before = books()
    assert len(tables_with(CANARY)) >= 10  # the control: the search finds what is there
    closed_long_ago(xanthippe)

    assert leaving.erase_due(at=timezone.now()) == 1

    assert tables_with(CANARY) == set()
    for word in ("xanthippe@example.org", "1987-06-05", "192.0.2.77"):
        assert tables_with(word) == set(), word
    assert books() == before
    assert list(ledger.audit()) == []
    xanthippe.refresh_from_db()
    assert (xanthippe.display_name, xanthippe.handle, xanthippe.email) == (
        "Somebody who left",
        f"gone_{xanthippe.pk}",
        f"erased-{xanthippe.pk}@erased.invalid",
    )
    assert not xanthippe.has_usable_password()
    assert Sending.objects.get().coins == 100
    assert Closure.objects.get().state == Closure.State.ERASED
    assert leaving.erase_due(at=timezone.now()) == 0


def test_an_erased_creator_is_gone_from_the_gifts_others_gave(alice: User, olga: User) -> None:
    creator = factories.make_creator("quetzalcoatl", display_name=CREATOR_CANARY)
    CreatorProfile.objects.filter(creator=creator).update(about=f"{CREATOR_CANARY} sings")
    Room.objects.create(id=ledger.new_operation_id(), creator=creator, title=CREATOR_CANARY,
                        state=Room.State.ENDED)  # fmt: skip
    Video.objects.create(id=ledger.new_operation_id(), creator=creator, title=CREATOR_CANARY)
    factories.give_coins(alice, 100)
    gift = give(alice, creator, 10, where=f"{CREATOR_CANARY} live")
    before = books()
    assert "ledger.operation" in tables_with(CREATOR_CANARY)
    closed_long_ago(creator)

    leaving.erase_due(at=timezone.now())

    assert tables_with(CREATOR_CANARY) == set()
    assert books() == before
    memo = Operation.objects.get(pk=gift).memo
    assert memo is not None
    assert (memo["gift"], memo["from"]) == ("Rosebud", "Alice")
    assert "to" not in memo


def test_what_histories_say_of_a_gift_whose_creator_left(
    alice: User, bob: User, client: Client
) -> None:
    factories.give_coins(alice, 100)
    give(alice, bob, 10)
    with transaction.atomic():
        assert returns.forget(person_id=bob.pk) == 1
        assert returns.forget(person_id=bob.pk) == 0
    client.force_login(alice)

    page = client.get("/balance/history/").content.decode()

    assert "Rosebud ×10 to a creator" in page


@pytest.mark.parametrize(
    "harm",
    [
        'UPDATE ledger.operation SET memo = memo || \'{"to": "Mallory"}\'',
        "UPDATE ledger.operation SET memo = memo - 'gift'",
        "UPDATE ledger.operation SET memo = NULL",
        "UPDATE ledger.operation SET result = '{}'",
        "UPDATE ledger.operation SET context = 'x', memo = memo - 'to'",
        "UPDATE ledger.operation SET is_refused = NOT is_refused",
        "DELETE FROM ledger.operation",
    ],
)
def test_even_the_owner_can_only_take_words_out_of_a_memo(committed: str, harm: str) -> None:
    with transaction.atomic():
        alice, bob = factories.make_user("alice"), factories.make_creator("bob")
        factories.give_coins(alice, 100)
    with transaction.atomic():
        give(alice, bob, 10)
    before = list(Operation.objects.order_by("pk").values())

    with owner(committed) as session, pytest.raises(Exception, match=r"outcome|forbidden"):
        session.execute(harm.encode())

    assert list(Operation.objects.order_by("pk").values()) == before


def test_the_site_itself_cannot_write_memos(alice: User, bob: User) -> None:
    with pytest.raises(Error, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger.operation SET memo = NULL")


def test_every_table_that_names_a_person_is_in_the_register() -> None:
    listed = {held.model.lower() for held in personal.REGISTER}
    missing = []
    for model in (model for model in apps.get_models() if not model._meta.proxy):
        for column in model._meta.concrete_fields:
            label = model._meta.label
            is_about = (
                column.related_model is User
                and column.name not in personal.STAFF_COLUMNS
                and (label, column.name) not in personal.OTHER_SIDES
            )
            if is_about and label.lower() not in listed:
                missing.append(f"{label}.{column.name}")

    assert missing == [], "say in config/personal.py what becomes of these when somebody leaves"


def test_the_register_names_real_tables_and_columns_and_why_it_keeps(db: None) -> None:
    for held in personal.REGISTER:
        names = {column.attname for column in held.table()._meta.concrete_fields}
        assert {*held.sheds} <= names, held.model
        assert held.rows(1).count() >= 0
        assert held.why_kept or held.at_erasure is not personal.AtErasure.KEEP, held.model


# A copy


def export_of(person: User) -> dict[str, str]:
    export_id = ledger.new_operation_id()
    deeds.ask_export(export_id=export_id, person_id=person.pk, at=timezone.now())
    leaving.make_exports(at=timezone.now())
    export = DataExport.objects.get(pk=export_id)
    assert export.archive is not None
    with zipfile.ZipFile(io.BytesIO(bytes(export.archive))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_copy_has_every_table_of_the_person_and_nobody_elses_and_no_secret(
    xanthippe: User, alice: User
) -> None:
    credited(alice)

    files = export_of(xanthippe)

    user = json.loads(files["accounts.user.json"])["rows"]
    assert [row["email"] for row in user] == ["xanthippe@example.org"]
    assert "password" not in user[0]
    assert len(json.loads(files["wallet.purchase.json"])["rows"]) == 1
    assert len(json.loads(files["gifts.sending.json"])["rows"]) == 1
    assert "Rosebud" in files["history.csv"]
    everything = "\n".join(files.values())
    assert "alice" not in everything.lower()
    for secret in (xanthippe.password, f'"secret": "{CANARY}"', "192.0.2.99"):
        assert secret not in everything
    assert json.loads(files["mfa.authenticator.json"])["rows"][0].keys().isdisjoint({"data"})


def test_a_copy_is_asked_for_made_told_of_downloaded_and_deleted(
    alice: User, client: Client
) -> None:
    client.force_login(alice)
    page = client.get("/me/leaving/").content.decode()
    assert "A copy of your data" in page
    export_id = str(ledger.new_operation_id())
    client.post("/me/leaving/copy/", {"export": export_id})
    again = client.post(
        "/me/leaving/copy/", {"export": str(ledger.new_operation_id())}, follow=True
    )
    assert "You asked for a copy within the last 24 hours" in again.content.decode()
    assert "Being made" in again.content.decode()

    assert leaving.make_exports(at=timezone.now()) == 1

    address = f"/me/leaving/copy/{export_id}.zip"
    assert f'href="{address}"' in client.get("/me/leaving/").content.decode()
    assert Notice.objects.get(user=alice).title == "The copy of your data is ready"
    assert client.get(address)["Location"].startswith("/accounts/reauthenticate/")
    answer = as_if_confirmed(client).get(address)
    assert answer["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    leaving.make_exports(at=timezone.now() + deeds.EXPORT_LIFE)
    assert client.get(address).status_code == 404
    export = DataExport.objects.get()
    assert (export.state, export.archive) == (DataExport.State.GONE, None)


def test_a_copy_is_its_owners_alone_and_staff_do_not_see_into_it(
    alice: User, mallory: User, olga: User, client: Client
) -> None:
    export_of(alice)
    export_id = DataExport.objects.get().pk
    client.force_login(mallory)

    assert as_if_confirmed(client).get(f"/me/leaving/copy/{export_id}.zip").status_code == 404
    client.force_login(olga)
    page = client.get(f"/admin/accounts/dataexport/{export_id}/change/")
    assert page.status_code == 200
    assert "rchive" not in page.content.decode()


def test_two_workers_making_one_copy_keep_one(alice: User) -> None:
    export_id = ledger.new_operation_id()
    deeds.ask_export(export_id=export_id, person_id=alice.pk, at=timezone.now())

    for archive in (b"first", b"second"):
        deeds.keep_export(export_id=export_id, archive=archive, at=timezone.now())

    assert bytes(DataExport.objects.get().archive or b"") == b"first"
    assert Notice.objects.count() == 1


# Closing


def test_an_account_is_closed_signed_out_and_told_and_opened_again_by_staff(
    alice: User, client: Client
) -> None:
    client.force_login(alice)
    as_if_confirmed(client)

    page = client.post("/me/leaving/close/", close_form(alice)).content.decode()

    assert "Your account is closed" in page
    alice.refresh_from_db()
    assert alice.is_active is False
    assert client.get("/me/")["Location"].startswith("/accounts/login/")
    client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
    assert client.get("/me/")["Location"].startswith("/accounts/login/")
    assert Notice.objects.get(user=alice, title="Your account is closed").email_due is True
    assert leaving.erase_due(at=timezone.now() + timedelta(days=13)) == 0
    client.force_login(make_role("sam", "support"))
    closure = Closure.objects.get()
    client.post("/admin/accounts/closure/", {"action": "reopen", "_selected_action": [closure.pk]})
    alice.refresh_from_db()
    closure.refresh_from_db()
    assert (alice.is_active, closure.state) == (True, Closure.State.REOPENED)
    assert leaving.erase_due(at=timezone.now() + timedelta(days=30)) == 0


def test_closing_asks_who_it_is_first(alice: User, client: Client) -> None:
    client.force_login(alice)

    answer = client.post("/me/leaving/close/", close_form(alice))

    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not Closure.objects.exists()


def test_another_handle_closes_nothing(alice: User, client: Client) -> None:
    client.force_login(alice)
    as_if_confirmed(client)

    page = client.post("/me/leaving/close/", {"handle": "mallory"}).content.decode()

    assert "This is not the handle of the account you are signed in to." in page
    assert not Closure.objects.exists()


def test_coins_left_are_told_apart_offered_back_and_given_up_only_in_words(
    alice: User, olga: User, bob: User, client: Client
) -> None:
    purchase = credited(alice)
    Purchase.objects.filter(pk=purchase.pk).update(credited_at=timezone.now())
    ledger.adjust_coins(
        operation_id=ledger.new_operation_id(), owner_id=alice.pk, coins=40, hold_class=1,
        proposer_id=olga.pk, approver_id=bob.pk, memo={"text": "A gift of the house"},
    ).check()  # fmt: skip
    client.force_login(alice)
    as_if_confirmed(client)

    page = client.get("/me/leaving/close/").content.decode()
    refused = client.post("/me/leaving/close/", close_form(alice))
    closed = client.post("/me/leaving/close/", close_form(alice, gives_up_coins="on"))

    assert "700 of them can be refunded" in page
    assert "€8.40" in page
    assert "40 cannot" in page
    assert refused.status_code == 409
    assert "You still have 740 coins" in refused.content.decode()
    assert "Your account is closed" in closed.content.decode()
    assert Closure.objects.get().coins_left == 740
    assert queries.coins(user_id=alice.pk) == 740


def test_coins_of_a_gift_card_are_told_apart_with_why_they_do_not_go_back(
    alice: User, client: Client
) -> None:
    purchase = credited(alice)
    Purchase.objects.filter(pk=purchase.pk).update(channel="gift_card", paid_at=timezone.now())
    client.force_login(alice)
    as_if_confirmed(client)

    page = client.get("/me/leaving/close/").content.decode()

    assert "700 came from gift cards. They cannot be refunded" in page
    assert "can be refunded</strong>" not in page
    assert "cannot: the time" not in page


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("live", "End your room first"),
        ("paying", "A purchase of yours is not finished"),
        ("earnings", "You still have diamonds or money to be paid"),
        ("staff", "closed by an administrator"),
    ],
)
def test_nobody_leaves_while_something_is_under_way(
    case: str, words: str, alice: User, bob: User, client: Client
) -> None:
    match case:
        case "live":
            Room.objects.create(id=ledger.new_operation_id(), creator=bob, title="Piano")
        case "paying":
            purchase = credited(bob)
            Purchase.objects.filter(pk=purchase.pk).update(state=Purchase.State.PENDING)
        case "earnings":
            factories.give_coins(alice, 10)
            give(alice, bob, 10)
        case "staff":
            User.objects.filter(pk=bob.pk).update(is_staff=True)
    client.force_login(bob)
    as_if_confirmed(client)

    page = client.get("/me/leaving/close/").content.decode()
    answer = client.post("/me/leaving/close/", close_form(bob, gives_up_coins="on"))

    assert words in page
    assert (answer.status_code, Closure.objects.count()) == (409, 0)
    bob.refresh_from_db()
    assert bob.is_active is True


def test_closing_waits_for_a_purchase_that_is_being_started(committed: str) -> None:
    alice = factories.make_user("alice")

    def close() -> None:
        try:
            leaving.close_account(person=alice, gives_up_coins=True, at=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            own_limits.lock(user_id=alice.pk)
            closing = threads.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.5)
            begun = credited(alice)
            Purchase.objects.filter(pk=begun.pk).update(state=Purchase.State.PENDING)
        with pytest.raises(leaving.PaymentUnderWay):
            closing.result(timeout=30)

    assert not Closure.objects.exists()
