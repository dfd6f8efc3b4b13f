"""The watch over earnings: facts from the real tables, cases opened once, and asked again only
about what came since a decision."""

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import fingerprints, reviewing, reviews
from accounts.models import (
    CreatorProfile,
    Fingerprint,
    Follow,
    Notice,
    OutboxEvent,
    Review,
    ReviewReason,
    User,
    Verdict,
)
from payouts import audiences, earning_facts, eligibility, risk, settlements, tasks, watching
from payouts.earning_facts import Earner, Trait
from payouts.models import EarningsWatch, LiveAudience
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.earned import buy, give
from wallet import ledger
from wallet.models import PaymentMethod, Purchase, Refund

FINE = "We looked at the gifts and at the cards behind them, and all of it is right."


def look() -> watching.Watch:
    return watching.watch(at=timezone.now())


def earner_of(creator: User) -> Earner:
    at = timezone.now()
    with transaction.atomic():
        rows = {one.creator_id: one for one in earning_facts.earners(since=at - DAYS, at=at)}
    return rows[creator.pk]


DAYS = earning_facts.WINDOW


def cases(creator: User) -> list[str]:
    rows = Review.objects.filter(subject=creator).order_by("reason")
    return list(rows.values_list("reason", flat=True))


def fan(handle: str, coins: int, *, days_ago: float = 100) -> User:
    person = factories.make_user(handle)
    User.objects.filter(pk=person.pk).update(joined_at=timezone.now() - timedelta(days=days_ago))
    buy(person, coins)
    return person


def uses(person: User, **seen: str) -> None:
    fingerprints.record(user_id=person.pk, seen=fingerprints.Seen(**seen), at=timezone.now())


def audience(creator: User, count: int = 60) -> None:
    """Followers enough for no rule to wonder."""
    people = User.objects.bulk_create(
        User(email=f"w{n}@example.org", handle=f"watcher{n}", password="!") for n in range(count)
    )
    Follow.objects.bulk_create(Follow(fan=one, creator=creator) for one in people)


def self_deal(bob: User) -> User:
    """Bob's own second account gives him 6,000 of 10,000 diamonds."""
    mallory, alice = fan("mallory2", 6_000), fan("alice2", 4_000)
    for person in (bob, mallory):
        uses(person, device="d" * 32)
    give(mallory, bob, 6_000)
    give(alice, bob, 4_000)
    return mallory


# Facts


def test_a_creator_is_summed_up_by_who_gave_what(bob: User) -> None:
    alice, carol = fan("alice2", 5_000), fan("carol", 900)
    Follow.objects.create(fan=alice, creator=bob)
    give(alice, bob, 3_000)
    give(alice, bob, 1_000, hidden=True)
    give(carol, bob, 900)

    assert earner_of(bob) == Earner(
        creator_id=bob.pk, milli=4_900_000, senders=2, top_two_milli=4_900_000,
        top_ids=(alice.pk, carol.pk), followers=1, viewers=None, silent_days=0,
        shares={
            Trait.DEVOTED: earning_facts.Share(
                milli=4_900_000, senders=2, first_ids=(alice.pk, carol.pk)),
            Trait.STRANGER: earning_facts.Share(milli=900_000, senders=1, first_ids=(carol.pk,)),
        },
    )  # fmt: skip


def test_who_earned_less_than_a_payout_is_not_looked_at(bob: User) -> None:
    give(fan("alice2", 1_999), bob, 1_999)

    assert look() == watching.Watch(creators=0, hits=0, opened=0)


@pytest.mark.parametrize(
    ("shared", "trait"),
    [({"device": "d" * 32}, Trait.OWN), ({"instrument": "card 1"}, Trait.OWN),
     ({"network": "192.0.2.1"}, Trait.HOME)],
)  # fmt: skip
def test_who_shares_something_with_the_creator_is_known_by_it(
    bob: User, shared: dict[str, str], trait: Trait
) -> None:
    other, stranger = fan("other", 3_000), fan("stranger", 3_000)
    uses(bob, **shared)
    uses(other, **shared)
    uses(stranger, device="e" * 32, instrument="card 2", network="192.0.2.2")
    give(other, bob, 2_000)
    give(stranger, bob, 1_000)

    found = earner_of(bob)

    assert found.share(trait).milli == 2_000_000
    assert found.share(Trait.HOME).first_ids == (other.pk,)
    assert found.share(Trait.ONE_HAND).milli == 0


