"""What protects people: fingerprints, a guardian's claim, reports and blocks."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail, signing
from django.db import IntegrityError, transaction
from django.test import Client

from accounts import claims, creators, fingerprints, queries, reports, reviews
from accounts.models import (
    Block,
    Fingerprint,
    Follow,
    GuardianClaim,
    Notice,
    Report,
    Review,
    User,
)
from tests import factories
from tests.accounts.conftest import AT
from tests.gifts.world import make_room, make_video

FINE = "We saw the holder's papers, and they are of age. Thank you for helping us to make sure."
DAY = timedelta(days=1)
CLAIM = {
    "handle": "@alice",
    "name": "Ann Other",
    "email": "ann@example.org",
    "relation": "parent",
    "child_age": "13",
    "words": "She used my card on Sunday.",
    "is_true": "on",
}


# Fingerprints


def test_signing_in_leaves_a_device_and_a_network_that_cannot_be_read_back(
    client: Client, alice: User
) -> None:
    answer = client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    assert answer.status_code == 302
    cookie = answer.cookies["carat_device"]
    assert fingerprints.DEVICE.fullmatch(cookie.value)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert int(cookie["max-age"]) == 180 * 24 * 3600
    rows = Fingerprint.objects.filter(user=alice).order_by("kind")
    assert [row.kind for row in rows] == ["device", "network"]
    assert rows[0].digest == fingerprints.digest("device", cookie.value)
    for row in rows:
        assert cookie.value not in row.digest
        assert "127.0.0.1" not in row.digest


def test_the_same_device_is_known_again_by_another_account(
    client: Client, alice: User, mallory: User
) -> None:
    for user in (alice, mallory):
        client.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
        client.post("/accounts/logout/")

    shared = queries.people_sharing(user_id=alice.pk)

    assert shared == [(mallory, ["Device", "Network"])]


def test_a_failed_sign_in_leaves_nothing(client: Client, alice: User) -> None:
    client.post("/accounts/login/", {"login": alice.email, "password": "wrong password"})

    assert not Fingerprint.objects.exists()


def test_the_digest_hangs_on_the_sites_secret_and_on_the_kind(settings: LazySettings) -> None:
    before = fingerprints.digest("device", "x")

    assert fingerprints.digest("network", "x") != before
    assert fingerprints.digest("device", "x") == before
    settings.SECRET_KEY = "another secret"
    assert fingerprints.digest("device", "x") != before


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not an address", ""),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_prefix(address: str, network: str) -> None:
    assert fingerprints.seen(address=address).network == network


def test_of_a_network_only_a_hash_is_kept_and_of_none_nothing() -> None:
    kept = fingerprints.digest("network", "2001:db8:1:2::/64")

    assert len(kept) == 64
    assert "2001" not in kept
    assert fingerprints.digest("network", "") == ""


def test_a_damaged_device_cookie_is_not_taken() -> None:
    assert fingerprints.seen(device="<script>").device == ""
    assert fingerprints.seen(device="d" * 65).device == ""


def test_a_fingerprint_seen_again_begins_its_term_anew_and_is_deleted_after_it(
    alice: User,
) -> None:
    seen = fingerprints.seen(device="d" * 32)
    fingerprints.record(user_id=alice.pk, seen=seen, at=AT)
    fingerprints.record(user_id=alice.pk, seen=seen, at=AT + 100 * DAY)

    row = Fingerprint.objects.get()
    assert (row.first_seen_at, row.seen_at) == (AT, AT + 100 * DAY)
    assert fingerprints.purge(at=AT + 279 * DAY) == 0
    assert fingerprints.purge(at=AT + 280 * DAY) == 1
    assert not Fingerprint.objects.exists()


# A guardian's claim


def confirm_link() -> str:
    [link] = re.findall(r"(/guardians/\S+/)", str(mail.outbox[-1].body))
    return str(link)


def test_a_claim_counts_once_its_email_is_proven(
    client: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        sent = client.post("/guardians/", CLAIM)
    assert "ann@example.org" in sent.content.decode()
    assert mail.outbox[-1].to == ["ann@example.org"]
    assert not Review.objects.exists()
    link = confirm_link()

    shown = client.get(link)
    assert "Yes, this is my claim" in shown.content.decode()
    assert not Review.objects.exists(), "a mail program that opens the link confirms nothing"
    done = client.post(link)
    client.post(link)

    assert "We have your claim" in done.content.decode()
    review = Review.objects.get()
    assert (review.subject_id, review.reason) == (alice.pk, "minor_claim")
    assert review.restricts == "purchases"
    notice = Notice.objects.get(user=alice)
    assert notice.title == "Purchases are paused while we look into something"
    assert "Ann" not in notice.body
    assert GuardianClaim.objects.get().review_id == review.pk


def test_nobody_learns_from_a_claim_whether_a_handle_exists(
    client: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    answers = []
    for handle in ("@alice", "nobody_here", "<b>"):
        with django_capture_on_commit_callbacks(execute=True):
            page = client.post("/guardians/", CLAIM | {"handle": handle})
        done = client.post(confirm_link()).content.decode()
        name = handle.removeprefix("@").replace("<", "&lt;").replace(">", "&gt;")
        answers.append((page.status_code, done.replace(name, "…").count("We have your claim")))

    assert answers == [(200, 1)] * 3
    assert Review.objects.count() == 1


def test_a_claim_after_staff_cleared_the_doubt_stops_nothing(alice: User, olga: User) -> None:
    now = datetime.now(UTC)
    first = claim_for(alice, at=now)
    reviews.take(review_id=first.pk, by_id=olga.pk, at=now)
    reviews.decide(review_id=first.pk, by_id=olga.pk, outcome="cleared", statement=FINE, at=now)

    second = claim_for(alice, at=now)

    assert second.pk != first.pk
    assert second.restricts == "nothing"
    assert not second.is_restricting(now)


def claim_for(user: User, *, at: datetime) -> Review:
    claim = claims.make_claim(
        handle=user.handle,
        name="Ann",
        email="ann@example.org",
        relation="parent",
        child_age=12,
        words="It was her.",
        network="192.0.2.7",
        at=at,
    )
    review = claims.confirm_claim(claim_id=claim.pk, at=at).review
    assert review is not None
    return review


def test_claims_without_end_are_refused(client: Client, alice: User) -> None:
    answers = [client.post("/guardians/", CLAIM).status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]
    assert GuardianClaim.objects.count() == 3


def test_a_link_we_did_not_send_or_that_is_old_does_not_count(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_for(alice, at=AT)
    token = signing.dumps(GuardianClaim.objects.get().pk, salt=claims.SALT)

    forged = client.get(f"/guardians/{token[:-1]}x/")
    other_salt = client.get(f"/guardians/{signing.dumps(1, salt='other')}/")
    monkeypatch.setattr(claims, "LINK_LIFE", timedelta(seconds=-1))
    old = client.get(f"/guardians/{token}/")

    assert [forged.status_code, other_salt.status_code, old.status_code] == [404, 404, 404]
    assert "older than" in old.content.decode()


def test_a_claim_nobody_confirmed_is_deleted_after_its_term(alice: User) -> None:
    claim_for(alice, at=AT)
    GuardianClaim.objects.create(
        handle="x", name="x", email="x@example.org", relation="other", child_age=1, words="x",
        network="", made_at=AT,
    )  # fmt: skip

    assert claims.purge(at=AT + 29 * DAY) == 0
    assert claims.purge(at=AT + 30 * DAY) == 1
    assert GuardianClaim.objects.get().name == "Ann"


# Reports


def test_a_room_a_video_and_a_person_can_be_reported(
    client: Client, alice: User, bob: User
) -> None:
    client.force_login(alice)
    room, video = make_room(bob), make_video(bob)

    for address in (f"/live/{room.pk}/report/", f"/videos/{video.pk}/report/", "/@bob/report/"):
        assert "bob" in client.get(address).content.decode()
        answer = client.post(address, {"reason": "fraud", "words": "He sells accounts."})
        assert answer.status_code == 302

    cases = Review.objects.filter(subject=bob, reason="report").order_by("pk")
    keys = [f"room:{room.pk}", f"video:{video.pk}", f"user:{bob.pk}"]
    assert [case.subject_key for case in cases] == keys
    assert not any(case.is_told for case in cases)
    assert Report.objects.filter(reporter=alice, reason="fraud").count() == 3
    assert not Notice.objects.filter(user=bob).exists()


def test_the_reporters_name_is_not_in_what_the_person_reads(
    client: Client, alice: User, bob: User, olga: User
) -> None:
    now = datetime.now(UTC)
    made = report(alice, bob, at=now)
    reviews.take(review_id=made.review_id, by_id=olga.pk, at=now)
    reviews.decide(
        review_id=made.review_id,
        by_id=olga.pk,
        outcome="upheld",
        statement="Your room sold accounts. That breaks our terms, part 6.",
        at=now,
    )
    client.force_login(bob)

    page = client.get(f"/me/reviews/{made.review_id}/").content.decode()

    assert "Your room sold accounts." in page
    assert "alice" not in page.lower()
    review = Review.objects.get()
    assert review.appeal_until_at == now + 180 * DAY


def report(by: User, about: User, *, at: datetime, key: str = "") -> Report:
    return reports.report(
        reporter_id=by.pk,
        about_id=about.pk,
        place_key=key or f"user:{about.pk}",
        reason="fraud",
        words="",
        at=at,
    )


def test_many_reports_about_one_thing_are_one_case(alice: User, bob: User, mallory: User) -> None:
    first, again, other = (report(by, bob, at=AT) for by in (alice, alice, mallory))

    assert again.pk == first.pk
    assert other.review_id == first.review_id
    assert Review.objects.count() == 1


def test_nobody_reports_themselves_or_without_end(alice: User, bob: User) -> None:
    with pytest.raises(reports.OwnAccount):
        report(alice, alice, at=AT)
    for number in range(20):
        report(alice, bob, at=AT, key=f"video:{number}")

    with pytest.raises(reports.TooManyReports):
        report(alice, bob, at=AT, key="video:21")

    assert Report.objects.count() == 20


# Blocks


def test_a_block_ends_following_both_ways_and_stops_it_until_it_is_lifted(
    client: Client, alice: User, bob: User
) -> None:
    creators.follow(fan_id=alice.pk, creator_id=bob.pk)
    client.force_login(bob)

    client.post("/@alice/block/")
    client.post("/@alice/block/")

    assert not Follow.objects.exists()
    assert "@alice" in client.get("/me/blocks/").content.decode()
    with pytest.raises(creators.Blocked):
        creators.follow(fan_id=alice.pk, creator_id=bob.pk)
    client.post("/@alice/block/", {"stop": "1"})
    creators.follow(fan_id=alice.pk, creator_id=bob.pk)
    assert Follow.objects.count() == 1


def test_reporting_can_block_at_once(client: Client, alice: User, bob: User) -> None:
    client.force_login(alice)

    client.post("/@bob/report/", {"reason": "harassment", "block": "on"})

    assert Block.objects.get().blocked_id == bob.pk


def test_nobody_blocks_themselves(alice: User) -> None:
    with pytest.raises(reports.OwnAccount):
        reports.block(blocker_id=alice.pk, blocked_id=alice.pk)
    with pytest.raises(IntegrityError, match="block_somebody_else"), transaction.atomic():
        Block.objects.create(blocker=alice, blocked=alice)
