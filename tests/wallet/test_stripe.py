"""The Stripe adapter against the stand-in over HTTP: after a payment, and when answers are lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
import stripe as client
from django.conf import LazySettings

from config.standin import rails as theirs
from tests.standin import Standin, eventually, running_standin
from wallet import providers
from wallet.providers import stripe_rails, stripe_shapes
from wallet.providers.base import (
    ActivityKind,
    Declined,
    DisputeState,
    Order,
    Payment,
    PaymentState,
    RailKind,
    Refund,
    RefundOrder,
    RefundState,
    Unavailable,
)
from wallet.providers.stripe import Stripe

type Buy = Callable[..., Payment]

FEE = 54  # of 8.40: 24.36 half up, and 30


@pytest.fixture
def adapter(standin: Standin) -> Iterator[Stripe]:
    standin.faults()
    yield Stripe()
    standin.faults()


def order(**changes: Any) -> Order:
    facts: dict[str, Any] = {
        "purchase_id": uuid4(),
        "coins": 700,
        "amount_minor": 840,
        "currency": "EUR",
        "email": "alice@example.com",
        "language": "de",
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "return_url": "http://localhost:8000/back",
        "cancel_url": "http://localhost:8000/left",
    }
    return Order(**(facts | changes))


@pytest.fixture
def buy(standin: Standin, adapter: Stripe) -> Buy:
    """Buy 700 coins for 8.40 euros, and fetch what became of it."""

    def buyer(card: str = "visa", *, save: bool = False, **changes: Any) -> Payment:
        checkout = adapter.start_checkout(order(**changes))
        standin.pay(checkout.ref, card, "approve", save=save)
        return adapter.fetch(checkout.ref)

    return buyer


def wish(payment: Payment, amount_minor: int, **changes: Any) -> RefundOrder:
    facts: dict[str, Any] = {
        "refund_id": uuid4(),
        "payment_ref": payment.payment_ref,
        "amount_minor": amount_minor,
        "currency": payment.currency,
    }
    return RefundOrder(**(facts | changes))


def refunds_in_book(standin: Standin, payment: Payment) -> list[int]:
    book = standin.whole_book()["refunds"]
    return [row["amount"] for row in book if row["payment_intent"] == payment.payment_ref]


def test_a_purchase_is_bought_refunded_in_part_and_its_dispute_lost(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    payment = buy()
    asked = wish(payment, 240, reason="requested_by_customer")

    refund = adapter.refund(asked)
    opened = standin.dispute(payment.payment_ref)
    dispute = adapter.fetch_dispute(opened["id"])
    standin.decide(opened["id"], "lose")

    assert (payment.state, payment.fee_minor) == (PaymentState.PAID, FEE)
    assert (refund.state, refund.amount_minor, refund.currency) == (
        RefundState.SUCCEEDED,
        240,
        "EUR",
    )
    assert (refund.refund_id, refund.payment_ref) == (str(asked.refund_id), payment.payment_ref)
    assert (dispute.state, dispute.amount_minor, dispute.withdrawn_minor) == (
        DisputeState.OPEN,
        600,
        600,
    )
    assert dispute.fee_minor == 1500
    assert dispute.due_at is not None
    assert dispute.due_at - dispute.created_at == timedelta(days=14)
    lost = adapter.fetch_dispute(opened["id"])
    assert (lost.state, lost.withdrawn_minor, lost.due_at) == (DisputeState.LOST, 600, None)
    assert adapter.disputes_of(payment.payment_ref) == [lost]
    assert adapter.refunds_of(payment.payment_ref) == [refund]


def test_a_payment_tells_of_the_instrument_and_nothing_of_its_number(buy: Buy) -> None:
    first, again, other = buy("germany"), buy("germany"), buy("mastercard")

    assert (first.brand, first.last4, first.card_country) == ("visa", "0016", "DE")
    assert first.instrument_fingerprint == again.instrument_fingerprint != ""
    assert other.instrument_fingerprint not in ("", first.instrument_fingerprint)


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "too_many", "error_500"])
def test_a_refund_whose_answer_was_lost_is_the_same_refund_when_asked_again(
    standin: Standin, adapter: Stripe, buy: Buy, fault: str
) -> None:
    payment = buy()
    asked = wish(payment, 240)
    standin.faults(seed=1, **{fault: 1000})
    with pytest.raises(Unavailable):
        adapter.refund(asked)
    standin.faults()

    made = [adapter.refund(asked) for _ in range(3)]

    assert {one.ref for one in made} == {made[0].ref}
    assert refunds_in_book(standin, payment) == [240]


class LooksForNothing(Stripe):
    """The adapter with its guard off: it trusts its key alone."""

    def refunds_of(self, payment_ref: str) -> list[Refund]:
        return []


def test_a_refund_is_not_made_twice_after_its_key_was_forgotten(
    settings: LazySettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("forgetful")
    with running_standin(folder, key_life_s="0.01") as forgetful:
        settings.STRIPE_API_URL = forgetful.url
        settings.STRIPE_API_KEY = forgetful.api_key
        adapter = Stripe()
        checkout = adapter.start_checkout(order())
        forgetful.pay(checkout.ref)
        payment = adapter.fetch(checkout.ref)
        asked = wish(payment, 240)

        made = [adapter.refund(asked) for _ in range(3)]

        assert {one.ref for one in made} == {made[0].ref}
        assert refunds_in_book(forgetful, payment) == [240]
        # The control: with the key alone, a forgotten one refunds again.
        again = LooksForNothing().refund(asked)
        assert again.ref != made[0].ref
        assert refunds_in_book(forgetful, payment) == [240, 240]


@pytest.mark.parametrize(
    ("card", "first", "last", "problem"),
    [
        ("refund-slow", RefundState.PENDING, RefundState.SUCCEEDED, ""),
        ("refund-fails", RefundState.SUCCEEDED, RefundState.FAILED, "expired_or_canceled_card"),
        ("refund-pends-fails", RefundState.PENDING, RefundState.FAILED, "declined"),
    ],
)
def test_a_refund_that_is_not_settled_at_once_ends_in_a_known_state(
    adapter: Stripe, buy: Buy, card: str, first: RefundState, last: RefundState, problem: str
) -> None:
    made = adapter.refund(wish(buy(card), 840))

    def settled() -> Refund | None:
        found = adapter.fetch_refund(made.ref)
        return found if found.state == last else None

    found = eventually(settled)

    assert made.state == first
    assert found is not None
    assert (found.amount_minor, found.problem) == (840, problem)


def test_a_refund_of_more_than_is_left_or_of_a_disputed_payment_is_declined(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    payment, disputed = buy(), buy()
    adapter.refund(wish(payment, 800))
    standin.dispute(disputed.payment_ref)

    for asked in (wish(payment, 41), wish(disputed, 1)):
        with pytest.raises(Declined):
            adapter.refund(asked)

    assert refunds_in_book(standin, payment) == [800]
    assert refunds_in_book(standin, disputed) == []


def test_a_refund_made_at_the_dashboard_is_nobodys_order(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    payment = buy()

    made = standin.refund(payment.payment_ref, 100)

    found = adapter.fetch_refund(made["id"])
    assert (found.refund_id, found.amount_minor) == ("", 100)


@pytest.mark.parametrize(
    ("granted", "state", "withdrawn_minor"),
    [(None, DisputeState.WON, 0), (500, DisputeState.LOST, 340)],
)
def test_a_dispute_won_keeps_its_fee_and_one_won_in_part_is_lost_for_the_rest(
    standin: Standin,
    adapter: Stripe,
    buy: Buy,
    granted: int | None,
    state: DisputeState,
    withdrawn_minor: int,
) -> None:
    opened = standin.dispute(buy().payment_ref)

    standin.decide(opened["id"], "win", granted)

    found = adapter.fetch_dispute(opened["id"])
    assert (found.state, found.withdrawn_minor, found.fee_minor) == (state, withdrawn_minor, 1500)
    assert found.amount_minor == 840


def test_an_inquiry_is_a_warning_that_takes_nothing(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    asked = standin.dispute(buy().payment_ref, inquiry=True)

    warned = adapter.fetch_dispute(asked["id"])
    standin.decide(asked["id"], "close")

    assert (warned.state, warned.withdrawn_minor, warned.fee_minor) == (DisputeState.WARNING, 0, 0)
    assert adapter.fetch_dispute(asked["id"]).state == DisputeState.WON


def test_every_status_of_the_client_has_a_meaning() -> None:
    """The statuses are those of the client's own types, so a new one cannot pass unseen."""

    def statuses(shown: type) -> set[str]:
        named, _ = get_args(shown.__annotations__["status"])
        return set(get_args(named))

    assert set(stripe_shapes.DISPUTE_STATES) == statuses(client.Dispute)
    assert set(stripe_shapes.INTENT_STATES) == statuses(client.PaymentIntent)


