"""Giving coins back, from the fan's page to the payment company and its answer."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Notice, User
from tests import factories
from tests.standin import Standin, eventually
from tests.wallet.test_purchases import settle, start
from wallet import inbox, ledger, proofs, providers, refunds, returns, reversals, submissions
from wallet.models import (
    Account,
    Lot,
    PaymentMethod,
    ProviderEvent,
    Purchase,
    Refund,
    Region,
    Transfer,
)
from wallet.providers import base
from wallet.providers.base import RefundOrder, Unavailable
from wallet.providers.stripe import Stripe

State = Refund.State


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def fan(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def ruth(db: None) -> User:
    """Staff, beside olga."""
    return factories.make_staff("ruth")


def bought(standin: Standin, user: User, card: str = "visa", **asked: Any) -> Purchase:
    """Buy 700 coins for €8.40, and have them."""
    purchase = start(user, **asked)
    standin.pay(purchase.checkout_ref, card)
    return settle(purchase)


def ask(purchase: Purchase, coins: int = 700, **facts: Any) -> Refund:
    asked: dict[str, Any] = {
        "refund_id": ledger.new_operation_id(), "user": purchase.buyer, "purchase_id": purchase.pk,
        "coins": coins, "ground": "unused", "words": "", "at": now(),
    }  # fmt: skip
    return refunds.request(**(asked | facts))


def approve(refund: Refund, by: User, coins: int | None = None) -> Refund:
    return refunds.decide(
        refund_id=refund.pk, coins=refund.coins if coins is None else coins,
        reason="You asked in time.", by=by, at=now(),
    )  # fmt: skip


def submit(refund: Refund) -> Refund:
    return submissions.submit(refund_id=refund.pk, at=now())


def held(user: User) -> tuple[int, int]:
    """The coins in somebody's wallet, and those that wait in their hold."""
    sums = []
    for code in (Account.Code.WALLET, Account.Code.COIN_HOLD):
        account = Account.objects.filter(owner_id=user.pk, code=code).first()
        debits, credits_ = ledger.turnover(account.pk) if account else (0, 0)
        sums.append(credits_ - debits)
    return sums[0], sums[1]


def book(code: int, currency: str = "EUR") -> int:
    unit = {"EUR": 978}[currency]
    account = Account.objects.get(owner_id=0, code=code, unit=unit)
    debits, credits_ = ledger.turnover(account.pk)
    return account.sign * (credits_ - debits)


def sent(standin: Standin, purchase: Purchase) -> list[tuple[int, str, str]]:
    """What the payment company sent back of a payment, by its own book."""
    made = standin.client().v1.refunds.list({"payment_intent": purchase.payment_ref}).to_dict()
    return [
        (one["amount"], one["status"], one["metadata"].get("refund", "")) for one in made["data"]
    ]


