"""Our books beside the company's, by id, in both directions, through the real stand-in."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pgtrigger
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from config import desk
from tests.accounts.test_roles import make_role
from tests.standin import Standin
from tests.wallet.test_webhooks import start
from wallet import payments, providers, queries, reconciliations
from wallet.models import CreditNote, Difference, Dispute, Purchase, Reconciliation

STRIPE = "wallet.providers.stripe.Stripe"
type Told = tuple[str, str, str]


def now() -> datetime:
    return datetime.now(UTC)


def compare(*refs: str) -> list[Told]:
    """Reconcile, and what is said of these; the stand-in's book has other tests' payments too."""
    at = now() + timedelta(minutes=1)
    run = reconciliations.reconcile(provider=STRIPE, since=at - timedelta(hours=1), until=at)
    assert run.ended_at is not None
    rows = run.differences.filter(ref__in=refs).order_by("id")
    return [(row.ref, row.ours, row.theirs) for row in rows]


@pytest.fixture
def paid(standin: Standin, alice: User) -> Purchase:
    """A purchase that is paid at the provider; nobody has told us yet."""
    return start(alice)


def pay(standin: Standin, purchase: Purchase) -> str:
    ref: str = standin.pay(purchase.checkout_ref)["session"]["payment_intent"]
    return ref


def test_a_payment_whose_webhook_was_lost_is_credited_and_is_no_difference(
    standin: Standin, paid: Purchase
) -> None:
    ref = pay(standin, paid)

    assert compare(ref) == []

    assert Purchase.objects.get().state == "credited"
    assert queries.coins(user_id=paid.buyer_id) == 700
    assert compare(ref) == []
    assert queries.coins(user_id=paid.buyer_id) == 700


def test_a_payment_of_theirs_that_we_do_not_know_is_a_difference(
    standin: Standin, paid: Purchase
) -> None:
    ref = pay(standin, paid)
    Purchase.objects.all().delete()

    assert compare(ref) == [(ref, "nothing", f"credited {paid.money}")]


def test_a_payment_of_ours_that_they_do_not_know_is_a_difference(
    standin: Standin, paid: Purchase
) -> None:
    ref = pay(standin, paid)
    payments.settle_purchase(purchase_id=paid.pk, at=now())
    Purchase.objects.update(payment_ref="pi_nobody")

    assert compare(ref, "pi_nobody") == [
        (ref, "paid by pi_nobody", f"credited {paid.money}"),
        ("pi_nobody", f"credited {paid.money}", "nothing"),
    ]


def test_amounts_that_differ_are_a_difference_and_credit_nothing(
    standin: Standin, paid: Purchase
) -> None:
    ref = pay(standin, paid)
    Purchase.objects.update(gross_minor=paid.gross_minor + 1)
    ours = Purchase.objects.get().money

    assert compare(ref) == [(ref, f"pending {ours}", f"credited {paid.money}")]

    assert queries.coins(user_id=paid.buyer_id) == 0


def test_a_refund_made_there_is_booked_here_and_one_of_no_purchase_is_a_difference(
    standin: Standin, paid: Purchase
) -> None:
    payment = pay(standin, paid)
    payments.settle_purchase(purchase_id=paid.pk, at=now())
    refund = standin.refund(payment)["id"]

    assert compare(payment, refund) == []

    assert Dispute.objects.get().state == "lost"
    assert queries.coins(user_id=paid.buyer_id) == 0
    with pgtrigger.ignore("wallet.CreditNote:credit_note_kept"):
        CreditNote.objects.all().delete()
    Dispute.objects.all().delete()
    Purchase.objects.update(payment_ref="pi_nobody")
    assert (refund, "nothing", f"paid {paid.money}") in compare(refund)


def test_a_dispute_there_is_followed_here_and_one_of_no_purchase_is_a_difference(
    standin: Standin, paid: Purchase
) -> None:
    payment = pay(standin, paid)
    payments.settle_purchase(purchase_id=paid.pk, at=now())
    dispute = standin.dispute(payment)["id"]

    assert compare(payment, dispute) == []
    assert Dispute.objects.get().state == "open"
    standin.decide(dispute, "lose")
    assert compare(payment, dispute) == []

    assert Dispute.objects.get().state == "lost"
    assert queries.coins(user_id=paid.buyer_id) == 0
    with pgtrigger.ignore("wallet.CreditNote:credit_note_kept"):
        CreditNote.objects.all().delete()
    Dispute.objects.all().delete()
    Purchase.objects.update(payment_ref="pi_nobody")
    assert compare(dispute) == [(dispute, "nothing", "lost")]


def test_a_provider_that_is_away_leaves_a_run_without_an_end(
    standin: Standin, paid: Purchase, settings: LazySettings
) -> None:
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    providers.load.cache_clear()
    out = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("reconcile", stdout=out)

    assert "0 differences, 1 without an answer." in out.getvalue()
    assert reconciliations.reconcile_recent(at=now(), over=timedelta(hours=1)) == []
    assert set(Reconciliation.objects.values_list("ended_at", flat=True)) == {None}
    assert not Difference.objects.exists()


# The desk and its page.


@pytest.fixture
def differing(db: None) -> Reconciliation:
    """Two runs; the later one has a difference."""
    times: dict[str, Any] = {"since": now() - timedelta(days=2), "until": now(), "ended_at": now()}
    before = Reconciliation.objects.create(provider=STRIPE, **times)
    Difference.objects.create(
        reconciliation=before, kind="payment", ref="pi_0", ours="nothing", theirs="credited €1.00"
    )
    run = Reconciliation.objects.create(provider=STRIPE, compared=3, **times)
    Difference.objects.create(
        reconciliation=run, kind="payment", ref="pi_1", ours="nothing", theirs="credited €1.20"
    )
    return run


def test_the_first_page_tells_of_the_last_run_s_differences_to_whoever_may_see_them(
    differing: Reconciliation, olga: User, client: Client
) -> None:
    finance, support = make_role("fay", "finance"), make_role("sam", "support")

    (row,) = [
        one
        for one in desk.desk_of(finance, at=now()).waiting
        if one.label == "Differences with payment companies"
    ]

    assert row.count == 1
    client.force_login(finance)
    listed = client.get(row.address)
    assert b"pi_1" in listed.content
    assert b"pi_0" not in listed.content
    assert "Differences" not in str(desk.desk_of(support, at=now()))


def test_auditors_read_runs_and_finance_makes_new_ones(
    standin: Standin, paid: Purchase, differing: Reconciliation, client: Client
) -> None:
    pay(standin, paid)
    page = "/admin/wallet/reconciliation/"
    client.force_login(make_role("ada", "auditor"))
    assert b"1 differences" in client.get(page).content
    assert b"pi_1" in client.get(f"{page}{differing.pk}/change/").content
    assert client.post(f"{page}add/", {"days": 1, "confirm": "1"}).status_code == 403
    client.force_login(make_role("sam", "support"))
    assert client.get(page).status_code == 403
    client.force_login(make_role("fay", "finance"))
    shown = client.post(f"{page}add/", {"days": 1})
    assert b"No money moves" in shown.content
    assert Reconciliation.objects.count() == 2

    answer = client.post(f"{page}add/", {"days": 1, "confirm": "1"})

    assert answer.status_code == 302
    assert Reconciliation.objects.count() == 3
    assert Purchase.objects.get().state == "credited"
