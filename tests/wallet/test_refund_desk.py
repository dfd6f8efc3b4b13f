"""The staff's desk of refunds, disputes and recourse, through its pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests import factories
from tests.accounts.test_roles import make_role
from tests.standin import Standin
from tests.wallet.test_disputes import contest, decide, give
from tests.wallet.test_refunds import ask, bought, held, now
from wallet import ledger, services
from wallet.models import Dispute, RecoursePolicy, Refund


@pytest.fixture
def sam(db: None) -> User:
    return make_role("sam", "support")


@pytest.fixture
def finn(db: None) -> User:
    return make_role("finn", "finance")


def deed(client: Client, refund: Refund, decision: str, coins: str = "", **more: str) -> Any:
    form = {"decision": decision, "coins": coins, "reason": "Asked in time."} | more
    return client.post(reverse("admin:wallet_refund_decide", args=[refund.pk]), form, follow=True)


def test_the_queue_shows_what_is_due_first_and_what_is_late(
    standin: Standin, client: Client, alice: User, sam: User
) -> None:
    soon, late = ask(bought(standin, alice), 10), ask(bought(standin, alice), 20)
    Refund.objects.filter(pk=late.pk).update(due_at=now() - timedelta(days=1))
    client.force_login(sam)

    page = client.get(reverse("admin:wallet_refund_changelist")).content.decode()

    assert page.index(str(late.pk)) < page.index(str(soon.pk))
    assert page.count("Late") == 1
    assert "€0.24" in page


def test_the_facts_say_what_was_bought_used_refunded_and_disputed(
    standin: Standin, client: Client, alice: User, bob: User, sam: User
) -> None:
    earlier = ask(bought(standin, alice), 700)
    Refund.objects.filter(pk=earlier.pk).update(state="paid")
    refund = ask(bought(standin, alice), 200)
    gift = ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 100, alice.pk, "room:1", {})
    ledger.gift(gift).check()
    client.force_login(sam)

    page = client.get(reverse("admin:wallet_refund_change", args=[refund.pk])).content.decode()

    for words in (
        "700 coins for €8.40 by Card", "400 coins beside those asked",
        "100 coins in 1 gifts to 1 creators", "1 Paid back", "Disputes",
    ):  # fmt: skip
        assert words in page, words


def test_a_decision_is_shown_before_it_is_made(
    standin: Standin, client: Client, alice: User, sam: User
) -> None:
    refund = ask(bought(standin, alice), 700)
    client.force_login(sam)

    shown = deed(client, refund, "part", "100").content.decode()

    assert "€1.20 goes back by Card, for 100 coins" in shown
    assert "600 coins" in shown
    assert Refund.objects.get().state == "requested"
    done = deed(client, refund, "part", "100", confirm="1").content.decode()
    assert "Approved, money on its way" in done
    refund.refresh_from_db()
    assert (refund.state, refund.approved_coins, refund.approver) == ("approved", 100, sam)


def test_staff_approve_all_or_deny(
    standin: Standin, client: Client, alice: User, sam: User, finn: User
) -> None:
    first, second = ask(bought(standin, alice), 50), ask(bought(standin, alice), 60)
    client.force_login(sam)
    deed(client, first, "all", confirm="1")
    client.force_login(finn)
    deed(client, second, "none", confirm="1", reason="Bought to resell.")

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.approved_coins) == ("approved", 50)
    assert (second.state, second.reason) == ("denied", "Bought to resell.")
    assert held(alice) == (1_350, 50)
    answer = deed(client, second, "all", confirm="1").content.decode()
    assert "decided before" in answer


@pytest.mark.parametrize("given", [{"coins": ""}, {"coins": "700"}, {"reason": ""}])
def test_a_decision_that_makes_no_sense_is_not_made(
    standin: Standin, client: Client, alice: User, sam: User, given: dict[str, str]
) -> None:
    refund = ask(bought(standin, alice), 700)
    client.force_login(sam)

    answer = deed(client, refund, "part", **({"coins": "100", "confirm": "1"} | given))

    assert "Nothing was done" in answer.content.decode()
    assert Refund.objects.get().state == "requested"


def test_a_large_refund_waits_for_somebody_else(
    standin: Standin,
    client: Client,
    alice: User,
    sam: User,
    finn: User,
    settings: LazySettings,
) -> None:
    settings.REFUND_SECOND_PERSON_USD_CENTS = 500
    refund = ask(bought(standin, alice), 700)
    client.force_login(sam)

    for _ in range(2):
        said = deed(client, refund, "all", confirm="1").content.decode()
        assert "Noted as your proposal" in said
    assert Refund.objects.get().state == "requested"
    client.force_login(finn)
    assert "sam" in client.get(reverse("admin:wallet_refund_changelist")).content.decode()
    deed(client, refund, "all", confirm="1")

    refund.refresh_from_db()
    assert (refund.state, refund.proposer, refund.approver) == ("approved", sam, finn)


def test_staff_do_not_decide_about_their_own_money(
    standin: Standin, client: Client, sam: User
) -> None:
    refund = ask(bought(standin, sam), 700)
    client.force_login(sam)

    answer = deed(client, refund, "all", confirm="1")

    assert "your own purchase" in answer.content.decode()
    assert Refund.objects.get().state == "requested"


@pytest.mark.parametrize("role", ["risk", "pricing", "catalogue", "auditor"])
def test_who_may_not_decide_does_not(
    standin: Standin, client: Client, alice: User, role: str
) -> None:
    refund = ask(bought(standin, alice), 700)
    client.force_login(make_role("ada", role))

    assert deed(client, refund, "all", confirm="1").status_code == 403
    client.post(
        reverse("admin:wallet_refund_changelist"),
        {"action": "look_up", "_selected_action": [str(refund.pk)]},
    )

    assert Refund.objects.get().state == "requested"


def test_what_was_approved_is_sent_from_the_desk(
    standin: Standin, client: Client, alice: User, sam: User
) -> None:
    refund = ask(bought(standin, alice), 700)
    client.force_login(sam)
    deed(client, refund, "all", confirm="1")

    answer = client.post(
        reverse("admin:wallet_refund_changelist"),
        {"action": "look_up", "_selected_action": [str(refund.pk)]},
        follow=True,
    )

    assert "Paid back" in answer.content.decode()
    assert Refund.objects.get().state == "paid"


def test_a_lost_dispute_says_what_it_took_from_whom(
    standin: Standin, client: Client, committed: str
) -> None:
    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    purchase = bought(standin, alice)
    give(alice, bob, 500)
    services.fold_ledger()
    dispute = decide(standin, contest(standin, purchase), do="lose")
    client.force_login(make_role("ria", "risk"))

    page = client.get(reverse("admin:wallet_dispute_change", args=[dispute.pk])).content.decode()

    for words in ("Unused coins burned", "500 diamonds", "@bob", "€8.40"):
        assert words in page, words
    assert (
        client.post(
            reverse("admin:wallet_dispute_change", args=[dispute.pk]), {"state": "won"}
        ).status_code
        == 403
    )
    assert Dispute.objects.get().state == "lost"


def test_recourse_is_changed_with_a_reason_that_is_kept(db: None, client: Client) -> None:
    ria = make_role("ria", "risk")
    policy = RecoursePolicy.objects.get(ground="", days_max=120)
    client.force_login(ria)
    form = {"ground": "", "days_max": "120", "recourse": "unreleased_only", "takes_cover": "on"}
    address = reverse("admin:wallet_recoursepolicy_change", args=[policy.pk])

    assert "This field is required" in client.post(address, form).content.decode()
    policy.refresh_from_db()
    assert policy.recourse == "full"
    assert client.post(address, form | {"why": "Creators should not owe."}).status_code == 302

    policy.refresh_from_db()
    event = apps.get_model("wallet", "RecoursePolicyEvent").objects.order_by("pgh_id").last()
    assert policy.recourse == event.recourse == "unreleased_only"
    assert event.pgh_context.metadata == {"user": ria.pk, "why": "Creators should not owe."}


@pytest.mark.parametrize("role", ["support", "auditor", "pricing"])
def test_others_do_not_change_recourse(db: None, client: Client, role: str) -> None:
    policy = RecoursePolicy.objects.get(ground="", days_max=120)
    client.force_login(make_role("ada", role))
    form = {"ground": "", "days_max": "120", "recourse": "none", "why": "For fun."}

    answer = client.post(reverse("admin:wallet_recoursepolicy_change", args=[policy.pk]), form)

    assert answer.status_code == 403
    policy.refresh_from_db()
    assert policy.recourse == "full"
