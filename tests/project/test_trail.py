"""What staff did is kept, shown and exported, and nobody changes it: not the admin, not the app's
login, not the owner of the tables.
"""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pghistory import core

from accounts import papers, services
from accounts.models import (
    Closure,
    CreatorProfile,
    PaperAccess,
    PaperView,
    Standing,
    StateChange,
    User,
)
from config import trail
from payouts.models import TaxExport
from tests import factories
from tests.accounts.papers import sent_papers
from tests.accounts.test_roles import make_role
from tests.database import connect, owner
from wallet import adjustments, ledger
from wallet.models import Adjustment, FxRate, Region

QUERIES_MAX = 40
TRAILS = (
    "accounts_statechange", "django_admin_log", "pghistory_context", "accounts_paperview",
    "payouts_taxexport", *(model._meta.db_table for model in core.event_models()),
)  # fmt: skip
EMPTIED = {
    "accounts_statechange", "django_admin_log", "pghistory_context", "accounts_paperview",
}  # fmt: skip
DELETED = {"accounts_useredit", "accounts_creatorprofileevent"}


def judge(person: User, by: User, *, why: str = "Shouted at a creator.") -> None:
    services.set_standing(
        user_id=person.pk, to=Standing.RESTRICTED, why=why, by_id=by.pk, until=None,
        at=timezone.now(),
    )  # fmt: skip


def note(person: User, by: User) -> LogEntry:
    return LogEntry.objects.create(
        user=by, content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk),
        object_repr=str(person), action_flag=CHANGE, change_message="Reset the second factor.",
    )  # fmt: skip


def change_region(client: Client, why: str) -> None:
    germany = Region.objects.get(pk="DE")
    countries = list(germany.countries.order_by("pk"))
    counts = {"TOTAL_FORMS": len(countries), "INITIAL_FORMS": len(countries)}
    form = {f"countries-{name}": str(count) for name, count in counts.items()}
    for number, row in enumerate(countries):
        form |= {
            f"countries-{number}-id": str(row.pk), f"countries-{number}-region": "DE",
            f"countries-{number}-country": row.country.code,
        }  # fmt: skip
    form |= {
        "name": "Germany", "tax_bps": "2100", "tax_name": "VAT", "tax_is_included": "on",
        "is_open": "on", "withdrawal_days": "14", "refund_days": "7", "age_min": "18", "why": why,
    }  # fmt: skip
    answer = client.post(reverse("admin:wallet_region_change", args=["DE"]), form)
    assert answer.status_code == 302


def export(by: User, *, year: int = 2026) -> None:
    TaxExport.objects.create(by=by, year=year, country="DE", at=timezone.now())


def of_today(**asked: Any) -> trail.Asked:
    today = timezone.now().date()
    return trail.Asked(from_day=today, to_day=today, **asked)


def told(user: User, **asked: Any) -> list[tuple[str, ...]]:
    deeds, _ = trail.latest(of_today(**asked), user=user, limit=50)
    return [
        (deed.who, deed.what, deed.object_words, deed.before, deed.after, deed.why)
        for deed in deeds
    ]


# Nobody changes it


@pytest.mark.parametrize("table", TRAILS)
def test_the_app_role_adds_to_a_trail_and_reads_it_and_changes_nothing(
    db: None, table: str
) -> None:
    asked = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT may, has_table_privilege(current_user, %s, may) FROM unnest(%s::text[]) AS may",
            [table, list(asked)],
        )
        granted = {may for may, is_granted in cursor if is_granted}

    expected = {"SELECT", "INSERT"} | ({"DELETE"} if table in DELETED else set())
    assert granted == expected


def test_what_is_emptied_when_somebody_leaves_is_a_few_columns_alone(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.column_privileges"
            " WHERE grantee = current_user AND privilege_type = 'UPDATE'"
            "   AND table_name = ANY(%s)",
            [list(TRAILS)],
        )
        found = set(cursor.fetchall())

    assert {table for table, _ in found} == EMPTIED
    assert {column for _, column in found} == {
        "why", "object_repr", "change_message", "metadata", "updated_at",
    }  # fmt: skip