def test_a_status_that_is_not_known_is_declined_rather_than_taken_for_another(
    standin: Standin, buy: Buy
) -> None:
    opened = standin.dispute(buy().payment_ref)

    with pytest.raises(Declined, match="mediated"):
        stripe_shapes.dispute(opened | {"status": "mediated"})


def test_a_warning_names_the_payment_and_its_kind(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    payment = buy()
    warned = standin.warn(payment.payment_ref, "made_with_stolen_card")

    found = adapter.fetch_warning(warned["id"])

    assert (found.payment_ref, found.kind) == (payment.payment_ref, "made_with_stolen_card")
    assert found.is_actionable
    adapter.refund(wish(payment, 840))
    assert not adapter.fetch_warning(warned["id"]).is_actionable


def test_money_is_set_aside_with_the_cards_country_and_taken_once(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    held = buy("brazil", captures_later=True)

    for _ in range(2):
        adapter.capture(held.payment_ref, key="purchase-1")

    assert (held.state, held.card_country, held.fee_minor) == (PaymentState.AUTHORISED, "BR", None)
    assert held.payment_ref
    taken = adapter.fetch(held.checkout_ref)
    assert (taken.state, taken.fee_minor) == (PaymentState.PAID, FEE)
    with pytest.raises(Declined):
        adapter.void(held.payment_ref, key="purchase-1")


def test_money_set_aside_is_let_go_and_that_is_no_refund(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    held = buy(captures_later=True)

    for key in ("one", "one", "another"):
        adapter.void(held.payment_ref, key=key)

    assert adapter.fetch(held.checkout_ref).state == PaymentState.FAILED
    assert adapter.refunds_of(held.payment_ref) == []
    with pytest.raises(Declined):
        adapter.capture(held.payment_ref, key="purchase-2")
    letting_go = [
        row["id"]
        for row in standin.whole_book()["refunds"]
        if row["payment_intent"] == held.payment_ref
    ]
    with pytest.raises(Declined, match="never taken"):
        adapter.fetch_refund(letting_go[0])


def test_a_saved_card_is_offered_to_the_same_customer_until_forgotten(
    standin: Standin, adapter: Stripe, buy: Buy
) -> None:
    first = buy("mastercard", save=True, remembers_method=True)
    assert first.customer_ref

    again = order(customer_ref=first.customer_ref, remembers_method=True)
    page = standin.http.get(adapter.start_checkout(again).url).text
    adapter.forget(first.customer_ref)
    adapter.forget(first.customer_ref)
    anew = order(customer_ref=first.customer_ref, remembers_method=True)
    opened = [adapter.start_checkout(anew) for _ in range(2)]

    assert "Mastercard •••• 4444" in page
    assert opened[0] == opened[1]
    assert "Mastercard •••• 4444 •" not in standin.http.get(opened[0].url).text


@pytest.mark.parametrize(
    ("rail", "currency", "kind"),
    [
        ("ideal", "EUR", RailKind.BANK),
        ("pix", "BRL", RailKind.BANK),
        ("paypal", "EUR", RailKind.WALLET),
    ],
)
def test_other_rails_pay_too(
    standin: Standin, adapter: Stripe, buy: Buy, rail: str, currency: str, kind: RailKind
) -> None:
    known = {one.code: one for one in adapter.rails()}

    payment = buy(rail, rail=rail, currency=currency)

    assert (payment.state, payment.brand, payment.last4) == (PaymentState.PAID, rail, "")
    assert known[rail].kind == kind
    assert known[rail].takes(currency)
    assert not known[rail].takes("JPY")


def test_the_stand_in_takes_the_rails_that_the_adapter_names() -> None:
    ours = {one.code: one.currencies for one in stripe_rails.RAILS if one.currencies}

    assert ours == {
        name: {code.upper() for code in rail.currencies} for name, rail in theirs.BY_NAME.items()
    }


def test_activity_is_the_providers_book_by_id(standin: Standin, adapter: Stripe, buy: Buy) -> None:
    since = datetime.now(UTC).replace(microsecond=0)
    paid, held = buy(), buy(captures_later=True)
    asked = wish(paid, 240)
    refund = adapter.refund(asked)
    dispute = standin.dispute(paid.payment_ref)
    adapter.void(held.payment_ref, key="void")
    until = datetime.now(UTC) + timedelta(seconds=2)

    found = {
        (one.kind, one.ref): (one.state, one.amount_minor, one.fee_minor, one.order_ref)
        for one in adapter.activity(since=since, until=until)
    }

    mine = {
        key: facts
        for key, facts in found.items()
        if key[1] in (paid.payment_ref, held.payment_ref, refund.ref, dispute["id"])
    }
    assert mine == {
        (ActivityKind.PAYMENT, paid.payment_ref): ("paid", 840, FEE, paid.purchase_id),
        (ActivityKind.PAYMENT, held.payment_ref): ("expired", 840, None, held.purchase_id),
        (ActivityKind.REFUND, refund.ref): ("succeeded", 240, 0, str(asked.refund_id)),
        (ActivityKind.DISPUTE, dispute["id"]): ("open", 600, 1500, ""),
    }
    book = standin.whole_book()["payments"]
    assert {row["payment_intent"] for row in book if row["created"] >= since.timestamp()} == {
        ref for kind, ref in found if kind == ActivityKind.PAYMENT
    }
    assert list(adapter.activity(since=until, until=until + timedelta(days=1))) == []


def test_activity_goes_through_every_page(
    standin: Standin, adapter: Stripe, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.providers.stripe_calls.PAGE", 2)
    since = datetime.now(UTC).replace(microsecond=0)
    bought = {buy().payment_ref for _ in range(5)}

    rows = list(adapter.activity(since=since, until=datetime.now(UTC) + timedelta(seconds=2)))

    assert bought <= {one.ref for one in rows}
    assert len({(one.kind, one.ref) for one in rows}) == len(rows)


def test_activity_is_unavailable_while_the_provider_is_away(settings: LazySettings) -> None:
    settings.STRIPE_API_URL = "http://127.0.0.1:9"
    settings.STRIPE_API_KEY = "sk_test_x"
    providers.load.cache_clear()
    now = datetime.now(UTC)

    with pytest.raises(Unavailable):
        list(Stripe().activity(since=now, until=now + timedelta(days=1)))