def test_who_is_paid_to_the_creators_account_is_known_by_it(bob: User) -> None:
    other = factories.make_creator("other")
    buy(other, 3_000)
    for creator in (bob, other):
        set_account(creator, account="DE02120300000000202051")
    give(other, bob, 3_000)

    assert earner_of(bob).share(Trait.OWN).first_ids == (other.pk,)


def test_a_network_that_very_many_use_says_nothing(bob: User) -> None:
    other = fan("other", 3_000)
    people = [factories.make_user(f"student{number}") for number in range(11)]
    for person in (bob, other, *people):
        uses(person, network="192.0.2.1")
    give(other, bob, 3_000)

    assert earner_of(bob).share(Trait.HOME).milli == 0
    Fingerprint.objects.filter(user__in=people[:1]).delete()
    assert earner_of(bob).share(Trait.HOME).milli == 3_000_000


def test_three_accounts_on_one_card_are_one_hand_and_two_are_a_couple(bob: User) -> None:
    hands = [fan(f"hand{number}", 1_000) for number in range(3)]
    for person in hands:
        uses(person, instrument="one card")
        give(person, bob, 1_000)

    assert earner_of(bob).share(Trait.ONE_HAND).senders == 3
    Fingerprint.objects.filter(user=hands[0]).delete()
    assert earner_of(bob).share(Trait.ONE_HAND).senders == 0


def test_new_accounts_that_give_all_at_once_to_one_creator_are_fresh(bob: User) -> None:
    carol = factories.make_creator("carol")
    for handle, days_ago, elsewhere in (
        ("new", 1, 0), ("torn", 1, 1_000), ("old", 30, 0), ("bignew", 2, 0)
    ):  # fmt: skip
        person = fan(handle, 12_000, days_ago=days_ago)
        give(person, bob, 10_000 if handle == "bignew" else 2_000)
        if elsewhere:
            give(person, carol, elsewhere)

    found = earner_of(bob)

    assert found.share(Trait.FRESH).senders == 2
    assert found.share(Trait.BIG).milli == 10_000_000
    assert found.share(Trait.FRESH_CARD).senders == 0


def paid(person: User, *, cents: int, at: datetime, region: str = "US") -> Purchase:
    currency = {"US": "USD", "DE": "EUR"}[region]
    return Purchase.objects.create(
        id=ledger.new_operation_id(), buyer=person, region_id=region, coins=100, gross_minor=cents,
        tax_minor=0, tax_bps=0, currency=currency, state=Purchase.State.CREDITED, paid_at=at,
        method=PaymentMethod.objects.get(pk="card"),
    )  # fmt: skip


def test_days_on_which_somebody_pays_just_below_what_is_looked_at_are_counted(bob: User) -> None:
    near, far = fan("near", 3_000), fan("far", 3_000)
    now = timezone.now()
    for day in range(1, 6):
        for half in (7_000, 7_900):  # together just below US$150
            paid(near, cents=half, at=now - timedelta(days=day))
        paid(far, cents=15_100, at=now - timedelta(days=day))
    give(near, bob, 2_000)
    give(far, bob, 1_000)

    found = earner_of(bob)

    assert found.near_days in {5, 4}  # two halves may fall on two days at midnight
    assert found.share(Trait.NEAR).first_ids == (near.pk,)


def test_who_buys_in_several_regions_or_asks_back_is_known_by_it(bob: User) -> None:
    hopper, home, back = fan("hopper", 1_000), fan("home", 1_000), fan("back", 1_000)
    now = timezone.now()
    for person, regions in ((hopper, "US DE US DE"), (home, "US US US DE")):
        for region in regions.split():
            paid(person, cents=500, at=now - timedelta(days=2), region=region)
    for _ in range(2):
        purchase = paid(back, cents=500, at=now - timedelta(days=2))
        Refund.objects.create(
            id=ledger.new_operation_id(), purchase=purchase, hold_id=ledger.new_operation_id(),
            end_id=ledger.new_operation_id(), coins=100, amount_minor=500, ground="unused",
            due_at=now,
        )  # fmt: skip
    for person in (hopper, home, back):
        give(person, bob, 1_000)

    found = earner_of(bob)

    assert found.share(Trait.HOPPER).first_ids == (hopper.pk,)
    assert found.share(Trait.BACK).first_ids == (back.pk,)


