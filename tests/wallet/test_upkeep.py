"""The ledger's upkeep by its tasks, and what staff see of purchases."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.test import Client

from accounts.models import User
from tests import factories
from tests.standin import Standin, eventually
from wallet import ledger, purchases, queries, tasks
from wallet.models import Account, Balance, Bucket, Period, Purchase, RateCard


def test_the_tasks_bring_diamonds_from_pending_to_available_and_seal(committed: str) -> None:
    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    without_holds = announce_card_without_holds()
    eventually(lambda: is_in_force(without_holds))
    with transaction.atomic():
        factories.give_coins(alice, 100)
        gift = ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 30, alice.pk, "room:1", {})
        ledger.gift(gift).check()

    assert tasks.release() == 0  # its period is still open
    assert tasks.fold() > 0
    assert tasks.fold() == 0
    closed = tasks.close_period()
    assert closed is not None
    assert tasks.release() == 1
    assert tasks.release() == 0
    assert tasks.seal() == 1
    assert tasks.seal() == 0

    assert Bucket.objects.get().released == 30_000
    available = Balance.objects.get(account__code=Account.Code.DIAMOND_AVAILABLE)
    assert (available.account.owner_id, available.credits - available.debits) == (bob.pk, 30_000)
    assert Period.objects.get(pk=closed).seal is not None
    assert ledger.audit() == []


def is_in_force(card_id: int) -> bool:
    card = queries.card_in_force(datetime.now(UTC))
    return card is not None and card.pk == card_id


def announce_card_without_holds() -> int:
    """A better card than the seed's, so it may take effect at once."""
    card = RateCard.objects.get()
    with transaction.atomic():
        return ledger.announce_card(
            name="No holds",
            diamonds_per_coin_milli=card.diamonds_per_coin_milli,
            diamond_usd=card.diamond_usd,
            hold_days={int(key): 0 for key in card.hold_days},
            notice_days=card.notice_days,
            effective_at=datetime.now(UTC) + timedelta(milliseconds=300),
            announced_by_id=0,
        )


def staff(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def test_staff_look_a_purchase_up_at_the_provider(
    client: Client, standin: Standin, alice: User, olga: User
) -> None:
    purchase = purchases.start_purchase(
        purchase_id=ledger.new_operation_id(),
        user=alice,
        coins=700,
        method_code="card",
        evidence={"address": "DE"},
        at=datetime.now(UTC),
    )
    standin.pay(purchase.checkout_ref)

    answer = staff(client, olga).post(
        "/admin/wallet/purchase/",
        {"action": "look_up", "_selected_action": [str(purchase.pk)]},
        follow=True,
    )

    assert "Coins arrived" in answer.content.decode()
    assert Purchase.objects.get().state == "credited"


def test_staff_see_purchases_but_cannot_edit_them(client: Client, alice: User, olga: User) -> None:
    purchase = Purchase.objects.create(
        pk=ledger.new_operation_id(), buyer=alice, region_id="DE", method_id="card", coins=700,
        gross_minor=840, tax_minor=134, tax_bps=1900, currency="EUR",
    )  # fmt: skip
    staff(client, olga)

    page = client.get(f"/admin/wallet/purchase/{purchase.pk}/change/").content.decode()

    assert "€8.40" in page
    assert "€1.34" in page
    change = f"/admin/wallet/purchase/{purchase.pk}/change/"
    assert client.post(change, {"coins": "1"}).status_code == 403
    assert client.get("/admin/wallet/purchase/add/").status_code == 403
    assert client.get("/admin/wallet/providerevent/").status_code == 200
    assert Purchase.objects.get().coins == 700
