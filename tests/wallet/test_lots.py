"""A person's lots: what is left of each, until when it is refundable, and what used it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests import factories
from tests.standin import Standin
from tests.wallet.test_history import give
from tests.wallet.test_receipts import credited
from tests.wallet.test_refunds import approve, ask, bought, submit
from wallet import ledger, queries, refunds, stories
from wallet.models import Lot, Purchase
from wallet.money import money


def test_each_lot_says_what_is_left_what_used_it_and_until_when_it_is_refundable(
    alice: User, bob: User, client: Client
) -> None:
    first, second = credited(alice), credited(alice)
    Purchase.objects.update(credited_at=timezone.now())
    one, other = give(alice, bob, 500), give(alice, bob, 300)
    lots = {lot.purchase_id: lot for lot in Lot.objects.all()}
    client.force_login(alice)

    page = client.get("/balance/lots/").content.decode()
    used_up = client.get(f"/balance/lots/{lots[first.pk].pk}/").content.decode()
    begun = client.get(f"/balance/lots/{lots[second.pk].pk}/").content.decode()

    for words in ("0 of 700 left", "Used up", "600 of 700 left", "€7.20 refundable until"):
        assert words in page
    assert page.index("600 of 700") < page.index("0 of 700 left")
    assert str(one) in used_up
    assert str(other) in used_up  # it took the first lot's last coins, and 100 of the second
    assert str(other) in begun
    assert str(one) not in begun
    assert "Rosebud ×300 to Bob" in begun
    assert "€1.20" in begun


@pytest.mark.parametrize(("region", "days"), [("DE", 14), ("BR", 7), ("KR", 7), ("US", 14)])
def test_the_refund_window_is_the_regions(region: str, days: int, alice: User) -> None:
    purchase = credited(alice, region=region)
    lot = queries.all_lots(user_id=alice.pk).get()
    until = datetime(2026, 11, 22, 9, tzinfo=UTC) + timedelta(days=days + 1)

    before = stories.lot_story(lot, at=until - timedelta(seconds=1))
    after = stories.lot_story(lot, at=until)

    assert (before.refundable_until, before.is_refundable, after.is_refundable) == (
        until, True, False,
    )  # fmt: skip
    assert before.left_price == money(840, purchase.currency)


def test_coins_from_staff_are_nobodys_to_refund(
    alice: User, bob: User, olga: User, client: Client
) -> None:
    ledger.adjust_coins(
        operation_id=ledger.new_operation_id(), owner_id=alice.pk, coins=10, hold_class=1,
        proposer_id=olga.pk, approver_id=bob.pk, memo={"text": "A correction"},
    ).check()  # fmt: skip
    lot = queries.all_lots(user_id=alice.pk).get()

    assert stories.lot_story(lot, at=timezone.now()).is_refundable is False
    client.force_login(alice)
    assert "Not refundable" in client.get("/balance/lots/").content.decode()


def test_a_disputed_lot_is_not_refundable(alice: User) -> None:
    credited(alice)
    lot = queries.all_lots(user_id=alice.pk).get()
    lot.state = Lot.State.DISPUTED

    assert stories.lot_story(lot, at=datetime(2026, 11, 22, 10, tzinfo=UTC)).is_refundable is False


def test_lots_page_by_page_are_each_shown_once(alice: User, client: Client) -> None:
    for _ in range(23):
        factories.give_coins(alice, 10)
    client.force_login(alice)

    first = client.get("/balance/lots/")
    second = client.get(first.context["next_url"])

    shown = [story.lot.pk for page in (first, second) for story in page.context["lots"]]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == len(shown) == 23
    assert second.context["next_url"] == ""


@pytest.mark.parametrize("after", ["x", "-1", "1" * 30, "１"])
def test_a_place_no_page_gave_out_is_not_found(after: str, alice: User, client: Client) -> None:
    client.force_login(alice)

    assert client.get("/balance/lots/", {"after": after}).status_code == 404


def test_a_lot_is_its_owners_alone(alice: User, mallory: User, client: Client) -> None:
    factories.give_coins(alice, 10)
    client.force_login(mallory)

    assert client.get(f"/balance/lots/{Lot.objects.get().pk}/").status_code == 404
    assert "No coins yet" in client.get("/balance/lots/").content.decode()


def test_a_gifts_story_names_the_rate_cards_version(alice: User, bob: User, client: Client) -> None:
    credited(alice)
    gift = give(alice, bob, 100)
    client.force_login(alice)

    page = client.get(f"/balance/operations/{gift}/").content.decode()

    for words in ("Where the money went", "Tax", "Payment fee", "Creator", "Operator"):
        assert words in page
    assert "rate card “v1”</a> (version 1, in force since" in page


def test_what_is_left_is_worth_to_the_cent_what_its_refund_pays(
    standin: Standin, alice: User, olga: User
) -> None:
    purchase = bought(standin, alice)
    approved = approve(ask(purchase, 333), olga)
    submit(approved)  # €3.99: half of a cent of it was rounded down

    story = stories.lot_story(Lot.objects.get(purchase=purchase), at=timezone.now())

    offer = refunds.offer(purchase=purchase, at=timezone.now())
    assert story.left_price == offer.money == money(441, "EUR")
