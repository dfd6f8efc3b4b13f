"""Who changed what, and why: kept beside each row, shown to those who check, edited by nobody."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.accounts.test_roles import make_role
from wallet.models import Region

REGION = {
    "name": "Germany", "tax_bps": "1900", "tax_name": "VAT", "tax_is_included": "on",
    "is_open": "on", "withdrawal_days": "14", "refund_days": "7", "age_min": "18",
    "why": "The tax changed by law.",
}  # fmt: skip


def region_form(**changes: str) -> dict[str, str]:
    countries = list(Region.objects.get(pk="DE").countries.order_by("pk"))
    counts = {"TOTAL_FORMS": len(countries), "INITIAL_FORMS": len(countries)}
    form = {f"countries-{name}": str(count) for name, count in counts.items()}
    for number, row in enumerate(countries):
        form |= {
            f"countries-{number}-id": str(row.pk),
            f"countries-{number}-region": "DE",
            f"countries-{number}-country": row.country.code,
        }
    return REGION | form | changes


def edit_region(client: Client, **changes: str) -> Any:
    return client.post(reverse("admin:wallet_region_change", args=["DE"]), region_form(**changes))


def events() -> Any:
    return (
        apps.get_model("wallet", "RegionEvent").objects.filter(pgh_obj_id="DE").order_by("pgh_id")
    )


def test_an_edit_of_a_region_keeps_who_why_before_and_after(db: None, client: Client) -> None:
    priya = make_role("priya", "pricing")
    before = Region.objects.get(pk="DE").tax_bps
    client.force_login(priya)

    answer = edit_region(client, tax_bps="2100")

    assert answer.status_code == 302
    first, event = events()
    assert (first.tax_bps, event.tax_bps) == (before, 2100)
    assert event.pgh_context.metadata == {"user": priya.pk, "why": "The tax changed by law."}


def test_an_edit_without_a_reason_changes_nothing(olga: User, client: Client) -> None:
    client.force_login(olga)

    answer = edit_region(client, tax_bps="2100", why="")

    assert "This field is required" in answer.content.decode()
    assert Region.objects.get(pk="DE").tax_bps == 1900
    assert events().count() == 1


def test_control_without_the_middleware_nobody_is_named(
    olga: User, client: Client, settings: Any
) -> None:
    ours = "config.middleware.StaffEditsMiddleware"
    assert ours in settings.MIDDLEWARE
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != ours]
    client.force_login(olga)

    edit_region(client, tax_bps="2100")

    assert events().last().pgh_context is None


def test_the_auditor_reads_who_what_and_why(db: None, client: Client) -> None:
    client.force_login(make_role("priya", "pricing"))
    edit_region(client, tax_bps="2100")
    client.force_login(make_role("ada", "auditor"))

    page = client.get(reverse("admin:wallet_regionevent_changelist")).content.decode()
    shown = client.get(
        reverse("admin:wallet_regionevent_change", args=[events().last().pk])
    ).content.decode()

    for words in ("tax bps: 1900 → 2100", "@priya", "The tax changed by law."):
        assert words in page
        assert words in shown


def test_the_history_is_not_for_who_makes_it(db: None, client: Client) -> None:
    client.force_login(make_role("priya", "pricing"))

    assert client.get(reverse("admin:wallet_regionevent_changelist")).status_code == 403


def test_nobody_writes_history(olga: User, client: Client) -> None:
    client.force_login(olga)
    edit_region(client, tax_bps="2100")
    before = list(events().values())
    pk = before[-1]["pgh_id"]

    answers = [
        client.post(reverse("admin:wallet_regionevent_add"), {"tax_bps": "1"}),
        client.post(reverse("admin:wallet_regionevent_change", args=[pk]), {"tax_bps": "1"}),
        client.post(reverse("admin:wallet_regionevent_delete", args=[pk]), {"post": "yes"}),
        client.post(
            reverse("admin:wallet_regionevent_changelist"),
            {"action": "delete_selected", "_selected_action": [pk], "post": "yes"},
        ),
    ]

    assert [answer.status_code for answer in answers[:3]] == [403, 403, 403]
    assert list(events().values()) == before


@pytest.mark.parametrize("who", ["alice", "olga"])
def test_naming_the_editor_costs_no_query(
    who: str, client: Client, settings: Any, request: pytest.FixtureRequest
) -> None:
    client.force_login(request.getfixturevalue(who))

    def asked(method: str) -> int:
        getattr(client, method)("/me/menu/")
        with CaptureQueriesContext(connection) as queries:
            getattr(client, method)("/me/menu/")
        return len(queries)

    with_it = (asked("get"), asked("post"))
    ours = "config.middleware.StaffEditsMiddleware"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != ours]
    client.handler.load_middleware()

    assert (asked("get"), asked("post")) == with_it


def test_a_fans_writes_bear_no_added_words(alice: User, olga: User, client: Client) -> None:
    said = {}
    for person in (alice, olga):
        client.force_login(person)
        with CaptureQueriesContext(connection) as queries:
            client.post("/me/notifications/preferences/", {})
        said[person.handle] = any("pghistory.context" in query["sql"] for query in queries)

    assert said == {"alice": False, "olga": True}