def test_a_card_that_was_somebody_elses_and_a_minor_are_known(bob: User) -> None:
    child, parent, claimed = fan("child", 2_000, days_ago=9), fan("parent", 1), fan("teen", 1_000)
    for person in (parent, child):
        uses(person, instrument="a parent's card")
    for _ in range(4):
        give(child, bob, 500)
    give(claimed, bob, 1_000)
    assert earner_of(bob).share(Trait.BORROWED).milli == 0

    Fingerprint.objects.filter(user=parent).update(
        first_seen_at=timezone.now() - timedelta(days=31)
    )
    with transaction.atomic():
        reviewing.open_review(
            subject_id=claimed.pk, reason=ReviewReason.MINOR_CLAIM, subject_key="x",
            grounds=reviewing.Grounds(), at=timezone.now(),
        )  # fmt: skip

    assert earner_of(bob).share(Trait.BORROWED).first_ids == (child.pk,)
    assert earner_of(bob).share(Trait.CLAIMED).first_ids == (claimed.pk,)


def test_a_ring_is_known_by_each_member_and_not_by_who_only_gives(bob: User) -> None:
    carol, dave, erin = (factories.make_creator(name) for name in ("carol", "dave", "erin"))
    for sender, receiver in ((bob, carol), (carol, dave), (dave, bob), (bob, erin)):
        buy(sender, 3_000)
        give(sender, receiver, 2_500)

    assert earner_of(bob).ring == earning_facts.Share(
        milli=2_500_000, senders=3, first_ids=tuple(sorted((bob.pk, carol.pk, dave.pk)))
    )
    assert earner_of(erin).ring == earning_facts.Share()


def test_silence_is_counted_from_opening_where_nothing_was_earned_before(bob: User) -> None:
    CreatorProfile.objects.filter(creator=bob).update(
        opened_at=timezone.now() - timedelta(days=120)
    )
    give(fan("alice2", 3_000), bob, 3_000)

    assert earner_of(bob).silent_days == 120


def test_who_gives_a_third_to_others_is_not_counted_as_one_of_two(bob: User) -> None:
    carol, alice = factories.make_creator("carol"), fan("alice2", 6_000)
    give(alice, bob, 4_000)
    give(alice, carol, 1_999)
    assert earner_of(bob).top_two_milli == 4_000_000

    give(alice, carol, 1)

    assert earner_of(bob).top_two_milli == 0


# Audiences


def ended(creator: User, viewers: int) -> OutboxEvent:
    return OutboxEvent.objects.create(
        name="room.ended", subject="room:x",
        payload={"room_id": str(ledger.new_operation_id()), "creator_id": creator.pk,
                 "title": "x", "peak_viewers": viewers, "ended_at": timezone.now().isoformat()},
    )  # fmt: skip


def test_the_end_of_a_live_tells_how_many_watched_once(bob: User) -> None:
    ended(bob, 3)
    ended(bob, 8)
    OutboxEvent.objects.create(name="gift.sent", subject="x", payload={})

    audiences.note_audiences(at=timezone.now())
    later = timezone.now() + timedelta(minutes=11)
    audiences.note_audiences(at=later)

    lives = LiveAudience.objects.filter(creator=bob).order_by("viewers")
    assert list(lives.values_list("viewers", flat=True)) == [3, 8]
    assert EarningsWatch.objects.get().event_id == OutboxEvent.objects.latest("pk").pk


def test_audiences_are_kept_no_longer_than_rules_look_back(bob: User) -> None:
    ended(bob, 3)
    audiences.note_audiences(at=timezone.now())
    later = timezone.now() + timedelta(minutes=11)
    audiences.note_audiences(at=later)

    audiences.note_audiences(at=later + audiences.KEEP)

    assert not LiveAudience.objects.exists()


def test_an_audience_is_the_mean_of_the_lives(bob: User) -> None:
    ended(bob, 3)
    ended(bob, 8)
    audiences.note_audiences(at=timezone.now())
    give(fan("alice2", 3_000), bob, 3_000)

    assert earner_of(bob).viewers in {5, 6}


# Cases


def test_a_hit_opens_one_case_that_holds_payouts_and_says_why(bob: User) -> None:
    mallory = self_deal(bob)

    first, again = look(), look()

    assert (first.opened, again.opened) == (1, 0)
    review = Review.objects.get(subject=bob)
    assert (review.reason, review.restricts, review.state) == ("self_deal", "payouts", "opened")
    assert review.reasons == [
        (
            "60 % of what you earned in 30 days came from accounts that share a device, a card or "
            "a payout account with you."
        )
    ]
    assert ["most by", f"@{mallory.handle}"] in review.signals
    assert mallory.handle not in " ".join(review.reasons)
    verdict = Verdict.objects.get(subject=bob)
    assert (verdict.rule, verdict.review_id) == ("self_deal", review.pk)
    assert verdict.facts["shares"]["own"] == [6_000_000, 1]
    assert Notice.objects.filter(user=bob, title__startswith="Your payouts wait").count() == 1


