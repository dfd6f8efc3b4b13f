"""Talking in a room: once per id, plain words, in time, kept in order, gone when it should be."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts import reports, risk
from accounts.models import Notice, Review, User
from config import leaving, personal, relay
from gifts import chat, crowd, moderation, room_log, rooms, services
from gifts import risk as gift_risk
from gifts.models import ChatMessage, Moderator, Mute, Room, RoomEvent
from tests.factories import give_coins, make_user
from tests.gifts.world import make_room, version, written
from wallet import ledger

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def say(
    author: User, room: Room, words: str = "Hello", *, after_s: int = 0, message_id: Any = None
) -> ChatMessage:
    return chat.say(
        message_id=message_id or ledger.new_operation_id(),
        room_id=room.pk,
        author_id=author.pk,
        words=words,
        at=NOON + timedelta(seconds=after_s),
    )


def rules(bob: User, **changed: Any) -> None:
    facts: dict[str, Any] = {"slow_s": 0, "banned_words": ""} | changed
    moderation.set_rules(creator_id=bob.pk, by_id=bob.pk, **facts)


def logged(room: Room, name: str) -> list[dict[str, Any]]:
    relay.relay(at=timezone.now())
    rows = RoomEvent.objects.filter(room=room, name=name).order_by("number")
    return list(rows.values_list("payload", flat=True))


def test_a_message_is_said_once_per_id_and_shown_to_everyone(alice: User, room: Room) -> None:
    message_id = ledger.new_operation_id()
    for _ in range(3):
        say(alice, room, " Hello\n there  ", message_id=message_id)

    assert logged(room, "chat.said") == [
        {
            "message_id": str(message_id),
            "from": "Alice",
            "handle": "alice",
            "words": "Hello there",
            "level": None,
            "club_level": None,
        }
    ]
    assert ChatMessage.objects.count() == 1


def test_the_same_id_for_other_words_or_by_another_is_refused(
    alice: User, mallory: User, room: Room
) -> None:
    message_id = ledger.new_operation_id()
    say(alice, room, message_id=message_id)
    for author, words in ((alice, "Other"), (mallory, "Hello")):
        with pytest.raises(chat.MessageConflict):
            say(author, room, words, message_id=message_id)
    assert ChatMessage.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("a\u202eb\x00c\u200b", "abc"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("e" + "\u0301" * 9, "é\u0301\u0301\u0301"),
        ("ا\u200cب", "ا\u200cب"),
    ],
)
def test_words_are_plain_text(typed: str, said: str) -> None:
    assert chat.clean(typed) == said


@pytest.mark.parametrize("typed", ["", "  \n ", "\u200b\u200d", "x" * 201])
def test_nothing_and_too_much_are_no_words(alice: User, room: Room, typed: str) -> None:
    with pytest.raises(chat.NotWords):
        say(alice, room, typed)
    assert not ChatMessage.objects.exists()


def test_five_may_be_said_at_once_and_then_one_a_second(alice: User, room: Room) -> None:
    for turn in range(5):
        say(alice, room, f"{turn}")
    with pytest.raises(chat.TooFast, match="faster than anybody can read"):
        say(alice, room, after_s=4)
    say(alice, room, after_s=5)
    assert ChatMessage.objects.count() == 6


def test_slow_mode_makes_fans_wait_and_not_those_who_keep_order(
    alice: User, bob: User, mallory: User, room: Room
) -> None:
    rules(bob, slow_s=30)
    moderation.name_moderator(creator_id=bob.pk, handle="@mallory", at=NOON)
    for author in (bob, bob, mallory, mallory, alice):
        say(author, room)
    with pytest.raises(chat.TooFast, match=r"one message every 30 seconds\. Wait 11 more"):
        say(alice, room, after_s=19)
    say(alice, room, after_s=30)
    assert logged(room, "chat.slowed") == [{"slow_s": 30}]


@pytest.mark.parametrize("said", ["such a LOSER!", "Löser", "l\u00f6ser,", "buy  now\u2026 here"])
def test_a_word_the_creator_does_not_want_is_refused_however_it_is_written(
    alice: User, bob: User, room: Room, said: str
) -> None:
    rules(bob, banned_words="loser\nBuy Now\n\n loser ")
    with pytest.raises(chat.WordNotWanted, match="Bob does not want"):
        say(alice, room, said)
    say(alice, room, "closer to now, buy")
    say(bob, room, "No loser here")
    assert ChatMessage.objects.count() == 2
    assert crowd.rules_of(creator_id=bob.pk).banned_words == "loser\nBuy Now"


def test_who_is_blocked_muted_too_young_or_restricted_cannot_talk(
    alice: User, bob: User, mallory: User, room: Room
) -> None:
    reports.block(blocker_id=bob.pk, blocked_id=mallory.pk)
    with pytest.raises(chat.KeptOut):
        say(mallory, room)
    moderation.mute(
        creator_id=bob.pk, person_id=alice.pk, by_id=bob.pk, over=timedelta(minutes=10), at=NOON
    )
    with pytest.raises(chat.Muted, match=r"until 22 November, 12:10 UTC"):
        say(alice, room)
    for field, value, refusal in (
        ("birth_date", NOON.date().replace(year=2010), risk.TooYoung),
        ("standing", "restricted", risk.NotInGoodStanding),
        ("country", "", risk.ProfileIncomplete),
    ):
        carol = make_user(f"c_{field}", **{field: value})
        with pytest.raises(refusal, match=r"talk in rooms|country and date"):
            say(carol, room)
    assert not ChatMessage.objects.exists()
    say(alice, room, after_s=600)


def test_nobody_talks_where_nobody_is_live(alice: User, bob: User, room: Room) -> None:
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=NOON)
    with pytest.raises(chat.ChatClosed):
        say(alice, room)


def test_creator_and_moderators_remove_and_mute_and_nobody_else_does(
    alice: User, bob: User, mallory: User, room: Room
) -> None:
    message = say(alice, room)
    with pytest.raises(moderation.NotAModerator):
        moderation.remove_message(message_id=message.pk, by_id=mallory.pk, at=NOON)
    with pytest.raises(moderation.NotAModerator):
        moderation.mute(creator_id=bob.pk, person_id=alice.pk, by_id=mallory.pk, over=None, at=NOON)
    with pytest.raises(moderation.NotAModerator):
        moderation.set_rules(creator_id=bob.pk, by_id=mallory.pk, slow_s=60, banned_words="")
    assert not Mute.objects.exists()

    moderation.name_moderator(creator_id=bob.pk, handle="mallory", at=NOON)
    for _ in range(2):
        moderation.remove_message(message_id=message.pk, by_id=mallory.pk, at=NOON)
    moderation.mute(creator_id=bob.pk, person_id=alice.pk, by_id=mallory.pk, over=None, at=NOON)

    assert logged(room, "chat.removed") == [{"message_id": str(message.pk)}]
    assert crowd.messages_of(room_id=room.pk) == []
    assert Notice.objects.get(user=alice).title == "You are muted in the rooms of Bob"
    with pytest.raises(chat.Muted):
        say(alice, room, after_s=10**7)
    moderation.unmute(creator_id=bob.pk, person_id=alice.pk, by_id=mallory.pk)
    say(alice, room, after_s=10)
    moderation.dismiss_moderator(creator_id=bob.pk, person_id=mallory.pk)
    with pytest.raises(moderation.NotAModerator):
        moderation.unmute(creator_id=bob.pk, person_id=alice.pk, by_id=mallory.pk)


def test_creator_and_moderators_are_not_muted_and_authors_take_back_their_own(
    alice: User, bob: User, mallory: User, room: Room
) -> None:
    moderation.name_moderator(creator_id=bob.pk, handle="mallory", at=NOON)
    for by, person in ((mallory, bob), (bob, mallory), (bob, bob)):
        with pytest.raises(moderation.CannotMute):
            moderation.mute(creator_id=bob.pk, person_id=person.pk, by_id=by.pk, over=None, at=NOON)
    message = say(alice, room)
    moderation.remove_message(message_id=message.pk, by_id=alice.pk, at=NOON)
    assert crowd.messages_of(room_id=room.pk) == []
    for handle in ("nobody_here", "bob", ""):
        with pytest.raises(moderation.CannotName):
            moderation.name_moderator(creator_id=bob.pk, handle=handle, at=NOON)
    assert Moderator.objects.count() == 1


def test_messages_go_with_the_log_of_their_room(alice: User, bob: User, room: Room) -> None:
    say(alice, room)
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=NOON)
    assert chat.forget(at=NOON + room_log.FORGOTTEN_AFTER) == 0
    assert chat.forget(at=NOON + room_log.FORGOTTEN_AFTER + timedelta(seconds=1)) == 1


def test_an_erased_persons_words_are_nowhere(alice: User, mallory: User, room: Room) -> None:
    message = say(alice, room, "Xanthippe was here")
    say(mallory, room, "Hi")
    reports.report(
        reporter_id=mallory.pk, about_id=alice.pk, place_key=f"message:{message.pk}",
        reason="other", words="", evidence=message.words, at=NOON,
    )  # fmt: skip
    assert Review.objects.get().signals[1] == ["Was said", "Xanthippe was here"]
    relay.relay(at=timezone.now())

    leaving._erase_what_names_them_elsewhere(alice.pk)
    for held in personal.REGISTER:
        if held.model.startswith("gifts.") and held.at_erasure is personal.AtErasure.DELETE:
            held.rows(alice.pk).delete()

    assert list(ChatMessage.objects.values_list("words", flat=True)) == ["Hi"]
    assert RoomEvent.objects.filter(payload__icontains="xanthippe").count() == 0
    assert [row["words"] for row in logged(room, "chat.said")] == ["", "Hi"]
    assert "Xanthippe" not in str(Review.objects.get().signals)


# Pages


def form(words: str = "Hello", message_id: UUID | None = None, **more: Any) -> dict[str, Any]:
    return {"message_id": str(message_id or ledger.new_operation_id()), "words": words} | more


def test_the_page_says_shows_and_refuses_without_a_script(
    alice: User, bob: User, room: Room, client: Client
) -> None:
    address = f"/live/{room.pk}/"
    assert client.post(f"{address}chat/", form())["Location"].startswith("/accounts/login/")
    assert "Sign in to chat" in client.get(address).content.decode()
    client.force_login(alice)
    evil = "<img src=x onerror=alert(1)> http://a.example"

    client.post(f"{address}chat/", form(evil))
    page = client.get(address).content.decode()

    assert "&lt;img src=x onerror=alert(1)&gt; http://a.example" in page
    assert 'href="http://a.example' not in page
    rules(bob, banned_words="loser")
    page = client.post(f"{address}chat/", form("loser"), follow=True).content.decode()
    assert "Bob does not want “loser” here." in page
    answer = client.post(f"{address}chat/", form("loser"), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["words"][:13]) == (409, "Bob does not ")
    moderation.mute(
        creator_id=bob.pk, person_id=alice.pk, by_id=bob.pk, over=None, at=timezone.now()
    )
    page = client.get(address).content.decode()
    assert "Bob or a moderator has muted you." in page
    assert "data-talk-form" not in page


def test_a_message_has_a_page_to_remove_it_mute_its_author_and_report_it(
    alice: User, bob: User, mallory: User, room: Room, client: Client
) -> None:
    message = say(alice, room)
    address = f"/live/{room.pk}/chat/{message.pk}/"
    client.force_login(mallory)
    page = client.get(address).content.decode()
    assert "Report it" in page
    assert "Remove the message" not in page
    assert client.post(address).status_code == 403
    assert client.post(address, {"over": "600"}).status_code == 403
    client.post(f"{address}report/", {"reason": "harassment", "words": "Rude"})
    assert Review.objects.get().signals == [
        ["Reported for", "Harassment or hate"], ["Was said", "Hello"]
    ]  # fmt: skip

    client.force_login(bob)
    assert "Mute @alice" in client.get(address).content.decode()
    client.post(address, {"over": "600"})
    client.post(address)

    assert Mute.objects.get().person == alice
    assert client.get(address).status_code == 404
    assert client.get(f"/live/{room.pk}/").content.decode().count(str(message.pk)) == 0


def test_the_creators_page_sets_rules_names_and_dismisses_moderators_and_unmutes(
    alice: User, bob: User, mallory: User, client: Client
) -> None:
    client.force_login(bob)
    address = "/@bob/moderation/"
    client.post(address, {"slow_s": "60", "banned_words": "spam\nscam"})
    client.post(f"{address}moderators/", {"handle": "@Mallory"})
    moderation.mute(
        creator_id=bob.pk, person_id=alice.pk, by_id=bob.pk, over=None, at=timezone.now()
    )
    page = client.get(address).content.decode()
    assert "spam\nscam" in page
    assert "@mallory" in page
    assert client.post(address, {"slow_s": "7", "banned_words": ""}).status_code == 422

    client.force_login(mallory)
    assert client.get(address).status_code == 200
    assert client.post(f"{address}moderators/", {"handle": "alice"}).status_code == 403
    client.post(f"{address}unmute/", {"person": str(alice.pk)})
    client.post(f"{address}moderators/", {"dismiss": str(mallory.pk)})

    assert not Mute.objects.exists()
    assert not Moderator.objects.exists()
    assert client.get(address).status_code == 403


def test_staff_see_what_was_said_and_remove_it_with_a_reason(
    alice: User, olga: User, room: Room, client: Client
) -> None:
    message = say(alice, room, "Something rude")
    client.force_login(olga)
    address = "/admin/gifts/chatmessage/"
    assert "Something rude" in client.get(address).content.decode()
    chosen = {"action": "remove", "_selected_action": [str(message.pk)]}

    client.post(address, chosen)
    assert crowd.messages_of(room_id=room.pk) == [message]
    client.post(address, chosen | {"why": "Hate"})

    assert crowd.messages_of(room_id=room.pk) == []
    for page in ("mute", "goal", "rankdifference"):
        assert client.get(f"/admin/gifts/{page}/").status_code == 200


# Words that are paid for


def highlight(sender: User, room: Room, words: str = "Look at me", **more: Any) -> Any:
    facts: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "quantity": 1,
        "at": NOON,
    } | more
    slug = facts.pop("slug", "megaphone")
    return services.send_gift(
        sender_id=sender.pk,
        gift_version_id=version(slug).pk,
        room_id=room.pk,
        words=words,
        **facts,
    )


def test_paid_words_cost_coins_are_a_gift_and_stay_up_as_long_as_their_price_says(
    alice: User, bob: User, room: Room
) -> None:
    give_coins(alice, 1_000)
    sent = highlight(alice, room)
    big = highlight(alice, room, "BIG", slug="billboard")

    assert (sent.coins, sent.balance, big.balance) == (100, 900, 400)
    relay.relay(at=timezone.now())
    event = RoomEvent.objects.order_by("number")[0].payload
    assert (event["sending_id"], event["words"], event["highlight_s"]) == (
        str(sent.sending_id), "Look at me", 60,
    )  # fmt: skip
    at = NOON + timedelta(seconds=59)
    assert [row.words for row in crowd.highlighted(room_id=room.pk, at=at)] == ["BIG", "Look at me"]
    at = NOON + timedelta(seconds=60)
    assert [row.words for row in crowd.highlighted(room_id=room.pk, at=at)] == ["BIG"]
    assert crowd.ranks_of_room(room_id=room.pk).coins == 600
    moderation.remove_message(message_id=big.sending_id, by_id=bob.pk, at=NOON)
    assert crowd.highlighted(room_id=room.pk, at=at) == []


def test_paid_words_are_sent_once_and_the_same_id_with_other_words_is_a_conflict(
    alice: User, room: Room
) -> None:
    give_coins(alice, 1_000)
    operation_id = ledger.new_operation_id()
    highlight(alice, room, operation_id=operation_id)
    before = written()
    again = highlight(alice, room, operation_id=operation_id)
    with pytest.raises(ledger.OperationConflict):
        highlight(alice, room, "Other", operation_id=operation_id)

    assert (again.replayed, again.coins, again.balance) == (True, 100, 900)
    assert written() == before
    assert ChatMessage.objects.count() == 1


def test_refused_paid_words_move_nothing(alice: User, bob: User, room: Room) -> None:
    give_coins(alice, 1_000)
    rules(bob, banned_words="loser")
    before = written()
    for words, more, refusal in (
        ("You loser", {}, chat.WordNotWanted),
        ("", {}, gift_risk.WordsMissing),
        ("Fine", {"slug": "heart"}, gift_risk.WordsNotCarried),
        ("Fine", {"quantity": 2}, gift_risk.WordsMissing),
        ("x" * 201, {}, chat.NotWords),
    ):
        with pytest.raises(refusal):
            highlight(alice, room, words, **more)
    moderation.mute(creator_id=bob.pk, person_id=alice.pk, by_id=bob.pk, over=None, at=NOON)
    with pytest.raises(chat.Muted):
        highlight(alice, room)
    carol = make_user("carol")
    with pytest.raises(ledger.InsufficientCoins):
        highlight(carol, room)

    after = written()
    assert (after.transfers, after.sendings) == (before.transfers, before.sendings)
    assert not ChatMessage.objects.exists()


def test_the_chats_form_pays_for_words_and_says_what_is_left(
    alice: User, room: Room, client: Client
) -> None:
    give_coins(alice, 120)
    client.force_login(alice)
    page = client.get(f"/live/{room.pk}/").content.decode()
    assert "Megaphone: 100 coins (€1.20), on top for 60 s" in page
    assert 'value="' + str(version("megaphone").pk) + '" required' not in page  # not in the panel
    address = f"/live/{room.pk}/chat/"

    page = client.post(
        address, form("Look", gift=version("megaphone").pk), follow=True
    ).content.decode()
    assert "Highlighted for 100 coins. 20 coins left." in page
    assert "data-until" in page
    poor = form("Look", gift=version("megaphone").pk)
    answer = client.post(address, poor, headers={"Accept": "application/json"})

    assert answer.status_code == 402
    assert ChatMessage.objects.count() == 1