def fill(alice: User, bob: User, olga: User) -> None:
    """One row in every trail."""
    judge(alice, olga)
    note(alice, olga)
    export(olga)
    check = sent_papers(bob)
    at = timezone.now()
    papers.ask_access(check_id=check.pk, by_id=olga.pk, reason="To compare the face", at=at)
    PaperView.objects.create(
        access=PaperAccess.objects.get(), paper=check.papers.earliest("pk"), by=olga, why="To look",
    )  # fmt: skip
    CreatorProfile.objects.filter(creator=bob).update(about="New words")
    FxRate.objects.create(
        currency="KES", per_usd="129.5", quoted_at=at - timedelta(days=400), source="Test"
    )
    adjustments.propose(
        adjustment_id=ledger.new_operation_id(), owner=alice, unit="coin", amount=5, card=None,
        reason="Goodwill", proposer_id=olga.pk,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("UPDATE accounts_statechange SET why = 'Nothing'", "accounts_statechange"),
        ("UPDATE accounts_statechange SET why = ''", "accounts_statechange"),
        ("UPDATE accounts_statechange SET by_id = NULL", "accounts_statechange"),
        ("DELETE FROM accounts_statechange", "accounts_statechange"),
        ("UPDATE django_admin_log SET change_message = ''", "django_admin_log"),
        ("DELETE FROM django_admin_log", "django_admin_log"),
        ("UPDATE accounts_paperview SET why = '-'", "accounts_paperview"),
        ("DELETE FROM accounts_paperview", "accounts_paperview"),
        ("UPDATE payouts_taxexport SET year = 2025", "payouts_taxexport"),
        ("DELETE FROM payouts_taxexport", "payouts_taxexport"),
        ("UPDATE wallet_fxrateevent SET per_usd = 1", "wallet_fxrateevent"),
        ("DELETE FROM wallet_fxrateevent", "wallet_fxrateevent"),
        ("UPDATE accounts_useredit SET email = 'x'", "accounts_useredit"),
        ("DELETE FROM accounts_useredit", "accounts_useredit"),
        ("DELETE FROM accounts_creatorprofileevent", "accounts_creatorprofileevent"),
    ],
)
@pytest.mark.parametrize("login", [connect, owner])
def test_neither_the_apps_login_nor_the_owner_changes_a_trail(
    committed: str, sql: str, kept: str, login: Any
) -> None:
    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    fill(alice, bob, factories.make_staff("olga"))

    with login(committed) as session:
        before = session.execute(f"SELECT * FROM {kept} ORDER BY 1").fetchall()
        with pytest.raises(psycopg.Error, match=r"stays as it was written|permission denied"):
            session.execute(sql)
        after = session.execute(f"SELECT * FROM {kept} ORDER BY 1").fetchall()

    assert before == after
    assert before


def test_control_without_its_trigger_the_owner_rewrites_a_trail(committed: str) -> None:
    alice = factories.make_user("alice")
    judge(alice, factories.make_staff("olga"))

    with owner(committed) as session:
        session.execute("DROP TRIGGER trail_kept ON accounts_statechange")
        session.execute("UPDATE accounts_statechange SET why = 'Nothing'")

    assert StateChange.objects.get().why == "Nothing"


def test_who_did_an_edit_cannot_be_said_anew(committed: str, client: Client) -> None:
    olga = factories.make_staff("olga")
    client.force_login(olga)
    change_region(client, "The tax changed by law.")

    with connect(committed) as session, pytest.raises(psycopg.Error, match="stays as it was"):
        session.execute("""UPDATE pghistory_context SET metadata = '{"user": 1}'""")

    context = apps.get_model("pghistory", "Context").objects.get()
    assert context.metadata["user"] == olga.pk


def test_words_about_a_person_go_when_they_have_left_and_only_then(
    alice: User, mallory: User, olga: User
) -> None:
    judge(alice, olga)
    judge(mallory, olga)
    note(alice, olga)
    at = timezone.now()
    Closure.objects.create(person=alice, closed_at=at, erase_at=at, coins_left=0)

    changed = StateChange.objects.filter(subject_id=str(alice.pk)).update(why="")
    LogEntry.objects.filter(object_id=str(alice.pk)).update(object_repr="", change_message="")
    with pytest.raises(Exception, match="stays as it was written"), transaction.atomic():
        StateChange.objects.filter(subject_id=str(mallory.pk)).update(why="")

    assert changed == 1
    assert [row.why for row in StateChange.objects.order_by("pk")] == ["", "Shouted at a creator."]


# It is shown


def test_every_kind_of_deed_is_told_with_who_before_after_and_why(
    alice: User, bob: User, olga: User, client: Client
) -> None:
    client.force_login(olga)
    judge(alice, olga)
    change_region(client, "The tax changed by law.")
    note(alice, olga)
    adjustments.propose(
        adjustment_id=ledger.new_operation_id(), owner=alice, unit="coin", amount=5, card=None,
        reason="Goodwill", proposer_id=olga.pk,
    )  # fmt: skip
    export(olga)

    found = told(olga)

    assert ("@olga", "Moved", "User", "good", "restricted", "Shouted at a creator.") in found
    assert (
        "@olga", "Changed", "Region", "tax bps: 1900; tax name: MwSt.",
        "tax bps: 2100; tax name: VAT", "The tax changed by law.",
    ) in found  # fmt: skip
    assert ("@olga", "Change", "User", "", "Reset the second factor.", "") in found
    proposed = str(Adjustment.objects.select_related("owner").get())
    assert ("@olga", "Proposed", "Adjustment", "", proposed, "Goodwill") in found
    exported = str(TaxExport.objects.get())
    assert ("@olga", "Saved the totals", "Tax export", "", exported, "") in found


