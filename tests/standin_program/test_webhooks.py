"""Events reach the merchant: signed, again until taken, over restarts, and as badly as asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests import standin as programs
from tests.standin_program.conftest import Merchant, open_merchant, order

PAID_KINDS = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]


@pytest.fixture(scope="module")
def ear() -> Iterator[Merchant]:
    with open_merchant() as opened:
        yield opened


@pytest.fixture(scope="module")
def running(ear: Merchant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[programs.Standin]:
    """A stand-in with a merchant's endpoint, shared by the tests of this module."""
    with programs.running_standin(tmp_path_factory.mktemp("hooks"), webhook_url=ear.url) as found:
        yield found


@pytest.fixture(autouse=True)
def quiet(ear: Merchant, running: programs.Standin) -> Iterator[None]:
    """Begin and end each test with everything delivered and the plain plan."""
    yield
    ear.answer_next()
    running.deliver()
    programs.eventually(lambda: running.whole_book()["deliveries"]["waiting"] == 0)
    ear.heard.clear()


def buy(standin: programs.Standin, card: str = "visa") -> str:
    """Open a session and try a card on it."""
    session = standin.client().v1.checkout.sessions.create(order())  # type: ignore[arg-type]
    standin.pay(session.id, card)
    return session.id


def verify(body: bytes, signature: str, secret: str) -> Any:
    return stripe.Webhook.construct_event(body, signature, secret)


def test_a_payment_is_told_in_events_that_the_official_client_verifies(
    ear: Merchant, running: programs.Standin
) -> None:
    session = buy(running)

    programs.eventually(lambda: len(ear.heard) == 4)

    assert sorted(ear.kinds()) == sorted(PAID_KINDS)
    for heard in ear.heard:
        event = verify(heard.body, heard.headers["Stripe-Signature"], programs.WEBHOOK_SECRET)
        assert event.id == heard.event["id"]
        assert event.livemode is False
    completed = next(h.event for h in ear.heard if h.event["type"] == PAID_KINDS[3])
    assert completed["data"]["object"]["id"] == session
    assert completed["data"]["object"]["payment_status"] == "paid"
    assert completed["data"]["object"]["client_reference_id"] == "purchase-1"


def test_an_event_signed_with_another_secret_or_changed_on_the_way_is_not_verified(
    ear: Merchant, running: programs.Standin
) -> None:
    buy(running)
    programs.eventually(lambda: len(ear.heard) == 4)
    heard = ear.heard[0]
    signature = heard.headers["Stripe-Signature"]

    with pytest.raises(stripe.SignatureVerificationError):
        verify(heard.body, signature, "whsec_another_0123456789abcdef")
    with pytest.raises(stripe.SignatureVerificationError):
        verify(heard.body.replace(b"740", b"1"), signature, programs.WEBHOOK_SECRET)


def test_an_event_is_told_again_until_it_is_taken(ear: Merchant, running: programs.Standin) -> None:
    running.deliver(mode="hold")
    buy(running, "declined")
    ear.answer_next(500, 302, 404)

    running.deliver()
    programs.eventually(lambda: running.whole_book()["deliveries"]["waiting"] == 0)

    names = [heard.event["id"] for heard in ear.heard]
    assert (len(names), len(set(names))) == (6, 3)  # three events, three vain tries
    assert len({heard.body for heard in ear.heard}) == 3


def test_held_events_wait_and_a_flush_delivers_them_in_their_order(
    ear: Merchant, running: programs.Standin
) -> None:
    running.deliver(mode="hold")

    buy(running)

    assert running.whole_book()["deliveries"]["waiting"] == 4
    assert ear.heard == []
    tries = running.flush()
    assert [tried["type"] for tried in tries] == PAID_KINDS
    assert [tried["status"] for tried in tries] == [200, 200, 200, 200]
    assert ear.kinds() == PAID_KINDS
    assert running.flush() == []


def test_a_seed_shuffles_the_same_events_in_the_same_way(
    ear: Merchant, running: programs.Standin
) -> None:
    running.deliver(mode="hold")

    orders = []
    for _ in range(2):
        buy(running)
        orders.append([tried["type"] for tried in running.flush(reorder_seed=7)])

    assert orders[0] == orders[1] != PAID_KINDS
    assert sorted(orders[0]) == sorted(PAID_KINDS)


def test_events_are_told_in_as_many_copies_as_asked(
    ear: Merchant, running: programs.Standin
) -> None:
    running.deliver(copies=3)

    buy(running)
    programs.eventually(lambda: len(ear.heard) == 12)

    assert len({heard.event["id"] for heard in ear.heard}) == 4


def test_dropped_events_never_come_but_can_be_listed_and_told_by_hand(
    ear: Merchant, running: programs.Standin
) -> None:
    running.deliver(mode="drop")
    session = buy(running)
    running.deliver()

    buy(running, "declined")
    programs.eventually(lambda: len(ear.heard) == 3)

    assert session not in {heard.event["data"]["object"]["id"] for heard in ear.heard}
    listed = running.client().v1.events.list({"type": "checkout.session.completed", "limit": 1})
    assert listed.data[0].data.object["id"] == session
    assert [t["status"] for t in running.flush(event=listed.data[0].id)] == [200]
    assert ear.heard[-1].event["id"] == listed.data[0].id
    running.flush(event=listed.data[0].id)
    assert [h.event["id"] for h in ear.heard[-2:]] == [listed.data[0].id] * 2


def test_an_event_says_how_many_copies_are_on_their_way(running: programs.Standin) -> None:
    running.deliver(mode="hold", copies=2)
    buy(running)
    client = running.client()

    waiting = client.v1.events.list({"limit": 1}).data[0]
    running.flush()

    assert waiting.pending_webhooks == 2
    assert client.v1.events.retrieve(waiting.id).pending_webhooks == 0


def test_an_event_that_is_too_old_is_given_up(tmp_path: Path) -> None:
    with open_merchant() as merchant:
        merchant.answer_next(*[500] * 1000)
        with programs.running_standin(
            tmp_path, webhook_url=merchant.url, webhook_life_s="0.3"
        ) as standin:
            buy(standin, "declined")
            programs.eventually(lambda: standin.whole_book()["deliveries"]["given_up"] == 3)
            counts = standin.whole_book()["deliveries"]

    assert counts == {"waiting": 0, "delivered": 0, "dropped": 0, "refused": 0, "given_up": 3}
