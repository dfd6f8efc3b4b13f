"""A person's pages: each for its owner only, and working without JavaScript."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import consents, services
from accounts.models import Consent, CreatorProfile, Follow, Notice, NoticeKind, Standing, User
from gifts.models import Room, Video
from tests import factories
from tests.accounts.conftest import make_service
from wallet import ledger

OWN_PAGES = (
    "/me/",
    "/me/menu/",
    "/me/notifications/",
    "/me/notifications/preferences/",
    "/me/consents/",
    "/me/consents/new?client=tipbot&scope=gifts:send",
    "/me/creator/",
    "/me/terms/",
)
PUBLIC_PAGES = ("/", "/discover/", "/discover/?q=x", "/help/", "/terms/", "/@bob/")


@pytest.mark.parametrize("path", OWN_PAGES)
def test_own_pages_ask_the_anonymous_to_sign_in(db: None, client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=/me/")


@pytest.mark.parametrize("path", [path for path in OWN_PAGES if "terms" not in path])
def test_own_pages_show_to_their_owner_and_are_kept_by_no_cache(
    alice: User, client: Client, path: str
) -> None:
    make_service()
    client.force_login(alice)

    answer = client.get(path)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "private" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_public_pages_show_to_everybody(bob: User, client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
    client.force_login(bob)
    assert client.get(path).status_code == 200


# Profile

PROFILE = {
    "display_name": "Alice B.",
    "handle": "Alice_B",
    "language": "de",
    "time_zone": "Europe/Berlin",
}


def test_people_change_how_they_are_shown(alice: User, client: Client) -> None:
    client.force_login(alice)

    client.post("/me/", PROFILE)

    alice.refresh_from_db()
    assert (alice.display_name, alice.handle) == ("Alice B.", "alice_b")
    assert (alice.language, alice.time_zone) == ("de", "Europe/Berlin")


def test_country_and_birth_date_stay_once_given(alice: User, client: Client) -> None:
    client.force_login(alice)

    page = client.post("/me/", PROFILE | {"country": "KR", "birth_date": "2001-01-01"}, follow=True)

    alice.refresh_from_db()
    assert (alice.country.code, alice.birth_date) == ("DE", date(1990, 5, 17))
    assert "Only our staff can change this" in page.content.decode()


def test_country_and_birth_date_stay_even_when_the_form_would_not_look(alice: User) -> None:
    with pytest.raises(services.FixedOnceSet):
        services.update_profile(user_id=alice.pk, fields={"country": "KR"})
    with pytest.raises(services.FixedOnceSet):
        services.update_profile(user_id=alice.pk, fields={"birth_date": date(1980, 1, 1)})

    alice.refresh_from_db()
    assert (alice.country.code, alice.birth_date) == ("DE", date(1990, 5, 17))


def test_country_and_birth_date_can_be_given_later(db: None, client: Client) -> None:
    carl = factories.make_user("carl", country="", birth_date=None)
    client.force_login(carl)

    client.post("/me/", PROFILE | {"country": "US", "birth_date": "1980-01-01"})

    carl.refresh_from_db()
    assert (carl.country.code, carl.birth_date) == ("US", date(1980, 1, 1))


@pytest.mark.parametrize("handle", ["bob", "BOB", "admin", "x", "has space"])
def test_a_handle_that_is_taken_or_no_handle_is_refused(
    alice: User, bob: User, client: Client, handle: str
) -> None:
    client.force_login(alice)

    answer = client.post("/me/", PROFILE | {"handle": handle})

    alice.refresh_from_db()
    assert answer.status_code == 200
    assert answer.context["form"].errors["handle"]
    assert (alice.handle, alice.display_name) == ("alice", "Alice")


def test_nothing_else_about_a_person_can_be_posted(alice: User, client: Client) -> None:
    client.force_login(alice)

    client.post(
        "/me/",
        PROFILE | {"is_staff": "on", "is_superuser": "on", "standing": "good", "email": "x@y.zz"},
    )

    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.email) == (False, False, "alice@example.org")


# Notifications


def tell(person: User, number: int) -> None:
    services.notify(
        user_id=person.pk,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"n:{number}",
        title=f"Notice {number}!",
    )


def test_people_read_their_own_notices_newest_first(alice: User, bob: User, client: Client) -> None:
    for number in (1, 2):
        tell(alice, number)
    tell(bob, 3)
    client.force_login(alice)

    page = client.get("/me/notifications/").content.decode()

    assert page.index("Notice 2!") < page.index("Notice 1!")
    assert "Notice 3!" not in page
    assert Notice.objects.filter(user=alice, read_at=None).count() == 0
    assert Notice.objects.filter(user=bob, read_at=None).count() == 1


def test_older_notices_follow_on_the_next_page(alice: User, client: Client) -> None:
    for number in range(35):
        tell(alice, number)
    client.force_login(alice)

    first = client.get("/me/notifications/")
    second = client.get("/me/notifications/" + first.context["next_url"])

    shown = [notice.subject_key for page in (first, second) for notice in page.context["notices"]]
    assert shown == [f"n:{number}" for number in reversed(range(35))]
    assert second.context["next_url"] == ""


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, ""])
def test_a_page_that_does_not_exist_is_not_an_error(
    alice: User, client: Client, before: Any
) -> None:
    client.force_login(alice)

    assert client.get("/me/notifications/", {"before": before}).status_code == 200


def test_preferences_are_kept_and_safety_stays_on(alice: User, client: Client) -> None:
    client.force_login(alice)

    client.post("/me/notifications/preferences/", {"site-live": "on", "email-gift": "on"})

    chosen = {
        row.kind: (row.on_site, row.by_email)
        for row in client.get("/me/notifications/preferences/").context["preferences"]
    }
    assert chosen == {
        "purchase": (True, True),
        "gift": (False, True),
        "live": (True, False),
        "earnings": (False, False),
        "payout": (True, True),
        "rates": (True, True),
        "account": (True, True),
    }


# Consents


def sign_in(client: Client, person: User) -> None:
    client.post("/accounts/login/", {"login": person.email, "password": factories.PASSWORD})


def confirm(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})


ASK = "/me/consents/new"
ASKED = {"client": "tipbot", "scope": "gifts:send", "daily_cap_coins": "500", "days": "30"}


def test_a_fan_gives_and_revokes_consent(alice: User, client: Client) -> None:
    make_service()
    sign_in(client, alice)
    confirm(client)

    asked = client.get(ASK, ASKED).content.decode()
    client.post(ASK, ASKED)
    consent = Consent.objects.get()
    listed = client.get("/me/consents/").content.decode()
    client.post(f"/me/consents/{consent.pk}/revoke/")

    assert "Tip Bot asks to act for you" in asked
    assert (consent.fan, consent.daily_cap_coins) == (alice, 500)
    assert timedelta(days=29) < consent.until - timezone.now() <= timedelta(days=30)
    assert "Tip Bot" in listed
    assert "500" in listed
    consent.refresh_from_db()
    assert consent.revoked_at is not None


def test_agreeing_asks_for_a_fresh_sign_in(alice: User, client: Client) -> None:
    make_service()
    sign_in(client, alice)

    answer = client.post(ASK, ASKED)
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert Consent.objects.count() == 0
    client.post(answer.headers["Location"], {"password": "wrong"})
    assert Consent.objects.count() == 0

    client.post(answer.headers["Location"], {"password": factories.PASSWORD})
    assert Consent.objects.get().daily_cap_coins == 500


def test_a_consent_of_somebody_else_does_not_exist(
    alice: User, mallory: User, client: Client
) -> None:
    make_service()
    consent = consents.give(
        fan_id=alice.pk, client_id="tipbot", scope="gifts:send", daily_cap_coins=5,
        until=timezone.now() + timedelta(days=1), at=timezone.now(),
    )  # fmt: skip
    client.force_login(mallory)

    assert client.post(f"/me/consents/{consent.pk}/revoke/").status_code == 404
    assert "Tip Bot" not in client.get("/me/consents/").content.decode()
    consent.refresh_from_db()
    assert consent.revoked_at is None


@pytest.mark.parametrize(
    "query", ["", "client=nobody&scope=gifts:send", "client=tipbot&scope=ledger:read"]
)
def test_a_service_that_may_not_ask_is_refused_in_words(
    alice: User, client: Client, query: str
) -> None:
    make_service()
    client.force_login(alice)

    answer = client.get(f"/me/consents/new?{query}")

    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


@pytest.mark.parametrize("coins", ["0", "-5", "", "1000001", "abc"])
def test_a_cap_that_makes_no_sense_is_refused(alice: User, client: Client, coins: str) -> None:
    make_service()
    sign_in(client, alice)
    confirm(client)

    answer = client.post(ASK, ASKED | {"daily_cap_coins": coins})

    assert answer.context["form"].errors["daily_cap_coins"]
    assert Consent.objects.count() == 0


# Creators


def test_a_fan_follows_and_stops(alice: User, bob: User, client: Client) -> None:
    client.force_login(alice)

    client.post("/@bob/follow/")
    client.post("/@bob/follow/")
    assert Follow.objects.get().creator == bob
    assert "Following" in client.get("/@bob/").content.decode()
    client.post("/@bob/follow/", {"stop": "1"})

    assert Follow.objects.count() == 0


def test_following_by_htmx_answers_with_the_button_alone(
    alice: User, bob: User, client: Client
) -> None:
    client.force_login(alice)

    answer = client.post("/@bob/follow/", headers={"HX-Request": "true"})

    assert "Following" in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_following_after_signing_in_leads_to_the_creator(bob: User, client: Client) -> None:
    answer = client.post("/@bob/follow/")
    assert answer.headers["Location"] == "/accounts/login/?next=/%40bob/follow/"

    client.force_login(bob)
    assert client.get("/@bob/follow/").headers["Location"] == "/@bob/"


def test_nobody_follows_themselves_or_who_is_no_creator(
    alice: User, bob: User, client: Client
) -> None:
    client.force_login(bob)

    client.post("/@bob/follow/")
    assert client.post("/@alice/follow/").status_code == 404

    assert Follow.objects.count() == 0


def test_a_creators_page_shows_what_is_theirs(bob: User, mallory: User, client: Client) -> None:
    carol = factories.make_creator("carol")
    Room.objects.create(id=ledger.new_operation_id(), creator=bob, title="Bob at the piano")
    for creator, title, public in (
        (bob, "Etude", True),
        (bob, "Secret", False),
        (carol, "Hers", True),
    ):
        Video.objects.create(
            id=ledger.new_operation_id(), creator=creator, title=title, is_public=public,
            video_url="https://example.org/v.mp4",
        )  # fmt: skip
    Follow.objects.create(fan=mallory, creator=bob)

    page = client.get("/@bob/").content.decode()

    assert "Bob at the piano" in page
    assert "Etude" in page
    assert "Secret" not in page
    assert "Hers" not in page
    assert "<strong>1</strong> follower" in page


@pytest.mark.parametrize("handle", ["alice", "nobody"])
def test_only_creators_have_a_page(alice: User, client: Client, handle: str) -> None:
    assert client.get(f"/@{handle}/").status_code == 404


def test_a_suspended_creator_has_no_page_and_shows_nowhere(bob: User, client: Client) -> None:
    Room.objects.create(id=ledger.new_operation_id(), creator=bob, title="Bob at the piano")
    User.objects.filter(pk=bob.pk).update(standing=Standing.SUSPENDED)

    assert client.get("/@bob/").status_code == 404
    assert "piano" not in client.get("/").content.decode()
    assert "Bob at the" not in client.get("/discover/?q=piano").content.decode()


def test_a_handle_in_capitals_leads_to_the_page(bob: User, client: Client) -> None:
    assert client.get("/@Bob/").headers["Location"] == "/@bob/"


def test_an_adult_becomes_a_creator(alice: User, client: Client) -> None:
    client.force_login(alice)

    client.post("/me/creator/", {"about": "I sing."})
    client.post("/me/creator/", {"about": "I sing and dance."})

    alice.refresh_from_db()
    assert alice.is_creator
    assert CreatorProfile.objects.get().about == "I sing and dance."


@pytest.mark.parametrize(
    "facts",
    [
        {"birth_date": date(2012, 1, 1)},
        {"country": ""},
        {"standing": Standing.RESTRICTED},
    ],
)
def test_who_may_not_earn_does_not_become_a_creator(db: None, client: Client, facts: Any) -> None:
    carl = factories.make_user("carl", **facts)
    client.force_login(carl)

    answer = client.post("/me/creator/", {"about": "Let me in."})

    carl.refresh_from_db()
    assert "Not yet" in answer.content.decode()
    assert not carl.is_creator
    assert CreatorProfile.objects.count() == 0


def test_names_are_shown_as_text(db: None, client: Client) -> None:
    factories.make_creator("carl", display_name="<script>alert(1)</script>")

    for path in ("/", "/discover/", "/@carl/"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_follows_are_one_per_fan_and_creator(committed: str) -> None:
    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    with transaction.atomic():
        Follow.objects.create(fan=alice, creator=bob)

    assert bob.followers.count() == 1