def test_the_newest_deed_comes_first_and_pages_follow_each_other(alice: User, olga: User) -> None:
    for number in range(5):
        export(olga, year=2020 + number)

    first, more = trail.latest(of_today(), user=olga, limit=3)
    rest, no_more = trail.latest(of_today(), user=olga, skip=3, limit=3)

    ats = [deed.at for deed in [*first, *rest]]
    assert ats == sorted(ats, reverse=True)
    assert ([deed.after[:4] for deed in [*first, *rest]], more, no_more) == (
        ["2024", "2023", "2022", "2021", "2020"], True, False,
    )  # fmt: skip


def test_deeds_are_found_by_person_object_and_day(alice: User, bob: User, olga: User) -> None:
    rita = make_role("rita", "risk")
    judge(alice, olga)
    judge(bob, rita, why="Sold gifts.")
    at = timezone.now() - timedelta(days=3)
    export(olga)
    StateChange.objects.create(
        subject_type="accounts.user", subject_id="1", before="good", after="banned",
        why="Long ago.", by=olga, at=at,
    )  # fmt: skip

    assert [row[5] for row in told(olga, by_id=rita.pk)] == ["Sold gifts."]
    assert [row[5] for row in told(olga, object_id=str(alice.pk))] == ["Shouted at a creator."]
    old, _ = trail.latest(trail.Asked(from_day=at.date(), to_day=at.date()), user=olga, limit=50)
    assert [deed.why for deed in old] == ["Long ago."]


def test_what_fans_and_creators_move_is_not_what_staff_did(alice: User, olga: User) -> None:
    StateChange.objects.create(
        subject_type="accounts.user", subject_id=str(alice.pk), before="a", after="b",
        why="My own.", by=alice, at=timezone.now(),
    )  # fmt: skip

    assert told(olga) == []


def test_what_somebody_did_stays_told_when_they_are_staff_no_more(alice: User, olga: User) -> None:
    rita = make_role("rita", "risk")
    judge(alice, rita)
    User.objects.filter(pk=rita.pk).update(is_staff=False)

    assert [row[0] for row in told(olga)] == ["@rita"]


def test_each_table_is_shown_only_to_whoever_may_view_it(alice: User, olga: User) -> None:
    judge(alice, olga)
    export(olga)
    sam = make_role("sam", "support")

    assert [row[1] for row in told(sam)] == ["Moved"]
    assert sorted(row[1] for row in told(olga)) == ["Moved", "Saved the totals"]


@pytest.mark.parametrize(
    ("role", "status"),
    [("auditor", 200), ("support", 403), ("finance", 403), ("risk", 403), ("pricing", 403)],
)
def test_the_page_and_its_file_are_the_auditors(
    alice: User, client: Client, role: str, status: int
) -> None:
    client.force_login(make_role("ann", role))

    answers = [client.get(reverse(f"admin:{name}")) for name in ("trail", "trail_csv")]

    assert [answer.status_code for answer in answers] == [status, status]


def test_the_page_shows_a_deed_and_leads_to_its_object(
    alice: User, olga: User, client: Client
) -> None:
    judge(alice, olga)
    client.force_login(olga)

    page = client.get(reverse("admin:trail"), {"person": "@olga"}).content.decode()

    assert "Shouted at a creator." in page
    assert f'href="/admin/accounts/user/{alice.pk}/change/"' in page
    assert " style=" not in page


def test_the_file_holds_the_same_and_no_formula(alice: User, olga: User, client: Client) -> None:
    judge(alice, olga, why="=1+1")
    client.force_login(olga)

    answer = client.get(reverse("admin:trail_csv"))

    lines = answer.getvalue().decode().splitlines()
    assert lines[0] == '"When (UTC)","Who","What","Object","Before","After","Why"'
    assert lines[1].endswith(f'"olga","Moved","User {alice.pk}","good","restricted","\'=1+1"')
    assert len(lines) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"person": "nobody_like_that"},
        {"from_day": "2026-02-30"},
        {"from_day": "2026-02-02", "to_day": "2026-02-01"},
        {"from_day": "2020-01-01", "to_day": "2026-02-01"},
    ],
)
def test_a_wrong_filter_is_said_and_shows_nothing(
    alice: User, olga: User, client: Client, wrong: dict[str, str]
) -> None:
    judge(alice, olga)
    client.force_login(olga)

    answer = client.get(reverse("admin:trail"), wrong)

    assert answer.status_code == 400
    assert "Shouted at a creator." not in answer.content.decode()
    assert client.get(reverse("admin:trail_csv"), wrong).status_code == 400


def test_the_page_asks_as_few_questions_for_many_deeds_as_for_few(
    alice: User, bob: User, olga: User, client: Client
) -> None:
    client.force_login(olga)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("admin:trail")).status_code == 200
        return len(queries)

    quiet = asked()
    for person in (alice, bob):
        judge(person, olga)
        note(person, olga)
    fill(alice, bob, olga)
    assert asked() == quiet
    assert quiet <= QUERIES_MAX


def test_the_day_begins_and_ends_at_midnight_utc() -> None:
    asked = trail.Asked(from_day=date(2026, 3, 29), to_day=date(2026, 3, 29))

    assert asked.begins_at.isoformat() == "2026-03-29T00:00:00+00:00"
    assert asked.ends_at.isoformat() == "2026-03-30T00:00:00+00:00"