def test_another_rule_that_hits_later_opens_a_case_of_its_own(bob: User) -> None:
    audience(bob)
    mallory = self_deal(bob)
    look()
    buy(mallory, 60_000)
    give(mallory, bob, 60_000)

    assert look().opened == 1
    assert cases(bob) == ["concentration", "self_deal"]


def decided(bob: User, olga: User, *, outcome: str, restricts: str = "nothing") -> Review:
    review = Review.objects.get(subject=bob, state__in=["opened", "assigned"])
    at = timezone.now()
    reviews.take(review_id=review.pk, by_id=olga.pk, at=at)
    return reviews.decide(
        review_id=review.pk, by_id=olga.pk, outcome=outcome, statement=FINE, restricts=restricts,
        at=at,
    )  # fmt: skip


def test_a_case_decided_in_favour_is_opened_again_only_by_money_since(
    bob: User, olga: User
) -> None:
    mallory = self_deal(bob)
    look()
    decided(bob, olga, outcome="cleared")
    assert look().opened == 0

    buy(mallory, 6_000)
    give(mallory, bob, 4_999)
    assert look().opened == 0

    give(mallory, bob, 1)
    assert look().opened == 1
    assert cases(bob) == ["self_deal", "self_deal"]


def test_what_was_upheld_holds_without_a_second_case(bob: User, olga: User) -> None:
    mallory = self_deal(bob)
    look()
    decided(bob, olga, outcome="upheld", restricts="payouts")
    buy(mallory, 9_000)
    give(mallory, bob, 9_000)

    assert look().opened == 0
    lines = eligibility.checklist(creator=bob, at=timezone.now())
    assert [line.key for line in lines if line.key == "review" and not line.is_met] == ["review"]


def test_a_creator_reads_the_case_in_the_studio_and_appeals_on_its_page(
    client: Client, bob: User, olga: User
) -> None:
    self_deal(bob)
    look()
    review = Review.objects.get(subject=bob)
    client.force_login(bob)
    studio = client.get(reverse("payouts:studio")).content.decode()
    assert "Gifts that may come from the creator" in studio
    assert reverse("accounts:reviews") in studio
    page = client.get(reverse("accounts:review", args=[review.pk])).content.decode()
    assert "60 % of what you earned in 30 days" in page
    assert "mallory2" not in page
    decided(bob, olga, outcome="upheld", restricts="payouts")

    response = client.post(
        reverse("accounts:review", args=[review.pk]), {"words": "It was my sister's phone."}
    )

    assert response.status_code == 302
    review.refresh_from_db()
    assert (review.state, review.appeal_words) == ("appealed", "It was my sister's phone.")
    assert not risk.is_eligible(eligibility.checklist(creator=bob, at=timezone.now()))


def test_staff_read_numbers_and_names_in_the_queue(client: Client, bob: User, olga: User) -> None:
    self_deal(bob)
    look()
    client.force_login(olga)
    review = Review.objects.get(subject=bob)

    page = client.get(reverse("admin:accounts_review_change", args=[review.pk])).content.decode()

    assert "6,000 diamonds (60 %)" in page
    assert "@mallory2" in page


# When


@pytest.mark.parametrize("door", ["task", "command"])
def test_earnings_are_looked_at_before_a_settlement_begins(bob: User, door: str) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)
    self_deal(bob)

    if door == "task":
        tasks.start_settlement()
        settlements.sweep_settlements(at=timezone.now())
    else:
        call_command("settle", "--no-payouts")

    assert cases(bob) == ["self_deal"]
    assert books(bob) == Books(available=4_000_000)


def test_control_a_settlement_without_a_look_pays_it(bob: User) -> None:
    set_account(bob)
    give_diamonds(bob, 4_000_000)
    self_deal(bob)

    settlements.sweep_settlements(at=timezone.now())

    assert books(bob) == Books(in_payout=1800)


def test_the_clock_looks_once_an_hour(bob: User) -> None:
    at = timezone.now()

    assert watching.watch_if_due(at=at) is not None
    assert watching.watch_if_due(at=at + timedelta(minutes=59)) is None
    assert watching.watch_if_due(at=at + timedelta(hours=1)) is not None