def fields(page: str) -> dict[str, str]:
    """What the form on the page would send."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    hidden.pop("csrfmiddlewaretoken", None)
    return hidden


def form_of(fan: Client, purchase: Purchase) -> dict[str, str]:
    page = fan.get(f"/coins/purchases/{purchase.pk}/refund/").content.decode()
    return fields(page) | {"ground": "unused", "words": "I changed my plans."}


# The pages


def test_the_whole_way_from_the_purchase_to_the_money(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    purchase = bought(standin, alice)
    address = f"/coins/purchases/{purchase.pk}/"
    assert "700 unused coins can go back for €8.40" in fan.get(address).content.decode()

    answer = fan.post(f"{address}refund/", form_of(fan, purchase) | {"coins": "700"})

    refund = Refund.objects.get()
    assert answer["Location"] == f"/balance/refunds/{refund.pk}/"
    assert (refund.coins, refund.amount_minor, refund.ground) == (700, 840, "unused")
    assert held(alice) == (0, 700)
    shown = fan.get(answer["Location"]).content.decode()
    for words in ("€8.40 for 700 coins", "Asked for", "I changed my plans.", "take the request"):
        assert words in shown
    approve(refund, olga)
    assert submit(refund).state == "paid"
    done = fan.get(answer["Location"]).content.decode()
    for words in ("Paid back", "Banks take up to 10 days", "You asked in time."):
        assert words in done
    assert "take the request" not in done
    assert sent(standin, purchase) == [(840, "succeeded", str(refund.pk))]
    assert held(alice) == (0, 0)
    assert Lot.objects.get(purchase=purchase).remaining == 0
    assert book(Account.Code.PROVIDER_CLEARING) == -54  # the fee of the payment is not given back
    assert book(Account.Code.DEFERRED_REVENUE) == book(Account.Code.TAX_PAYABLE) == 0
    titles = list(Notice.objects.filter(user=alice).order_by("pk").values_list("title", flat=True))
    assert titles == [
        "700 coins arrived",
        "Your refund of €8.40 was approved",
        "€8.40 is on its way back to you",
    ]


def test_the_page_says_what_each_purchase_can_give_back_or_why_not(
    standin: Standin, fan: Client, alice: User
) -> None:
    whole, late, asked = (bought(standin, alice) for _ in range(3))
    Purchase.objects.filter(pk=late.pk).update(paid_at=now() - timedelta(days=15))
    ask(asked, 10)

    page = fan.get("/balance/refunds/").content.decode()

    assert page.count("700 unused coins for €8.40, until") == 1
    assert f"/coins/purchases/{whole.pk}/refund/" in page
    assert "The time to give these coins back is over." in page
    assert "A refund of this purchase is under way." in page
    assert "10 coins for €0.12" in page
    for linked in ("/balance/", "/balance/history/"):
        assert "/balance/refunds/" in fan.get(linked).content.decode()


def test_a_part_is_shown_with_its_worth_before_it_is_asked_for(
    standin: Standin, fan: Client, alice: User
) -> None:
    purchase = bought(standin, alice)
    address = f"/coins/purchases/{purchase.pk}/refund/"
    form = form_of(fan, purchase)

    looked = fan.post(address, form | {"coins": "100", "look": "1"})

    assert "<strong>€1.20</strong>" in looked.content.decode()
    assert not Refund.objects.exists()
    assert held(alice) == (700, 0)
    fan.post(address, fields(looked.content.decode()) | form | {"coins": "100"})
    assert held(alice) == (600, 100)


@pytest.mark.parametrize("coins", ["0", "-5", "701", "1.5", "", "ten", "9" * 30])
def test_an_amount_that_makes_no_sense_asks_for_nothing(
    standin: Standin, fan: Client, alice: User, coins: str
) -> None:
    purchase = bought(standin, alice)

    answer = fan.post(
        f"/coins/purchases/{purchase.pk}/refund/", form_of(fan, purchase) | {"coins": coins}
    )

    assert answer.status_code in (400, 409)
    assert not Refund.objects.exists()
    assert held(alice) == (700, 0)


def test_a_form_sent_twice_asks_once(standin: Standin, fan: Client, alice: User) -> None:
    purchase = bought(standin, alice)
    form = form_of(fan, purchase) | {"coins": "100"}

    answers = [fan.post(f"/coins/purchases/{purchase.pk}/refund/", form) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert Refund.objects.count() == 1
    assert held(alice) == (600, 100)


def test_a_cancelled_request_frees_the_coins_and_cannot_be_decided(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice), 300)

    answer = fan.post(f"/balance/refunds/{refund.pk}/cancel/", follow=True)

    assert "Your coins are free again" in answer.content.decode()
    assert held(alice) == (700, 0)
    with pytest.raises(refunds.AlreadyDecided):
        approve(refund, olga)
    assert submit(refund).state == "cancelled"
    assert sent(standin, refund.purchase) == []


def test_what_was_approved_can_no_longer_be_taken_back(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice))
    approve(refund, olga)

    answer = fan.post(f"/balance/refunds/{refund.pk}/cancel/", follow=True)

    assert "can no longer be taken back" in answer.content.decode()
    assert Refund.objects.get().state == "approved"


def test_somebody_elses_purchase_and_refund_do_not_exist(
    standin: Standin, client: Client, alice: User, mallory: User
) -> None:
    purchase = bought(standin, alice)
    refund = ask(purchase, 100)
    client.force_login(mallory)
    form = {"refund": str(ledger.new_operation_id()), "coins": "1", "ground": "other", "words": ""}

    answers = [
        client.get(f"/coins/purchases/{purchase.pk}/refund/"),
        client.post(f"/coins/purchases/{purchase.pk}/refund/", form),
        client.get(f"/balance/refunds/{refund.pk}/"),
        client.post(f"/balance/refunds/{refund.pk}/cancel/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert str(refund.pk) not in client.get("/balance/refunds/").content.decode()
    assert Refund.objects.get().state == "requested"
    assert held(alice) == (600, 100)


def test_a_number_of_somebody_elses_refund_asks_for_nothing(
    standin: Standin, client: Client, alice: User, mallory: User
) -> None:
    refund = ask(bought(standin, alice), 100)
    mine = bought(standin, mallory)
    client.force_login(mallory)

    answer = client.post(
        f"/coins/purchases/{mine.pk}/refund/",
        {"refund": str(refund.pk), "coins": "100", "ground": "unused", "words": ""},
    )

    assert answer.status_code == 409
    assert "number was used before" in answer.content.decode()
    assert held(mallory) == (700, 0)
    assert Refund.objects.count() == 1


def test_the_history_tells_of_coins_set_aside_and_given_back(
    standin: Standin, fan: Client, alice: User
) -> None:
    refund = ask(bought(standin, alice), 300)
    refunds.cancel(refund_id=refund.pk, user=alice, at=now())

    page = fan.get("/balance/history/?kind=returns").content.decode()

    assert "Refund asked for: 300 coins frozen" in page
    assert "300 coins are free again" in page
    story = fan.get(f"/balance/operations/{refund.hold_id}/").content.decode()
    assert f"/balance/refunds/{refund.pk}/" in story


# Deciding


def test_an_id_is_not_asked_again_for_something_else(standin: Standin, alice: User) -> None:
    purchase = bought(standin, alice)
    first = ask(purchase, 100)

    assert ask(purchase, 100, refund_id=first.pk) == first
    with pytest.raises(refunds.RefundConflict):
        ask(purchase, 101, refund_id=first.pk)
    assert held(alice) == (600, 100)


def test_a_part_that_is_approved_goes_back_and_the_rest_is_free(
    standin: Standin, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice), 600)

    approve(refund, olga, coins=400)
    assert submit(refund).state == "paid"

    refund.refresh_from_db()
    assert (refund.approved_coins, refund.amount_minor) == (400, 480)
    assert sent(standin, refund.purchase) == [(480, "succeeded", str(refund.pk))]
    assert held(alice) == (300, 0)


def test_a_denied_request_frees_the_coins_and_says_why(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice))

    denied = refunds.decide(
        refund_id=refund.pk, coins=0, reason="Bought for somebody else.", by=olga, at=now()
    )

    assert denied.state == "denied"
    assert held(alice) == (700, 0)
    page = fan.get(f"/balance/refunds/{refund.pk}/").content.decode()
    assert "Bought for somebody else." in page
    assert "You get back" not in page
    assert sent(standin, refund.purchase) == []


def test_nobody_decides_about_their_own_money(standin: Standin, olga: User, ruth: User) -> None:
    refund = ask(bought(standin, olga))

    with pytest.raises(refunds.OwnRefund):
        approve(refund, olga)

    assert Refund.objects.get().state == "requested"
    assert approve(refund, ruth).state == "approved"


def test_a_large_refund_takes_two_people(
    standin: Standin, alice: User, olga: User, ruth: User, settings: LazySettings
) -> None:
    settings.REFUND_SECOND_PERSON_USD_CENTS = 500
    refund = ask(bought(standin, alice))

    for _ in range(2):
        with pytest.raises(refunds.NeedsSecondPerson):
            approve(refund, olga)
    assert submit(refund).state == "requested"
    with pytest.raises(refunds.NeedsSecondPerson):  # of another part, it is a new proposal
        approve(refund, ruth, coins=500)
    decided = approve(refund, olga, coins=500)

    assert (decided.state, decided.proposer, decided.approver) == ("approved", ruth, olga)
    assert submit(refund).amount_minor == 600


def test_control_a_small_refund_takes_one(standin: Standin, alice: User, olga: User) -> None:
    assert approve(ask(bought(standin, alice)), olga).state == "approved"


@pytest.mark.parametrize(
    ("country", "currency", "gross_minor", "back_minor"),
    [
        ("JP", "JPY", 1_225, 582),  # 333 of 700 coins are 582.75
        ("KW", "KWD", 2_450, 1_160),  # it is 1,165.5; dinars are moved in tens of fils
    ],
)
def test_three_decimal_and_no_decimal_money_goes_back_to_the_unit(
    standin: Standin,
    alice: User,
    olga: User,
    country: str,
    currency: str,
    gross_minor: int,
    back_minor: int,
) -> None:
    User.objects.filter(pk=alice.pk).update(country=country)
    alice.refresh_from_db()
    purchase = bought(standin, alice)
    assert (purchase.currency, purchase.gross_minor) == (currency, gross_minor)
    refund = ask(purchase, 333)

    approve(refund, olga)
    assert submit(refund).state == "paid"

    refund.refresh_from_db()
    assert refund.amount_minor == back_minor
    assert sent(standin, purchase) == [(back_minor, "succeeded", str(refund.pk))]
    assert held(alice) == (367, 0)
    rest = ask(purchase, 367)
    approve(rest, olga)
    assert submit(rest).state == "paid"
    assert sorted(amount for amount, _, _ in sent(standin, purchase)) == sorted(
        [back_minor, gross_minor - back_minor]
    )
    assert ledger.audit() == []


# The payment company


class LosesTheAnswer(Stripe):
    """The real adapter on a line that drops the first answer after the effect."""

    lost = 0

    def refund(self, order: RefundOrder) -> base.Refund:
        made = super().refund(order)
        if not type(self).lost:
            type(self).lost += 1
            raise Unavailable("The line was lost.")
        return made


class LosesTheRequest(Stripe):
    """The real adapter on a line that drops the first request before it arrives."""

    lost = 0

    def refund(self, order: RefundOrder) -> base.Refund:
        if not type(self).lost:
            type(self).lost += 1
            raise Unavailable("The line was lost.")
        return super().refund(order)


@pytest.mark.parametrize(("line", "were_sent"), [(LosesTheAnswer, 1), (LosesTheRequest, 0)])
def test_a_timeout_before_or_after_the_effect_sends_the_money_once(
    standin: Standin, alice: User, olga: User, line: type[Stripe], were_sent: int
) -> None:
    refund = ask(bought(standin, alice))
    approve(refund, olga)
    line.lost = 0  # type: ignore[attr-defined]
    PaymentMethod.objects.update(provider=f"tests.wallet.test_refunds.{line.__name__}")

    with pytest.raises(Unavailable):
        submit(refund)

    assert Refund.objects.get().state == "submitted"
    assert held(alice) == (0, 700)
    assert len(sent(standin, refund.purchase)) == were_sent
    assert submissions.sweep(at=now() + timedelta(seconds=1)) == 0  # looked at just now
    assert submissions.sweep(at=now() + timedelta(minutes=2)) == 1
    assert Refund.objects.get().state == "paid"
    assert sent(standin, refund.purchase) == [(840, "succeeded", str(refund.pk))]
    assert held(alice) == (0, 0)


class SaysDollars(Stripe):
    """The real adapter, at a company that says every refund is of dollars."""

    def refund(self, order: RefundOrder) -> base.Refund:
        return replace(super().refund(order), currency="USD")

    def fetch_refund(self, ref: str) -> base.Refund:
        return replace(super().fetch_refund(ref), currency="USD")

    def refunds_of(self, payment_ref: str) -> list[base.Refund]:
        return [replace(one, currency="USD") for one in super().refunds_of(payment_ref)]


class SaysLess(Stripe):
    """The real adapter, at a company that says it sent back a cent less."""

    def refund(self, order: RefundOrder) -> base.Refund:
        made = super().refund(order)
        return replace(made, amount_minor=made.amount_minor - 1)

    def refunds_of(self, payment_ref: str) -> list[base.Refund]:
        found = super().refunds_of(payment_ref)
        return [replace(one, amount_minor=one.amount_minor - 1) for one in found]


@pytest.mark.parametrize(
    ("line", "differs"), [(SaysDollars, "its currency"), (SaysLess, "its amount")]
)
def test_a_refund_that_is_another_there_than_was_sent_moves_nothing_until_it_is_the_same(
    standin: Standin, client: Client, alice: User, olga: User, line: type[Stripe], differs: str
) -> None:
    refund = ask(bought(standin, alice), 300)
    approve(refund, olga)
    PaymentMethod.objects.update(provider=f"tests.wallet.test_refunds.{line.__name__}")
    moved = Transfer.objects.count()

    with pytest.raises(submissions.RefundDiffers, match=differs):
        submit(refund)
    assert submissions.sweep(at=now() + timedelta(minutes=2)) == 0

    refund.refresh_from_db()
    ((amount, state, _),) = sent(standin, refund.purchase)
    assert (amount, state) == (360, "succeeded")
    assert (refund.state, refund.provider_ref) == ("submitted", "")
    assert refund.problem.endswith(f"differs in {differs}.")
    assert (held(alice), Transfer.objects.count()) == ((400, 300), moved)
    assert Notice.objects.filter(user=olga, title__contains="needs you").count() == 1
    client.force_login(olga)
    assert (
        refund.problem in client.get(f"/admin/wallet/refund/{refund.pk}/change/").content.decode()
    )
    looked = client.post(
        "/admin/wallet/refund/", {"action": "look_up", "_selected_action": [refund.pk]}, follow=True
    )
    assert f"differs in {differs}." in looked.content.decode()
    client.force_login(alice)
    page = client.get(f"/balance/refunds/{refund.pk}/").content.decode()
    assert "We are checking it with the payment company" in page
    PaymentMethod.objects.update(provider="wallet.providers.stripe.Stripe")
    assert submit(refund).state == "paid"
    assert len(sent(standin, refund.purchase)) == 1
    assert held(alice) == (400, 0)
    refund.refresh_from_db()
    assert refund.problem == ""
    assert Notice.objects.filter(user=olga, title__contains="needs you").count() == 1


def test_a_refund_that_was_paid_stays_paid_when_it_is_told_in_another_currency(
    standin: Standin, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice, "refund-fails"), 300)
    approve(refund, olga)
    assert submit(refund).state == "paid"
    ref = Refund.objects.get().provider_ref
    eventually(lambda: standin.client().v1.refunds.retrieve(ref).status == "failed")
    PaymentMethod.objects.update(provider="tests.wallet.test_refunds.SaysDollars")
    moved = Transfer.objects.count()

    event = ProviderEvent.objects.create(
        provider="tests.wallet.test_refunds.SaysDollars", event_id="evt_1", kind="refund.updated",
        object_ref=ref, object_kind="refund", body="{}",
    )  # fmt: skip
    assert inbox.handle_provider_events(at=now()) == 1

    event.refresh_from_db()
    assert event.outcome == f"The refund {ref} differs in its currency."
    assert (Refund.objects.get().state, Transfer.objects.count()) == ("paid", moved)
    assert held(alice) == (400, 0)


def test_control_a_key_that_changes_would_send_the_money_again(
    standin: Standin, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice), 300)
    approve(refund, olga)
    submit(refund)
    provider = providers.load("wallet.providers.stripe.Stripe")
    order = RefundOrder(
        refund_id=ledger.new_operation_id(), payment_ref=refund.purchase.payment_ref,
        amount_minor=360, currency="EUR", reason="unused",
    )  # fmt: skip

    provider.refund(order)

    assert [amount for amount, _, _ in sent(standin, refund.purchase)] == [360, 360]


def test_submitting_again_and_again_sends_once(standin: Standin, alice: User, olga: User) -> None:
    refund = ask(bought(standin, alice))
    approve(refund, olga)

    assert [submit(refund).state for _ in range(4)] == ["paid"] * 4

    assert len(sent(standin, refund.purchase)) == 1


def test_a_pending_refund_is_waited_for(standin: Standin, alice: User, olga: User) -> None:
    refund = ask(bought(standin, alice, "refund-slow"))
    approve(refund, olga)

    assert submit(refund).state == "submitted"
    assert held(alice) == (0, 700)
    eventually(lambda: submit(refund).state == "paid")

    assert held(alice) == (0, 0)
    assert len(sent(standin, refund.purchase)) == 1


def test_a_pending_refund_that_fails_frees_the_coins_and_tells_everybody(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice, "refund-pends-fails"))
    approve(refund, olga)
    submit(refund)

    eventually(lambda: submit(refund).state == "failed")

    assert held(alice) == (700, 0)
    assert book(Account.Code.PROVIDER_CLEARING) == 840 - 54
    page = fan.get(f"/balance/refunds/{refund.pk}/").content.decode()
    assert "could not send the money. Your coins are yours again." in page
    assert Notice.objects.filter(user=olga, title__contains="needs you").count() == 1


def test_a_refund_that_its_bank_sends_back_is_known_and_told(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    refund = ask(bought(standin, alice, "refund-fails"))
    approve(refund, olga)
    assert submit(refund).state == "paid"
    refund.refresh_from_db()

    def learnt() -> bool:
        submissions.mirror(
            provider=refund.purchase.method.provider, ref=refund.provider_ref, at=now()
        )
        return Refund.objects.get().state == State.FAILED

    eventually(learnt)

    assert held(alice) == (700, 0)  # as if nothing had been asked for
    assert book(Account.Code.PROVIDER_CLEARING) == 840 - 54
    page = fan.get(f"/balance/refunds/{refund.pk}/").content.decode()
    assert "Your bank sent the money back to us. The coins are yours again" in page
    assert [*ledger.audit(), *proofs.refunds_are_booked()] == []
    assert Notice.objects.filter(user=alice, title="Your bank sent €8.40 back to us").exists()
    assert Notice.objects.filter(user=olga, title__contains="needs you").count() == 1


def test_a_provider_that_refuses_frees_the_coins(standin: Standin, alice: User, olga: User) -> None:
    purchase = bought(standin, alice)
    refund = ask(purchase)
    approve(refund, olga)
    standin.ask("POST", "/standin/refunds", {"payment_intent": purchase.payment_ref})  # elsewhere

    assert submit(refund).state == "failed"

    assert held(alice) == (700, 0)
    assert Notice.objects.filter(user=olga, title__contains="needs you").count() == 1
    assert len(sent(standin, purchase)) == 1


def refused_changes(purchase: Purchase) -> dict[str, Callable[[], object]]:
    return {
        "have not arrived": lambda: Purchase.objects.filter(pk=purchase.pk).update(state="paid"),
        "from a gift card": lambda: Purchase.objects.filter(pk=purchase.pk).update(
            channel="gift_card"
        ),
        "is over": lambda: Region.objects.filter(pk="DE").update(withdrawal_days=0),
        "under way": lambda: ask(purchase, 1),
    }


@pytest.mark.parametrize("why", ["have not arrived", "from a gift card", "is over", "under way"])
def test_what_cannot_go_back_says_why_and_freezes_nothing(
    standin: Standin, alice: User, why: str
) -> None:
    purchase = bought(standin, alice)
    change = next(deed for words, deed in refused_changes(purchase).items() if why in words)
    change()
    before = held(alice)

    with pytest.raises((refunds.NotRefundable, refunds.PaidByGiftCard), match=why):
        ask(purchase, 100)

    assert held(alice) == before


def test_coins_that_were_given_cannot_go_back(standin: Standin, alice: User, bob: User) -> None:
    purchase = bought(standin, alice)
    gift = ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 650, alice.pk, "room:1", {})
    ledger.gift(gift).check()

    with pytest.raises(refunds.NotRefundable, match="Between 1 and 50"):
        ask(purchase, 51)
    assert ask(purchase, 50).amount_minor == 60


def test_the_offers_of_many_purchases_are_those_of_each(standin: Standin, alice: User) -> None:
    made = [bought(standin, alice) for _ in range(3)]
    ask(made[0], 5)
    rows = reversals.bought_by(user_id=alice.pk, before=None, limit=10)

    together = refunds.offers(purchases=rows, at=now())

    assert [one.purchase.pk for one in together] == [one.pk for one in reversed(made)]
    assert [one.coins for one in together] == [700, 700, 0]
    values = returns.refund_values(coins_by_purchase={made[1].pk: 100, made[2].pk: 700})
    assert {key: value.gross_minor for key, value in values.items()} == {
        made[1].pk: 120,
        made[2].pk: 840,
    }


def test_a_damaged_form_is_said_and_asks_for_nothing(
    standin: Standin, fan: Client, alice: User
) -> None:
    purchase = bought(standin, alice)
    for number in ("", "x", str(UUID(int=7))):
        answer = fan.post(
            f"/coins/purchases/{purchase.pk}/refund/",
            {"refund": number, "coins": "1", "ground": "unused", "words": ""},
        )
        assert answer.status_code == 400
    assert not Refund.objects.exists()
