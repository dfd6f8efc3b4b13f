"""Home, discover, help and the demo's mail: right with nothing in them, and with much."""

from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.filebased import EmailBackend
from django.test import Client

from accounts.models import Follow, User
from gifts.models import Room, Video
from tests import factories
from wallet import ledger


def go_live(creator: User, title: str) -> Room:
    return Room.objects.create(id=ledger.new_operation_id(), creator=creator, title=title)


def post(creator: User, title: str, **changes: object) -> Video:
    return Video.objects.create(
        id=ledger.new_operation_id(), creator=creator, title=title,
        video_url="https://example.org/v.mp4", **changes,
    )  # fmt: skip


def test_home_with_nothing_in_it_says_what_to_do(db: None, client: Client) -> None:
    page = client.get("/").content.decode()

    assert "Nobody is live" in page
    assert "Create account" in page
    assert "Latest videos" not in page


def test_a_creator_with_nobody_live_is_asked_to_begin(bob: User, client: Client) -> None:
    client.force_login(bob)

    assert "Be the first today" in client.get("/").content.decode()


def test_home_shows_who_is_live_and_whom_one_follows(
    alice: User, bob: User, client: Client
) -> None:
    carol = factories.make_creator("carol")
    go_live(bob, "Piano by night")
    ended = go_live(carol, "Over")
    Room.objects.filter(pk=ended.pk).update(state=Room.State.ENDED)
    post(carol, "Harp")
    Follow.objects.create(fan=alice, creator=bob)
    client.force_login(alice)

    answer = client.get("/")

    assert [room.title for room in answer.context["rooms"]] == ["Piano by night"]
    assert answer.context["followed"] == [(bob, True)]
    assert [video.title for video in answer.context["videos"]] == ["Harp"]
    assert "Gifts you can follow" not in answer.content.decode()


def found(client: Client, words: str) -> tuple[list[str], list[str], list[str]]:
    context = client.get("/discover/", {"q": words}).context
    return (
        [room.title for room in context["rooms"]],
        [creator.handle for creator in context["creators"]],
        [video.title for video in context["videos"]],
    )


def test_search_looks_at_handles_names_and_titles(db: None, client: Client) -> None:
    ida = factories.make_creator("ida", display_name="Ida Ø. Sand")
    bob = factories.make_creator("bob")
    factories.make_user("idafan")
    go_live(ida, "Cello")
    go_live(bob, "Morning SAND castles")
    post(bob, "Bolero")

    assert found(client, "sand") == (["Morning SAND castles", "Cello"], ["ida"], [])
    assert found(client, "@IDA") == (["Cello"], ["ida"], [])
    assert found(client, "bolero") == ([], [], ["Bolero"])
    assert found(client, "bob") == (["Morning SAND castles"], ["bob"], ["Bolero"])
    assert found(client, "100%") == ([], [], [])
    assert found(client, "zzz") == ([], [], [])


@pytest.mark.parametrize("words", ["%", "_", "\\", "'; DROP TABLE", "<b>", "x" * 5000])
def test_search_takes_any_words_as_words(bob: User, client: Client, words: str) -> None:
    go_live(bob, "Piano")

    answer = client.get("/discover/", {"q": words})

    assert answer.status_code == 200
    assert answer.context["rooms"] == []
    assert "<b>" not in answer.content.decode().split("<main", 1)[1]


def test_hidden_videos_are_found_by_nobody(bob: User, client: Client) -> None:
    post(bob, "Secret", is_public=False)

    assert found(client, "secret") == ([], [], [])


@pytest.mark.parametrize("people", [1, 12])
def test_home_asks_the_database_as_often_for_many_as_for_one(
    alice: User, client: Client, django_assert_max_num_queries: Any, people: int
) -> None:
    for number in range(people):
        creator = factories.make_creator(f"creator{number}")
        go_live(creator, f"Room {number}")
        post(creator, f"Video {number}")
        Follow.objects.create(fan=alice, creator=creator)
    client.force_login(alice)

    with django_assert_max_num_queries(10):
        client.get("/")


# The demo's mail


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Path:
    settings.DEMO = True
    settings.CARAT_DATA_DIR = tmp_path
    (tmp_path / "mail").mkdir()
    return tmp_path / "mail"


def write(folder: Path, *messages: EmailMessage) -> None:
    backend = EmailBackend(file_path=str(folder), alias="default")
    backend.send_messages(list(messages))


def test_there_is_no_mail_page_outside_the_demo(db: None, client: Client, settings: Any) -> None:
    settings.DEMO = False

    assert client.get("/demo/mail/").status_code == 404


def test_the_demos_mail_page_is_right_with_no_mail(db: None, client: Client, demo: Path) -> None:
    assert "No mail yet" in client.get("/demo/mail/").content.decode()
    demo.rmdir()
    assert "No mail yet" in client.get("/demo/mail/").content.decode()


def test_the_demos_mail_is_shown_newest_first_as_text(db: None, client: Client, demo: Path) -> None:
    rich = EmailMultiAlternatives("Zwei Wörter", "Dein Code: ÄÖ\n\n1234", to=["alice@example.org"])
    rich.attach_alternative("<h1>Not shown</h1>", "text/html")
    write(demo, EmailMessage("One", "First <b>body</b>", to=["bob@example.org"]), rich)

    answer = client.get("/demo/mail/")
    page = answer.content.decode()

    assert [mail.subject for mail in answer.context["mails"]] == ["Zwei Wörter", "One"]
    assert "Dein Code: ÄÖ" in page
    assert "Not shown" not in page
    assert "First &lt;b&gt;body&lt;/b&gt;" in page
    only = client.get("/demo/mail/", {"to": "BOB@"}).context["mails"]
    assert [mail.subject for mail in only] == ["One"]
